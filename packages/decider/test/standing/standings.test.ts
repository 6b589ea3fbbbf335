import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  DEFAULT_STANDING_BOUNDS,
  type Dossier,
  type Override,
  type Standing,
  type StandingBounds,
  standingsOf,
} from "../../src/index.ts";
import { judgeVoter, type Judged } from "../../src/standing/judge-voter.ts";
import { day, EMPTY, id, tallyOf, TODAY } from "./claims.ts";

const BOUNDS = DEFAULT_STANDING_BOUNDS;

interface Case {
  /** Packages on which saturn stands alone, and on which all agree; first seen on this day (default: today). */
  readonly alone?: number;
  readonly agreed?: number;
  readonly seen?: number;
  readonly more?: readonly (readonly [string, string])[];
  readonly dossier?: Partial<Dossier>;
  readonly bounds?: StandingBounds;
}

function saturn({ alone = 0, agreed = 0, seen = TODAY, more = [], dossier, bounds = BOUNDS }: Case): Standing {
  const path = (kind: string, letter: string) => (_: unknown, i: number) =>
    [`${kind}${i}-1`, `mercury=a venus=a mars=a jupiter=a saturn=${letter}@${seen}`] as const;
  const paths = [
    ...Array.from({ length: alone }, path("bad", "b")),
    ...Array.from({ length: agreed }, path("fine", "a")),
    ...more,
  ];
  const whole = { ...EMPTY, ...dossier };
  const figures = tallyOf(paths, { dossier: whole, bounds }).figures();
  return standingsOf({ figures, dossier: whole, bounds, now: day(TODAY) }).at(-1)!;
}

const proof = (on: number) => ({ voter: id("saturn"), at: day(on), what: "signed two heads of size 12 that differ" });
const override = (kind: Override["kind"], on: number, reason: string): Override => ({
  voter: id("saturn"),
  kind,
  reason,
  at: day(on),
});
const secondAnswers = (count: number, on = TODAY) =>
  Array.from({ length: count }, (_, i) => ({ voter: id("saturn"), key: `twice${i}-1`, at: day(on) }));

