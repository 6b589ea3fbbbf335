/** The rules, one election a row. */
import { fromHex, toHex } from "@trustix/crypto";
import { describe, expect, test } from "vitest";
import type { QuorumGroup, Rule } from "../src/index.ts";
import { ask, logId, votersOf, votesOf } from "./ballots.ts";

const FOUR = ["mercury", "venus", "saturn", "mars"];
const quorum = (threshold: number, voters?: string[]): Rule => ({
  engine: "quorum",
  threshold,
  voters: voters?.map(logId),
});
const group = (name: string | undefined, threshold: number, voters: string[], more = {}): QuorumGroup => ({
  name,
  threshold,
  voters: voters.map(logId),
  ...more,
});
const groups = (threshold: number, ...inner: QuorumGroup[]): Rule => ({
  engine: "quorum",
  threshold,
  voters: undefined,
  groups: inner,
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
    reason: "2 of 4 agree, 3 needed; mercury and venus claim aa; mars is unreachable; saturn is unreachable",
  },
  {
    name: "a voter that was never heard counts in N",
    rules: [percentage(50)],
    votes: ["mercury=aa"],
    want: "-",
    reason:
      "1 of 4 agree (25 %), 50 % needed; mercury claims aa; mars was not heard; saturn was not heard; venus was not heard",
  },
  {
    name: "excluded, stale and unverifiable voters count in N and do not agree with anybody",
    rules: [quorum(2)],
    votes: ["mercury=aa", "venus:excluded", "saturn:stale", "mars:unverifiable"],
    want: "-",
    reason: "1 of 4 agree, 2 needed; mercury claims aa; mars could not be verified; saturn is stale; venus is excluded",
  },
  {
    name: "two values that reach the threshold are a conflict",
    rules: [quorum(2)],
    votes: ["mercury=aa", "venus=bb", "saturn=bb", "mars=aa"],
    want: "-",
    reason:
      "conflict: more than one value has the 2 of 4 needed (mars and mercury for aa, saturn and venus for bb); mars and mercury claim aa; saturn and venus claim bb",
  },
  {
    name: "a log that answers twice has one vote",
    rules: [quorum(2)],
    votes: ["mercury=aa", "mercury=aa", "venus:absent"],
    want: "-",
    reason: "1 of 4 agree, 2 needed; mercury claims aa; mars was not heard; saturn was not heard; venus has no claim",
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
    reason: "2 of 2 named voters agree, 2 needed; mars and saturn claim bb",
  },
  {
    name: "a named voter that is not configured stays in the count",
    rules: [quorum(2, ["mercury", "pluto", "pluto"])],
    votes: ["mercury=aa", "pluto=aa"],
    want: "-",
    reason:
      "1 of 2 named voters agree, 2 needed; mercury claims aa; mars was not heard; saturn was not heard; venus was not heard",
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
    reason: "2 of 4 agree (50 %), 50 % needed; mars claims cc; venus claims bb",
  },
  {
    name: "percentage never decides a tie by chance",
    rules: [percentage(0)],
    votes: ["mercury=aa", "venus=bb"],
    want: "-",
    reason: "a tie: values with 1 of 4 voters each, and only one may lead",
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
    reason: "mars decides; mercury claims aa; saturn was not heard; venus was not heard",
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
    reason: "quorum: 1 of 4 agree, 4 needed; logid: voter pluto is not configured; mercury claims aa",
  },
  {
    name: "without rules nothing is decided",
    rules: [],
    votes: ["mercury=aa"],
    want: "-",
    reason: "no decider is configured",
  },
  {
    name: "without voters nothing is decided",
    rules: [percentage(0)],
    voters: [],
    votes: [],
    want: "-",
    reason: "no voter is configured",
  },
  {
    name: "javascript without a sandbox decides nothing",
    rules: [{ engine: "javascript", source: "i => i[0].Value" }],
    votes: ["mercury=aa"],
    want: "-",
    reason: "there is no sandbox to run the function in",
  },
];

