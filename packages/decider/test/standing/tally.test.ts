import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PackageTable } from "../../src/standing/package-table.ts";
import { DEFAULT_STANDING_BOUNDS, type Dossier, Tally } from "../../src/index.ts";
import { aloneOn, claims, countsOf, day, EMPTY, FIVE, id, tallyOf, TODAY, voters } from "./claims.ts";

const ALL_A = "mercury=a venus=a mars=a jupiter=a saturn=a";
const SATURN_ALONE = "mercury=a venus=a mars=a jupiter=a saturn=b";
const MARS_ALONE = "mercury=a venus=a mars=b jupiter=a saturn=a";
const SPLIT = "mercury=a venus=a mars=b jupiter=b saturn=a";
const SCATTERED = "mercury=a venus=b mars=c jupiter=d saturn=e";

describe("how a voter compares with the others", () => {
  const figures = tallyOf([
    ["hello-1", ALL_A],
    ["hello-2", SATURN_ALONE],
    ["bash-1", SPLIT],
    ["bash-2", SCATTERED],
    ["rare-1", "saturn=a"],
    ["rare-2", "saturn=a mars=a"],
    ["rare-3", "saturn=a mars=b"],
    ["nobody-1", "pluto=a"],
  ]).figures();

  test.each([
    ["saturn", "claims 7, single 1, fewAgreed 1, fewDiffering 1, agreed 1, alone 1, split 1, scattered 1"],
    ["mars", "claims 6, fewAgreed 1, fewDiffering 1, agreed 2, split 1, scattered 1"],
    ["venus", "claims 4, agreed 2, split 1, scattered 1"],
  ])("%s: %s", (name, counts) => {
    expect(countsOf(figures, name)).toBe(counts);
  });

  test("those are all its claims", () => {
    for (const one of figures) {
      const { single, fewAgreed, fewDiffering, agreed, alone, split, scattered } = one;
      expect(single + fewAgreed + fewDiffering + agreed + alone + split + scattered).toBe(one.claims);
    }
  });

  test("voters come in their order, and there is nobody else", () => {
    expect(figures.map(({ logId }) => logId)).toEqual(FIVE.split(" "));
  });
});

describe("who must agree before one stands alone", () => {
  test("more than half of the configured operators, whoever of them claims something", () => {
    const paths = [["hello-1", "mercury=a venus=a saturn=b"]] as const;
    expect(countsOf(tallyOf(paths).figures(), "saturn")).toBe("claims 1, fewDiffering 1");
    expect(countsOf(tallyOf(paths, { bounds: { agreeing: 2 } }).figures(), "saturn")).toBe("claims 1, alone 1");
  });

  test("voters of one operator are one", () => {
    const paths = [["hello-1", "a1=a a2=a a3=a saturn=b"]] as const;
    const figures = tallyOf(paths, { voters: "a1/acme a2/acme a3/acme saturn" }).figures();
    expect(countsOf(figures, "saturn")).toBe("claims 1, fewDiffering 1");
  });

  test("an operator named as a voter's id is not that voter", () => {
    const figures = tallyOf([["hello-1", "a=a b=a c=b"]], { voters: "a b/a c" }).figures();
    expect(new Set(figures.map(({ operator }) => operator)).size).toBe(3);
  });

  test("one voter of an operator can stand alone against its sibling and all others", () => {
    const figures = tallyOf([["hello-1", "x=a y=a s1=a s2=b"]], { voters: "x y s1/acme s2/acme" }).figures();
    expect(countsOf(figures, "s1")).toBe("claims 1, agreed 1");
    expect(countsOf(figures, "s2")).toBe("claims 1, alone 1");
  });
});