describe("dissent", () => {
  test.each([
    [0, 0, "good", "never compared: too few others claim something for its 0 paths"],
    [0, 30, "good", "agreed on 30 of 30 compared paths, alone on 0"],
    [4, 0, "good", "agreed on 0 of 4 compared paths, alone on 4"],
    [
      5,
      0,
      "suspect",
      "alone on 5 packages in 5 compared paths (100 %, 0.5 % allowed): by chance less than once in 100 000 000 000",
    ],
    [
      9,
      191,
      "suspect",
      "alone on 9 packages in 200 compared paths (4.5 %, 0.5 % allowed): by chance less than once in 100 000",
    ],
    [
      10,
      190,
      "excluded",
      "alone on 10 packages in 200 compared paths (5 %, 0.5 % allowed): by chance less than once in 1 000 000",
    ],
    [10, 990, "good", "agreed on 990 of 1 000 compared paths, alone on 10"],
  ] as const)("alone on %i packages, agreed on %i: %s", (alone, agreed, standing, reason) => {
    const found = saturn({ alone, agreed });
    expect(found).toMatchObject({ standing, cause: standing === "good" ? undefined : "dissent" });
    expect(found.reasons[0]).toBe(reason);
    expect(found.since).toBe(standing === "excluded" ? day(TODAY) : undefined);
  });

  test("the figures stand beside the reason", () => {
    expect(saturn({ alone: 10 }).reasons.at(-1)).toBe("agreed on 0 of 10 compared paths, alone on 10");
  });

  test("many paths of few packages exclude nobody", () => {
    const more = Array.from(
      { length: 400 },
      (_, i) => [`p${i % 4}-${i}`, "mercury=a venus=a mars=a jupiter=a saturn=b"] as const,
    );
    expect(saturn({ more })).toMatchObject({ standing: "good", figures: { alone: 400 } });
  });

  test("where all stand alone often, nobody stands out", () => {
    const names = "mercury venus mars jupiter saturn".split(" ");
    const more = names.flatMap((odd) =>
      Array.from(
        { length: 40 },
        (_, i) => [`${odd}${i}-1`, names.map((name) => `${name}=${name === odd ? "b" : "a"}`).join(" ")] as const,
      ),
    );
    expect(saturn({ more, agreed: 800 }).standing).toBe("good");
    // 80 more: 120 of 1080, where the others have 40.
    const found = saturn({ more, agreed: 800, alone: 80 });
    expect(found).toMatchObject({ standing: "excluded", judgement: { compared: 1080, alone: 120 } });
    expect(found.judgement.allowed).toBeCloseTo((1.5 * 40) / 1080);
  });

  test("one other that dissents much does not make it usual", () => {
    const more = Array.from(
      { length: 300 },
      (_, i) => [`odd${i}-1`, "mercury=a venus=a mars=b jupiter=a saturn=a"] as const,
    );
    expect(saturn({ more, agreed: 700, alone: 30 }).standing).toBe("excluded");
  });

  test("a long good time excuses nothing: the last days are judged, too", () => {
    const past = Array.from(
      { length: 5000 },
      (_, i) => [`old${i}-1`, "mercury=a venus=a mars=a jupiter=a saturn=a@100"] as const,
    );
    const found = saturn({ more: past, alone: 20, agreed: 480, seen: TODAY - 10 });
    expect(found.standing).toBe("excluded");
    expect(found.judgement).toMatchObject({ days: 16, compared: 500, alone: 20 });
    expect(found.reasons[0]).toBe(
      "alone on 20 packages in 500 compared paths of the last 16 days (4 %, 0.5 % allowed): by chance less than once in 10 000 000 000",
    );
  });

  test("second answers add to it, and have all claims to be measured by", () => {
    expect(saturn({ agreed: 100, dossier: { secondAnswers: secondAnswers(9) } }).standing).toBe("suspect");
    expect(saturn({ agreed: 100, dossier: { secondAnswers: secondAnswers(10) } }).standing).toBe("excluded");
    expect(saturn({ agreed: 2000, dossier: { secondAnswers: secondAnswers(10) } }).standing).toBe("good");
    const both = saturn({ agreed: 94, alone: 6, dossier: { secondAnswers: secondAnswers(6) } });
    expect(both.standing).toBe("excluded");
    expect(both.reasons[0]).toMatch(
      /^alone on 6 packages in 100 compared paths.*; a second, different answer for 6 packages.*: by chance less than once in /,
    );
  });

  test("second answers of a voter that is never compared count as well, but not without any claim", () => {
    const single = Array.from({ length: 50 }, (_, i) => [`s${i}-1`, "saturn=a"] as const);
    const found = saturn({ more: single, dossier: { secondAnswers: secondAnswers(12) } });
    expect(found.standing).toBe("excluded");
    expect(found.reasons[0]).toMatch(/^a second, different answer for 12 packages/);
    expect(saturn({ dossier: { secondAnswers: secondAnswers(12) } }).standing).toBe("good");
  });

  test("the bounds are the user's", () => {
    const bounds = { ...BOUNDS, suspect: { packages: 1, odds: 10 }, exclude: { packages: 3, odds: 10 } };
    expect(saturn({ alone: 2, bounds }).standing).toBe("suspect");
    expect(saturn({ alone: 3, bounds }).standing).toBe("excluded");
    expect(saturn({ alone: 3, agreed: 3, bounds: { ...bounds, share: 0.6 } }).standing).toBe("good");
  });
});