const ACME = ["mercury@acme", "venus@acme", "saturn", "mars"];

const operatorRows: Row[] = [
  {
    name: "two voters of one operator are one of N",
    rules: [quorum(2)],
    voters: ACME,
    votes: ["mercury=aa", "venus=aa", "saturn=bb", "mars:absent"],
    want: "-",
    reason:
      "1 of 3 operators agree, 2 needed; mercury of acme and venus of acme claim aa; saturn claims bb; mars has no claim",
  },
  {
    name: "an operator speaks through any of its voters, and confidence counts operators",
    rules: [quorum(2)],
    voters: ACME,
    votes: ["mercury:unreachable", "venus=aa", "saturn=aa", "mars=bb"],
    want: "aa 66",
    reason: "2 of 3 operators agree, 2 needed; mars claims bb; mercury is unreachable",
  },
  {
    name: "an operator that contradicts itself votes for nothing and counts in N",
    rules: [quorum(2)],
    voters: ACME,
    votes: ["mercury=aa", "venus=bb", "saturn=aa", "mars=aa"],
    want: "aa 66",
    reason:
      "2 of 3 operators agree, 2 needed; acme contradicts itself and votes for nothing (mercury claims aa, venus claims bb)",
  },
  {
    name: "a contradiction with a voter outside the named ones counts as well",
    rules: [quorum(2, ["mercury", "saturn"])],
    voters: ACME,
    votes: ["mercury=aa", "venus=bb", "saturn=aa", "mars=aa"],
    want: "-",
    reason: "1 of 2 named voters agree, 2 needed; mars and saturn claim aa; acme contradicts itself",
  },
  {
    name: "percentage counts operators too",
    rules: [percentage(66)],
    voters: ACME,
    votes: ["mercury=aa", "venus=aa", "saturn=aa", "mars=bb"],
    want: "aa 66",
    reason: "2 of 3 operators agree (66 %), 66 % needed; mars claims bb",
  },
  {
    name: "one operator with many logs does not lead a percentage",
    rules: [percentage(50)],
    voters: ["a@x", "b@x", "c@x", "d", "e"],
    votes: ["a=aa", "b=aa", "c=aa", "d=bb", "e=bb"],
    want: "bb 66",
    reason: "2 of 3 operators agree (66 %), 50 % needed; a of x, b of x and c of x claim aa",
  },
  {
    name: "an operator is no voter of its name, and a voter no operator of its name",
    rules: [quorum(2)],
    voters: ["acme", "mercury@acme"],
    votes: ["acme=aa", "mercury=aa"],
    want: "aa 100",
    reason: "2 of 2 agree, 2 needed",
  },
];

const weightRows: Row[] = [
  {
    name: "a heavy voter counts as much as its weight, and once in the confidence",
    rules: [{ ...quorum(3), weights: { [logId("mercury")]: 2 } } as Rule],
    votes: ["mercury=aa", "venus=aa", "saturn=bb", "mars=bb"],
    want: "aa 50",
    reason: "weight 3 of 5 agrees, 3 needed; mars and saturn claim bb",
  },
  {
    name: "an operator weighs what the heaviest of its voters does, heard or not",
    rules: [{ ...quorum(4), weights: { [logId("mercury")]: 3, [logId("venus")]: 2 } } as Rule],
    voters: ACME,
    votes: ["mercury:unreachable", "venus=aa", "saturn=aa", "mars=bb"],
    want: "aa 66",
    reason: "weight 4 of 5 agrees, 4 needed; mars claims bb; mercury is unreachable",
  },
  {
    name: "two values with enough weight are a conflict",
    rules: [{ ...quorum(2), weights: { [logId("mercury")]: 2 } } as Rule],
    votes: ["mercury=aa", "venus=bb", "saturn=bb", "mars:absent"],
    want: "-",
    reason: "conflict: more than one value has the weight 2 of 5 needed (mercury for aa, saturn and venus for bb)",
  },
];