describe("which packages count against a voter", () => {
  test("each once, however many of its paths", () => {
    const figures = tallyOf([
      ["hello-1", SATURN_ALONE],
      ["hello-2", SATURN_ALONE],
      ["bash-1", SATURN_ALONE],
    ]).figures();
    expect(aloneOn(figures, "saturn")).toBe(2);
    expect(aloneOn(figures, "mars")).toBe(0);
  });

  test.each([
    ["a package on which another stood alone as often", ["hello-1", SATURN_ALONE], ["hello-2", MARS_ALONE], 0],
    ["a package that splits as often", ["hello-1", SATURN_ALONE], ["hello-2", SPLIT], 0],
    ["a package that scatters as often", ["hello-1", SATURN_ALONE], ["hello-2", SCATTERED], 0],
    ["a package that reproduces otherwise", ["hello-1", SATURN_ALONE], ["hello-2", ALL_A], 1],
    ["a package of which too few others know", ["hello-1", SATURN_ALONE], ["hello-2", "mars=a venus=b"], 1],
    ["another package that scatters", ["hello-1", SATURN_ALONE], ["bash-2", SCATTERED], 1],
  ] as const)("%s: %s, %s", (_, first, second, count) => {
    expect(aloneOn(tallyOf([first, second]).figures(), "saturn")).toBe(count);
  });

  test("one dissent of an accomplice does not hide twenty", () => {
    const paths = Array.from({ length: 20 }, (_, i) => [`hello-${i}`, SATURN_ALONE] as const);
    const figures = tallyOf([...paths, ["hello-99", MARS_ALONE]]).figures();
    expect([aloneOn(figures, "saturn"), aloneOn(figures, "mars")]).toEqual([1, 0]);
  });

  test("two voters of one operator that dissent together do not excuse each other", () => {
    const figures = tallyOf([["hello-1", "x=a y=a s1=b s2=c"]], { voters: "x y s1/acme s2/acme" }).figures();
    expect([aloneOn(figures, "s1"), aloneOn(figures, "s2")]).toEqual([1, 1]);
  });

  test("an accomplice that is excluded by proof excuses nobody", () => {
    const proofs = [{ voter: id("mars"), at: day(1), what: "signed two heads of size 12 that differ" }];
    const paths = [
      ["hello-1", SATURN_ALONE],
      ["hello-2", MARS_ALONE],
      ["hello-3", "mercury=a venus=a mars=c jupiter=a saturn=b"],
    ] as const;
    const figures = tallyOf(paths, { dossier: { proofs } }).figures();
    expect(countsOf(figures, "saturn")).toBe("claims 3, agreed 1, alone 2");
    expect(countsOf(figures, "mars")).toBe("claims 3, agreed 1, alone 2");
    expect([aloneOn(figures, "saturn"), aloneOn(figures, "mars")]).toEqual([1, 0]);
    expect(figures.map(({ judges }) => judges)).toEqual([true, true, false, true, true]);
  });
});

test("one that is excluded is held against the others even where they are too few to judge each other", () => {
  const overrides = [{ voter: id("mars"), kind: "exclude", reason: "stolen", at: day(1) }] as const;
  const paths = [
    ["hello-1", "mercury=a venus=a mars=a"],
    ["hello-2", "mercury=a venus=a mars=b"],
    ["hello-3", "mercury=a venus=b mars=b"],
    ["rare-1", "mercury=a mars=a"],
    ["rare-2", "mars=a"],
  ] as const;
  const setting = { voters: "mercury venus mars" };
  const count = (dossier: Partial<Dossier>, name: string): string =>
    countsOf(tallyOf(paths, { ...setting, dossier }).figures(), name);
  expect(count({ overrides }, "mars")).toBe("claims 5, single 1, fewAgreed 1, agreed 2, alone 1");
  expect(count({}, "mars")).toBe("claims 5, single 1, fewAgreed 1, agreed 2, alone 1");
  // It is nobody's witness.
  expect(count({ overrides }, "mercury")).toBe("claims 4, single 1, fewAgreed 2, fewDiffering 1");
  expect(count({ overrides: [] }, "mercury")).toBe("claims 4, fewAgreed 1, agreed 2, alone 1");
});