describe("proof and the user's word", () => {
  test.each<[string, Partial<Dossier>, string, string]>([
    ["nothing", {}, "good", "never compared: too few others claim something for its 0 paths"],
    [
      "a proof excludes at once",
      { proofs: [proof(5)] },
      "excluded since 5 by proof",
      "signed two heads of size 12 that differ",
    ],
    [
      "of several, since the first",
      { proofs: [proof(7), proof(5)] },
      "excluded since 5 by proof",
      "signed two heads of size 12 that differ",
    ],
    [
      "of somebody else",
      { proofs: [{ ...proof(5), voter: id("mars") }] },
      "good",
      "never compared: too few others claim something for its 0 paths",
    ],
    [
      "the user excludes",
      { overrides: [override("exclude", 3, "it is for sale")] },
      "excluded since 3 by user",
      "excluded by the user: it is for sale",
    ],
    [
      "both: the user's reason first",
      { proofs: [proof(2)], overrides: [override("exclude", 3, "it is for sale")] },
      "excluded since 2 by user",
      "excluded by the user: it is for sale",
    ],
    [
      "a pardon undoes proofs known then",
      { proofs: [proof(5)], overrides: [override("pardon", 5, "a test key")] },
      "good",
      "never compared: too few others claim something for its 0 paths",
    ],
    [
      "but no later ones",
      { proofs: [proof(5), proof(9)], overrides: [override("pardon", 6, "a test key")] },
      "excluded since 9 by proof",
      "signed two heads of size 12 that differ",
    ],
    [
      "a pardon undoes the user's order",
      { overrides: [override("exclude", 3, "x"), override("pardon", 4, "y")] },
      "good",
      "never compared: too few others claim something for its 0 paths",
    ],
    [
      "a later order stands",
      { overrides: [override("pardon", 4, "y"), override("exclude", 5, "x")] },
      "excluded since 5 by user",
      "excluded by the user: x",
    ],
    [
      "at one moment the later in the list stands",
      { overrides: [override("exclude", 4, "x"), override("pardon", 4, "y")] },
      "good",
      "never compared: too few others claim something for its 0 paths",
    ],
    [
      "whatever the list's order, the later moment stands",
      { overrides: [override("exclude", 5, "x"), override("pardon", 4, "y")] },
      "excluded since 5 by user",
      "excluded by the user: x",
    ],
    [
      "an exclusion for dissent stays although the figures are good now",
      { exclusions: [{ voter: id("saturn"), at: day(8), reason: "alone on 12 packages" }] },
      "excluded since 8 by dissent",
      "alone on 12 packages",
    ],
    [
      "until it is pardoned",
      {
        exclusions: [{ voter: id("saturn"), at: day(8), reason: "alone on 12 packages" }],
        overrides: [override("pardon", 8, "mended")],
      },
      "good",
      "never compared: too few others claim something for its 0 paths",
    ],
  ])("%s", (_, dossier, wanted, reason) => {
    const { standing, since, cause, reasons } = saturn({ dossier });
    expect(since === undefined ? standing : `${standing} since ${since / day(1)} by ${cause}`).toBe(wanted);
    expect(reasons[0]).toBe(reason);
  });

  test("a pardon is told", () => {
    expect(saturn({ dossier: { overrides: [override("pardon", 1, "its disk was broken")] } }).reasons.at(-1)).toBe(
      "pardoned: its disk was broken",
    );
  });

  test("after a pardon new dissents exclude again, as soon as they would have excluded a newcomer", () => {
    const overrides = [override("pardon", TODAY - 10, "its disk was broken")];
    const past = Array.from(
      { length: 60 },
      (_, i) => [`old${i}-1`, "mercury=a venus=a mars=a jupiter=a saturn=b@900"] as const,
    );
    expect(saturn({ more: past }).standing).toBe("excluded");
    expect(saturn({ more: past, dossier: { overrides } }).standing).toBe("good");
    expect(saturn({ more: past, alone: 9, agreed: 190, dossier: { overrides } }).standing).toBe("suspect");
    const again = saturn({ more: past, alone: 10, agreed: 190, dossier: { overrides } });
    expect(again.standing).toBe("excluded");
    expect(again.reasons[1]).toBe("agreed on 190 of 260 compared paths, alone on 70 (60 before the pardon)");
  });

  test("somebody who is excluded does not make dissent usual", () => {
    const dossier = { proofs: ["mercury", "venus"].map((name) => ({ ...proof(1), voter: id(name) })) };
    // With both of them left out, three operators are left, and no four can be compared.
    expect(saturn({ alone: 30, dossier }).standing).toBe("good");
    expect(saturn({ alone: 30, dossier, bounds: { ...BOUNDS, agreeing: 2 } }).standing).toBe("excluded");
  });
});