const SIX = ["a", "b", "c", "d", "e", "f"];
const TWO_AND_ONE = groups(2, group("builders", 2, ["a", "b", "c"]), group("auditors", 1, ["d", "e"]));

const groupRows: Row[] = [
  {
    name: "2 of {a, b, c} and 1 of {d, e}",
    rules: [TWO_AND_ONE],
    voters: SIX,
    votes: ["a=aa", "b=aa", "c=bb", "d:absent", "e=aa", "f=bb"],
    want: "aa 60",
    reason:
      "2 of 2 groups agree, 2 needed (auditors: 1 of 2 agree, 1 needed; builders: 2 of 3 agree, 2 needed); c and f claim bb; d has no claim",
  },
  {
    name: "enough voters in one group do not stand in for another",
    rules: [TWO_AND_ONE],
    voters: SIX,
    votes: ["a=aa", "b=aa", "c=aa", "d:absent", "e=bb", "f=aa"],
    want: "-",
    reason: "1 of 2 groups agree, 2 needed (auditors: 0 of 2 agree, 1 needed; builders: 3 of 3 agree, 2 needed)",
  },
  {
    name: "an inner group may hold two values: neither of its voters can veto",
    rules: [TWO_AND_ONE],
    voters: SIX,
    votes: ["a=aa", "b=aa", "c=aa", "d=aa", "e=bb", "f=bb"],
    want: "aa 80",
    reason: "auditors: 1 of 2 agree, 1 needed",
  },
  {
    name: "two values accepted by the whole are a conflict",
    rules: [groups(1, group("left", 1, ["a"]), group("right", 1, ["b"]))],
    voters: SIX,
    votes: ["a=aa", "b=bb"],
    want: "-",
    reason: "conflict: more than one value has the 1 of 2 groups needed (a for aa, b for bb)",
  },
  {
    name: "voters and groups may be members of one group, and a group may weigh more",
    rules: [
      {
        engine: "quorum",
        threshold: 3,
        voters: [logId("f")],
        groups: [group("core", 2, ["a", "b", "c"], { weight: 2 })],
      },
    ],
    voters: SIX,
    votes: ["a=aa", "b=aa", "c=bb", "f=aa"],
    want: "aa 75",
    reason: "weight 3 of 3 agrees, 3 needed (core: 2 of 3 agree, 2 needed)",
  },
  {
    name: "a group without a name is called by its members, and groups lie in groups",
    rules: [groups(1, group(undefined, 2, ["a", "b"], { groups: [group(undefined, 1, ["c", "d"])] }))],
    voters: SIX,
    votes: ["a=aa", "d=aa"],
    want: "aa 50",
    reason:
      "1 of 1 groups agree, 1 needed ({a, b, {c, d}}: 2 of 3 members agree, 2 needed ({c, d}: 1 of 2 agree, 1 needed))",
  },
  {
    name: "an operator with voters in two groups is one of each group, and one in the confidence",
    rules: [groups(2, group("x", 1, ["a", "b"]), group("y", 1, ["c", "d"]))],
    voters: ["a@acme", "b", "c@acme", "d"],
    votes: ["a=aa", "b:absent", "c=aa", "d:absent"],
    want: "aa 33",
    reason: "2 of 2 groups agree, 2 needed (x: 1 of 2 agree, 1 needed; y: 1 of 2 agree, 1 needed)",
  },
  {
    name: "in a group only the operator's voters of that group speak",
    rules: [groups(2, group("x", 1, ["a"]), group("y", 1, ["c"]))],
    voters: ["a@acme", "c@acme"],
    votes: ["a=aa", "c:unreachable"],
    want: "-",
    reason: "1 of 2 groups agree, 2 needed",
  },
  {
    name: "a group without members of its own means every configured voter",
    rules: [groups(2, { name: "all", threshold: 3, voters: undefined }, group("auditors", 1, ["f"]))],
    voters: SIX,
    votes: ["a=aa", "b=aa", "f=aa"],
    want: "aa 50",
    reason: "all: 3 of 6 agree, 3 needed",
  },
  {
    name: "an empty group accepts nothing",
    rules: [{ engine: "quorum", threshold: 1, voters: [] }],
    votes: ["mercury=aa"],
    want: "-",
    reason: "0 of 0 named voters agree, 1 needed; mercury claims aa",
  },
];