describe("ages", () => {
  test("a dissent is as old as the claim was when it was first seen", () => {
    const figures = tallyOf([
      ["hello-1", "mercury=a venus=a mars=a jupiter=a saturn=b@960"],
      ["bash-1", "mercury=a venus=a mars=a jupiter=a saturn=b@1000"],
      ["bash-2", "mercury=a venus=a mars=a jupiter=a saturn=b@10"],
      ["nano-1", "mercury=a venus=a mars=a jupiter=a saturn=a@992"],
    ]).figures();
    const { alone, compared } = figures.at(-1)!.counted;
    // In the last 8, 16, 32, 64, ... days.
    expect(alone.slice(0, 5)).toEqual([1, 1, 1, 2, 2]);
    expect(compared.slice(0, 5)).toEqual([1, 2, 2, 3, 3]);
    expect([alone.at(-1), compared.at(-1)]).toEqual([2, 4]);
  });
});

describe("a pardon", () => {
  const pardon = { voter: id("saturn"), kind: "pardon", reason: "its disk was broken", at: day(500) } as const;
  const paths = [
    ["hello-1", "mercury=a venus=a mars=a jupiter=a saturn=b@400"],
    ["bash-1", "mercury=a venus=a mars=a jupiter=a saturn=b@500"],
    ["bash-2", "mercury=a venus=a mars=a jupiter=a saturn=a@400"],
    ["nano-1", "mercury=a venus=a mars=a jupiter=a saturn=b@501"],
    ["nano-2", "mercury=a venus=a mars=a jupiter=a saturn=a@502"],
  ] as const;

  test("makes the count begin anew, with what was first seen after it", () => {
    const figures = tallyOf(paths, { dossier: { overrides: [pardon] } }).figures();
    expect(countsOf(figures, "saturn")).toBe("claims 5, agreed 2, alone 3, forgiven 2");
    expect(figures.at(-1)!.counted.compared.at(-1)).toBe(2);
    expect(aloneOn(figures, "saturn")).toBe(1);
    expect(figures.at(-1)!.examples.map(({ key }) => key)).toEqual(["nano-1"]);
  });

  test("says that the package was at fault, so that it counts against nobody else either", () => {
    const more = [...paths, ["hello-2", MARS_ALONE], ["nano-3", MARS_ALONE]] as const;
    expect(aloneOn(tallyOf(more, { dossier: { overrides: [pardon] } }).figures(), "mars")).toBe(0);
  });

  test("of the last of several counts", () => {
    const overrides = [pardon, { ...pardon, at: day(600) }, { ...pardon, at: day(100) }];
    expect(aloneOn(tallyOf(paths, { dossier: { overrides } }).figures(), "saturn")).toBe(0);
  });
});

describe("second answers", () => {
  const answer = (key: string, at: number, voter = "saturn") => ({ voter: id(voter), key, at: day(at) });

  test("count as dissents on their package, and not twice with standing alone on it", () => {
    const secondAnswers = [answer("hello-1", 900), answer("bash-2", 992), answer("bash-3", 10)];
    const figures = tallyOf([["hello-1", SATURN_ALONE]], { dossier: { secondAnswers } }).figures();
    const { counted, secondAnswers: count } = figures.at(-1)!;
    expect([count, counted.alone.at(-1), counted.secondAnswers.at(-1)]).toEqual([3, 1, 1]);
    expect(counted.secondAnswers.slice(0, 2)).toEqual([0, 1]);
  });

  test("do not count on a package that gives trouble to others", () => {
    const secondAnswers = [answer("hello-1", 900), answer("hello-1", 901, "mars")];
    const figures = tallyOf([], { dossier: { secondAnswers } }).figures();
    expect(figures.at(-1)!.counted.secondAnswers.at(-1)).toBe(0);
  });

  test("from before a pardon, of the excluded, or of strangers are not counted", () => {
    const secondAnswers = [answer("a-1", 10), answer("b-1", 10, "mars"), answer("c-1", 10, "pluto")];
    const overrides = [
      { voter: id("saturn"), kind: "pardon", reason: "rebuilt", at: day(20) },
      { voter: id("mars"), kind: "exclude", reason: "gone", at: day(20) },
    ] as const;
    for (const { counted, secondAnswers: count } of tallyOf([], { dossier: { secondAnswers, overrides } }).figures()) {
      expect([count, counted.secondAnswers.at(-1)]).toEqual([0, 0]);
    }
  });
});

