import { toHex } from "@trustix/crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide, type Rule } from "../src/index.ts";
import { logId, votersOf, votesOf } from "./ballots.ts";

const FOUR = ["mercury", "venus", "saturn", "mars"];
const quorum = (threshold: number, voters?: string[]): Rule => ({
  engine: "quorum",
  threshold,
  voters: voters?.map(logId),
});
const percentage = (minimum: number): Rule => ({ engine: "percentage", minimum });

interface Row {
  readonly name: string;
  readonly rules: Rule[];
  readonly voters?: string[];
  readonly votes: string[];
  /** `digest confidence`, or `-`. */
  readonly want: string;
  readonly reason: string;
}

const rows: Row[] = [
  {
    name: "three of four decide, and the fourth is named",
    rules: [quorum(3)],
    votes: ["mercury=aa", "venus=aa", "saturn=bb", "mars=aa"],
    want: "aa 75",
    reason: "3 of 4 agree, 3 needed; saturn claims bb",
  },
  {
    name: "two of four are not three, even when the others are down",
    rules: [quorum(3)],
    votes: ["mercury=aa", "venus=aa", "saturn:unreachable", "mars:unreachable"],
    want: "-",
    reason: "2 of 4 agree, 3 needed; mercury and venus claim aa; saturn is unreachable; mars is unreachable",
  },
  {
    name: "a voter that was never heard counts in N",
    rules: [percentage(50)],
    votes: ["mercury=aa"],
    want: "-",
    reason:
      "1 of 4 agree (25 %), 50 % needed; mercury claims aa; venus was not heard; saturn was not heard; mars was not heard",
  },
  {
    name: "excluded, stale and unverifiable voters count in N and do not agree with anybody",
    rules: [quorum(2)],
    votes: ["mercury=aa", "venus:excluded", "saturn:stale", "mars:unverifiable"],
    want: "-",
    reason: "1 of 4 agree, 2 needed; mercury claims aa; venus is excluded; saturn is stale; mars could not be verified",
  },
  {
    name: "two values that reach the threshold are a conflict",
    rules: [quorum(2)],
    votes: ["mercury=aa", "venus=bb", "saturn=bb", "mars=aa"],
    want: "-",
    reason:
      "conflict: more than one value has the 2 of 4 needed (mercury and mars for aa, venus and saturn for bb); mercury and mars claim aa; venus and saturn claim bb",
  },
  {
    name: "a log that answers twice has one vote",
    rules: [quorum(2)],
    votes: ["mercury=aa", "mercury=aa", "venus:absent"],
    want: "-",
    reason: "1 of 4 agree, 2 needed; mercury claims aa; venus has no claim; saturn was not heard; mars was not heard",
  },
  {
    name: "a log that answers in two ways has no vote, whatever it says the third time",
    rules: [quorum(1)],
    voters: ["mercury"],
    votes: ["mercury=aa", "mercury=bb", "mercury=aa"],
    want: "-",
    reason: "0 of 1 agree, 1 needed; mercury could not be verified (it answered in two ways)",
  },
  {
    name: "a log that is listed twice counts once in N",
    rules: [quorum(2)],
    voters: ["mercury", "mercury", "venus"],
    votes: ["mercury=aa", "venus:absent"],
    want: "-",
    reason: "1 of 2 agree, 2 needed; mercury claims aa; venus has no claim",
  },
  {
    name: "votes of logs that are not configured are ignored",
    rules: [quorum(2)],
    voters: ["mercury", "venus"],
    votes: ["mercury=aa", "evil1=aa", "evil2=aa"],
    want: "-",
    reason: "1 of 2 agree, 2 needed; mercury claims aa; venus was not heard",
  },
  {
    name: "a quorum over named voters counts only these",
    rules: [quorum(2, ["mercury", "venus"])],
    votes: ["mercury=aa", "venus=aa", "saturn=bb", "mars=bb"],
    want: "aa 100",
    reason: "2 of 2 named voters agree, 2 needed; saturn and mars claim bb",
  },
  {
    name: "a named voter that is not configured stays in the count",
    rules: [quorum(2, ["mercury", "pluto", "pluto"])],
    votes: ["mercury=aa", "pluto=aa"],
    want: "-",
    reason:
      "1 of 2 named voters agree, 2 needed; mercury claims aa; venus was not heard; saturn was not heard; mars was not heard",
  },
  {
    name: "a threshold of nobody decides nothing",
    rules: [quorum(0)],
    voters: ["mercury"],
    votes: ["mercury=aa"],
    want: "-",
    reason: "0 needed",
  },
  {
    name: "percentage takes the only leader",
    rules: [percentage(50)],
    votes: ["mercury=aa", "venus=bb", "saturn=aa", "mars=cc"],
    want: "aa 50",
    reason: "2 of 4 agree (50 %), 50 % needed; venus claims bb; mars claims cc",
  },
  {
    name: "percentage never decides a tie by chance",
    rules: [percentage(0)],
    votes: ["mercury=aa", "venus=bb"],
    want: "-",
    reason: "a tie: values with 1 of 4 logs each, and only one may lead",
  },
  {
    name: "percentage with minimum 0 still needs a claim",
    rules: [percentage(0)],
    votes: ["mercury:absent"],
    want: "-",
    reason: "0 of 4 agree, at least one needed",
  },
  {
    name: "unanimity of three is 100 percent",
    rules: [percentage(100)],
    voters: ["mercury", "venus", "mars"],
    votes: ["mercury=aa", "venus=aa", "mars=aa"],
    want: "aa 100",
    reason: "3 of 3 agree (100 %), 100 % needed",
  },
  {
    name: "one log may be believed alone",
    rules: [{ engine: "logid", id: logId("mars") }],
    votes: ["mercury=aa", "mars=bb"],
    want: "bb 100",
    reason: "mars decides; mercury claims aa; venus was not heard; saturn was not heard",
  },
  {
    name: "rules are tried in order, and the first that decides wins",
    rules: [quorum(4), { engine: "logid", id: logId("pluto") }, percentage(50)],
    votes: ["mercury=aa", "venus=aa", "saturn=bb", "mars:absent"],
    want: "aa 50",
    reason: "2 of 4 agree (50 %), 50 % needed; saturn claims bb; mars has no claim",
  },
  {
    name: "when none decides, each says why",
    rules: [quorum(4), { engine: "logid", id: logId("pluto") }],
    votes: ["mercury=aa"],
    want: "-",
    reason: "quorum: 1 of 4 agree, 4 needed; logid: log pluto is not configured; mercury claims aa",
  },
  {
    name: "without rules nothing is decided",
    rules: [],
    votes: ["mercury=aa"],
    want: "-",
    reason: "no decider is configured",
  },
  {
    name: "without logs nothing is decided",
    rules: [percentage(0)],
    voters: [],
    votes: [],
    want: "-",
    reason: "no log is configured",
  },
  {
    name: "javascript without a sandbox decides nothing",
    rules: [{ engine: "javascript", source: "i => i[0].Value" }],
    votes: ["mercury=aa"],
    want: "-",
    reason: "there is no sandbox to run the function in",
  },
];