describe("judging", () => {
  const counts = fc.record({ compared: fc.nat(5000), alone: fc.nat(100), secondAnswers: fc.nat(20) });
  const voter = fc.record({ operator: fc.nat(5), counts: fc.array(counts, { minLength: 4, maxLength: 4 }) });
  const asJudged = ({
    operator,
    counts,
  }: {
    operator: number;
    counts: { compared: number; alone: number; secondAnswers: number }[];
  }): Judged => {
    const sum = (key: "compared" | "alone" | "secondAnswers"): number[] => {
      let total = 0;
      return counts.map((one) => (total += key === "alone" ? Math.min(one.alone, one.compared) : one[key]));
    };
    const compared = sum("compared");
    return {
      operator,
      judges: true,
      claims: compared.at(-1)!,
      counted: { compared, alone: sum("alone"), secondAnswers: sum("secondAnswers") },
    };
  };

  test("one more package never helps, and one more agreement never harms", () => {
    const rank = { good: 0, suspect: 1, excluded: 2 };
    fc.assert(
      fc.property(voter, fc.array(voter, { maxLength: 5 }), (own, others) => {
        const all = others.map(asJudged);
        const judge = (one: Judged): number => rank[judgeVoter(one, all, BOUNDS).level];
        const now = asJudged(own);
        const grown = (key: "alone" | "compared"): Judged => ({
          ...now,
          claims: now.claims + 1,
          counted: {
            ...now.counted,
            compared: now.counted.compared.map((count) => count + 1),
            alone: key === "alone" ? now.counted.alone.map((count) => count + 1) : now.counted.alone,
          },
        });
        expect(judge(grown("alone"))).toBeGreaterThanOrEqual(judge(now));
        expect(judge(grown("compared"))).toBeLessThanOrEqual(judge(now));
      }),
      { numRuns: 500 },
    );
  });

  test("whoever is found reaches both bounds", () => {
    fc.assert(
      fc.property(voter, fc.array(voter, { maxLength: 5 }), (own, others) => {
        const found = judgeVoter(asJudged(own), others.map(asJudged), BOUNDS);
        fc.pre(found.level !== "good");
        const bound = found.level === "excluded" ? BOUNDS.exclude : BOUNDS.suspect;
        expect(found.alone + found.secondAnswers).toBeGreaterThanOrEqual(bound.packages);
        expect(Math.exp(found.surprise)).toBeGreaterThanOrEqual(bound.odds * (1 - 1e-9));
        expect(found.allowed).toBeGreaterThanOrEqual(BOUNDS.share);
      }),
    );
  });
});

describe("who is left to be compared with", () => {
  const bounds = { ...BOUNDS, agreeing: undefined };
  const all = (voters: string, excluded: readonly string[]): Standing[] => {
    const overrides = excluded.map((name) => ({ ...override("exclude", 3, "stolen"), voter: id(name) }));
    const dossier = { ...EMPTY, overrides };
    const paths = [["hello-1", voters.replaceAll(/(\w+)(?:\/\w+)?/g, "$1=a")]] as const;
    const figures = tallyOf(paths, { voters, dossier, bounds }).figures();
    return standingsOf({ figures, dossier, bounds, now: day(TODAY) });
  };
  const AGREED = "agreed on 1 of 1 compared path, alone on 0";

  test.each<[voters: string, excluded: string[], reasons: Record<string, string>]>([
    ["mercury venus mars", [], { mercury: AGREED, mars: AGREED }],
    [
      "mercury venus mars",
      ["mars"],
      {
        mercury: "not compared: 1 of 2 others is excluded, and 2 that agree are needed",
        // Two others are left for the one that is excluded.
        mars: AGREED,
      },
    ],
    [
      "mercury venus mars jupiter saturn",
      ["mars", "saturn"],
      {
        mercury: "not compared: 2 of 4 others are excluded, and 3 that agree are needed",
        mars: AGREED,
      },
    ],
    [
      "mercury venus mars",
      ["mars", "venus"],
      {
        mercury: "not compared: 2 of 2 others are excluded, and 2 that agree are needed",
        mars: "not compared: 1 of 2 others is excluded, and 2 that agree are needed",
      },
    ],
    ["mercury venus", [], { mercury: "not compared: there is 1 other, and 2 that agree are needed" }],
    ["mercury", [], { mercury: "not compared: there are 0 others, and 2 that agree are needed" }],
    // An operator is left out only with all its voters.
    ["mercury venus mars/acme saturn/acme", ["mars"], { mercury: AGREED, venus: AGREED, saturn: AGREED }],
    [
      "mercury venus mars/acme saturn/acme",
      ["mars", "saturn"],
      { mercury: "not compared: 1 of 2 others is excluded, and 2 that agree are needed" },
    ],
  ])("of %s without %s", (voters, excluded, reasons) => {
    const standings = all(voters, excluded);
    const told = Object.keys(reasons).map((name) => {
      const found = standings.find(({ logId }) => logId === name)!;
      return [name, found.reasons.at(-1)];
    });
    expect(Object.fromEntries(told)).toEqual(reasons);
  });
});