describe("examples", () => {
  test("are the latest five that count, the youngest first", () => {
    const paths = Array.from(
      { length: 60 },
      (_, i) => [`p${i}-1`, `mercury=a venus=a mars=a jupiter=a saturn=b@${500 + ((i * 37) % 60)}`] as const,
    );
    const figures = tallyOf([...paths, ["p0-2", SPLIT], [`p${(59 * 13) % 60}-2`, SPLIT]]).figures();
    const { examples } = figures.at(-1)!;
    expect(examples.map(({ at }) => at / day(1))).toEqual([558, 557, 556, 555, 554]);
    expect(examples[0]).toEqual({ key: "p34-1", at: day(558), kind: "alone" });
  });
});

describe("packages", () => {
  test("reproduced, unreproduced, and dissents", () => {
    const tally = tallyOf([
      ["hello-1", ALL_A],
      ["hello-2", SATURN_ALONE],
      ["hello-3", SCATTERED],
      ["hello-4", "mars=a venus=a"],
      ["hello-5", "mars=a venus=b"],
      ["hello-6", "mars=a"],
      [undefined, ALL_A],
    ]);
    expect([...tally.packages()]).toEqual([{ name: "hello", reproduced: 2, unreproduced: 1, dissents: 1 }]);
  });

  test("beyond the bound they count against nobody, and those in trouble get half as much room again", () => {
    const table = new PackageTable(4);
    const tally = new Tally(
      { voters: voters(FIVE), dossier: EMPTY, bounds: DEFAULT_STANDING_BOUNDS, now: day(TODAY) },
      table,
    );
    for (let i = 0; i < 10; i++) tally.add(`fine${i}-1`, claims(ALL_A));
    expect([...tally.packages()]).toHaveLength(4);
    for (let i = 0; i < 10; i++) tally.add(`bad${i}-1`, claims(SATURN_ALONE));
    expect([...tally.packages()]).toHaveLength(6);
    expect(aloneOn(tally.figures(), "saturn")).toBe(2);
    expect(countsOf(tally.figures(), "saturn")).toBe("claims 20, agreed 10, alone 10");
  });

  test("of a package on which many dissent, some are remembered, and none of the others is blamed", () => {
    const table = new PackageTable();
    for (let seat = 0; seat < 20; seat++) table.addDissent("hello-1", { seat, operator: seat }, "alone", 0);
    for (let i = 0; i < 19; i++) table.addDissent("hello-1", { seat: 0, operator: 0 }, "alone", 0);
    expect(table.counts("hello-1", 0)).toBe(true);
    for (let i = 0; i < 60; i++) table.addDissent("hello-1", { seat: 19, operator: 19 }, "alone", 0);
    expect(table.counts("hello-1", 19)).toBe(false);
    expect(table.counts("hello-1", 0)).toBe(false);
  });
});

test("the order of keys and of claims changes no figure", () => {
  const path = fc
    .tuple(
      fc.constantFrom("p", "q", "r"),
      fc.array(fc.constantFrom("a", "a", "a", "b", "c", ""), { minLength: 5, maxLength: 5 }),
    )
    .map(
      ([name, held]) =>
        [
          `${name}-1`,
          FIVE.split(" ")
            .flatMap((voter, i) => (held[i] === "" ? [] : [`${voter}=${held[i]}@${900 + i}`]))
            .join(" "),
        ] as const,
    );
  fc.assert(
    fc.property(fc.array(path, { maxLength: 30 }), (paths) => {
      const other = paths.map(([key, text]) => [key, text.split(" ").toReversed().join(" ")] as const).toReversed();
      const [one, two] = [paths, other].map((list) =>
        tallyOf(list)
          .figures()
          .map((voter) => ({ ...voter, examples: undefined })),
      );
      expect(one).toEqual(two);
    }),
  );
});