describe("the rules", () => {
  for (const row of rows) {
    test(row.name, () => {
      const voters = votersOf(...(row.voters ?? FOUR));
      const outcome = decide({ rules: row.rules, voters, votes: votesOf(...row.votes), sandbox: undefined });
      const { decision } = outcome;
      expect(decision ? `${toHex(decision.digest)} ${decision.confidence}` : "-").toBe(row.want);
      expect(outcome.reason).toContain(row.reason);
    });
  }
});

test("a decision lists who agrees, who differs and who is missing", () => {
  const outcome = decide({
    rules: [quorum(9), quorum(2)],
    voters: votersOf(...FOUR),
    votes: votesOf("mars=aa", "mercury=aa", "saturn=bb", "venus:absent"),
    sandbox: undefined,
  });
  expect(outcome.decision).toMatchObject({ logIds: ["mercury", "mars"], rule: 1, engine: "quorum" });
  expect(outcome.mismatches.map(({ logId, digest }) => [logId, toHex(digest)])).toEqual([["saturn", "bb"]]);
  expect(outcome.misses).toEqual(["venus"]);
});

test("reasons that come from outside stay on one line and short", () => {
  const reason = `\u001b[31mno\n\u202e${"x".repeat(1000)}`;
  const outcome = decide({
    rules: [quorum(1)],
    voters: votersOf("mercury"),
    votes: [{ logId: logId("mercury"), outcome: "unreachable", digest: undefined, reason }],
    sandbox: undefined,
  });
  expect(outcome.reason).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(outcome.reason.length).toBeLessThan(250);
});

describe("for any votes", () => {
  const vote = fc.constantFrom("=aa", "=bb", "=cc", ":absent", ":unreachable", ":excluded", ":stale", ":unverifiable");
  const election = fc.array(vote, { minLength: 1, maxLength: 9 });
  const run = (rule: Rule, votes: readonly string[]) =>
    decide({
      rules: [rule],
      voters: votersOf(...votes.map((_, i) => `log${i}`)),
      votes: votesOf(...votes.map((text, i) => `log${i}${text}`)),
      sandbox: undefined,
    });

  test("silencing a voter never makes a quorum decide where it did not", () => {
    fc.assert(
      fc.property(election, fc.integer({ min: 1, max: 9 }), fc.nat(8), (votes, threshold, which) => {
        const silenced = votes.map((text, i) => (i === which % votes.length ? ":unreachable" : text));
        const before = run(quorum(threshold), votes).decision;
        const after = run(quorum(threshold), silenced).decision;
        // The one exception is a conflict, which has two values with enough votes each: a majority threshold excludes it.
        if (threshold * 2 > votes.length && before === undefined) expect(after).toBeUndefined();
      }),
    );
  });

  test("the order of votes does not matter, and every voter agrees, differs or is missing", () => {
    fc.assert(
      fc.property(election, fc.integer({ min: 0, max: 100 }), (votes, minimum) => {
        const voters = votersOf(...votes.map((_, i) => `log${i}`));
        const list = votesOf(...votes.map((text, i) => `log${i}${text}`));
        const rules = [percentage(minimum)];
        const one = decide({ rules, voters, votes: list, sandbox: undefined });
        expect(decide({ rules, voters, votes: list.toReversed(), sandbox: undefined })).toEqual(one);
        if (one.decision !== undefined) {
          const everybody = [...one.decision.logIds, ...one.mismatches.map((m) => m.logId), ...one.misses];
          expect(everybody.toSorted()).toEqual(voters.map((v) => v.logId).toSorted());
          expect(one.decision.confidence).toBe(Math.floor((100 * one.decision.logIds.length) / votes.length));
        }
      }),
    );
  });
});