const tables: Record<string, readonly Row[]> = {
  "the rules": rows,
  operators: operatorRows,
  weights: weightRows,
  groups: groupRows,
};

describe.each(Object.entries(tables))("%s", (_, table) => {
  for (const row of table) {
    test(row.name, () => {
      const voters = votersOf(...(row.voters ?? FOUR));
      const outcome = ask({ rules: row.rules, voters }, votesOf(...row.votes));
      const { decision } = outcome;
      expect(decision ? `${toHex(decision.digest)} ${decision.confidence}` : "-").toBe(row.want);
      expect(outcome.reason).toContain(row.reason);
      expect(outcome.conflict).toBe(row.reason.startsWith("conflict"));
    });
  }
});

describe("opinions", () => {
  // 01 and 02 are two spellings of one set of facts, whose canonical form is 0c.
  const opinions = new Map([
    ["01", fromHex("0c")],
    ["02", fromHex("0c")],
  ]);
  const run = (rule: Rule, ...votes: string[]) =>
    ask({ rules: [rule], voters: votersOf("mercury@acme", "venus@acme", "saturn", "mars") }, votesOf(...votes), {
      opinions,
    });

  test("spellings of the same facts are one opinion, and the canonical digest is decided", () => {
    const outcome = run(quorum(2), "mercury=01", "saturn=02", "mars=0d");
    expect(toHex(outcome.decision!.digest)).toBe("0c");
    expect(outcome.decision!.logIds).toEqual(["mercury", "saturn"]);
    expect(outcome.mismatches).toEqual([{ logId: "mars", digest: fromHex("0d") }]);
    expect(outcome.reason).toBe("2 of 3 operators agree, 2 needed; mars claims 0d; venus was not heard");
  });

  test("somebody who claims the canonical form itself is of the same opinion", () => {
    expect(run(quorum(2), "mercury=01", "saturn=0c").decision!.logIds).toEqual(["mercury", "saturn"]);
  });

  test("an operator with two spellings does not contradict itself", () => {
    const outcome = run(quorum(2), "mercury=01", "venus=02", "saturn=0c");
    expect(outcome.decision!.confidence).toBe(66);
    expect(outcome.reason).not.toContain("contradicts");
  });

  test("each voter's own digest is named when it differs", () => {
    const outcome = run(quorum(2), "mercury=0d", "venus=0d", "saturn=01", "mars=0d");
    expect(toHex(outcome.decision!.digest)).toBe("0d");
    expect(outcome.mismatches).toEqual([{ logId: "saturn", digest: fromHex("01") }]);
    expect(outcome.reason).toContain("saturn claims 0c");
  });
});

test("a decision lists who agrees, who differs and who is missing", () => {
  const outcome = ask(
    { rules: [quorum(9), quorum(2)], voters: votersOf(...FOUR) },
    votesOf("mars=aa", "mercury=aa", "saturn=bb", "venus:absent"),
  );
  expect(outcome.decision).toMatchObject({
    logIds: ["mars", "mercury"],
    by: { kind: "rule", rule: 1, engine: "quorum" },
  });
  expect(outcome.mismatches.map(({ logId, digest }) => [logId, toHex(digest)])).toEqual([["saturn", "bb"]]);
  expect(outcome.misses).toEqual(["venus"]);
});

test("reasons that come from outside stay on one line and short", () => {
  const reason = `\u001b[31mno\n\u202e${"x".repeat(1000)}`;
  const outcome = ask({ rules: [quorum(1)], voters: votersOf("mercury") }, [
    { logId: logId("mercury"), outcome: "unreachable", digest: undefined, reason },
  ]);
  expect(outcome.reason).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(outcome.reason.length).toBeLessThan(250);
});
