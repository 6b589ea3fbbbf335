/** What no order, name or silence may change, for random policies and votes. */
import { toHex } from "@trustix/crypto";
import type { LogId } from "@trustix/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Outcome, Policy, Quorum, QuorumGroup, Rule } from "../src/index.ts";
import { ask } from "./ballots.ts";
import { election, opinions, policy, quorum, voteOf, votesOf } from "./elections.ts";
import { literalQuorum } from "./literal-quorum.ts";

const numRuns = 300 * Number(process.env["SLOW"] ?? 1);
const run = (own: Policy, said: ReadonlyMap<LogId, string>): Outcome =>
  ask(own, votesOf(said), { opinions, time: 1000 });

function verdict({ decision, conflict }: Outcome): string {
  return decision === undefined ? (conflict ? "conflict" : "-") : `${toHex(decision.digest)} ${decision.confidence}`;
}

test("quorum counts as a second, literal implementation does", () => {
  fc.assert(
    fc.property(election, quorum, ({ policy: own, said }, settings) => {
      const rules: Rule[] = [{ engine: "quorum", ...settings }];
      const question = { policy: { ...own, rules, exceptions: [] }, votes: votesOf(said), opinions };
      const got = verdict(run(question.policy, said));
      expect(got).toBe(literalQuorum(settings, { ...question, key: new Uint8Array(), time: 0, sandbox: undefined }));
    }),
    { numRuns: 4 * numRuns },
  );
});

test("no order changes anything at all", () => {
  const shuffled = fc.tuple(election, fc.infiniteStream(fc.nat()));
  fc.assert(
    fc.property(shuffled, ([{ policy: own, said }, numbers]) => {
      const mix = <T>(items: readonly T[]): T[] =>
        items
          .map((item) => [item, numbers.next().value as number] as const)
          .sort((a, b) => a[1] - b[1])
          .map(([item]) => item);
      const mixed = <Q extends Quorum>(one: Q): Q => ({
        ...one,
        voters: one.voters && mix(one.voters),
        groups: one.groups && mix(one.groups).map((group) => mixed(group)),
      });
      const other: Policy = {
        ...own,
        voters: mix(own.voters),
        exceptions: mix(own.exceptions).map((exception) => ({ ...exception, voters: mix(exception.voters) })),
        rules: own.rules.map((rule) => (rule.engine === "quorum" ? mixed(rule) : rule)),
      };
      const one = run(own, said);
      const two = ask(other, mix(votesOf(said)), { opinions, time: 1000 });
      expect(sansOrder(two)).toEqual(sansOrder(one));
    }),
    { numRuns },
  );
});

/** The exception that decided lists its voters in its own order; nothing else may differ. */
function sansOrder({ decision, ...rest }: Outcome): object {
  const by = decision?.by;
  const sorted = by?.kind === "exception" && { by: { ...by.exception, voters: by.exception.voters.toSorted() } };
  return { ...rest, decision: decision && { ...decision, ...sorted } };
}

test("other names change nothing but words", () => {
  fc.assert(
    fc.property(election, ({ policy: own, said }) => {
      const renamed = <Q extends QuorumGroup>(one: Q): Q => ({
        ...one,
        name: one.name && `the ${one.name}`,
        groups: one.groups?.map((group) => renamed(group)),
      });
      const other: Policy = {
        ...own,
        voters: own.voters.map(({ logId, operator }, i) => ({
          logId,
          name: `voter ${100 - i}`,
          operator: operator && `the people of ${operator}`,
        })),
        rules: own.rules.map((rule) => (rule.engine === "quorum" ? renamed(rule) : rule)),
      };
      expect({ ...run(other, said), reason: "" }).toEqual({ ...run(own, said), reason: "" });
    }),
    { numRuns },
  );
});

test("every voter agrees, differs or is missing", () => {
  fc.assert(
    fc.property(election, ({ policy: own, said }) => {
      const { decision, mismatches, misses } = run(own, said);
      if (decision === undefined) return;
      const everybody = [...decision.logIds, ...mismatches.map(({ logId }) => logId), ...misses];
      expect(everybody.toSorted()).toEqual(own.voters.map(({ logId }) => logId).toSorted());
      expect(decision.logIds).not.toEqual([]);
    }),
    { numRuns },
  );
});

describe("silence", () => {
  const STRANGER = "f".repeat(64) as LogId;
  const silence = fc.constantFrom("absent", "unreachable", "unverifiable", "stale", "excluded", "--");

  test("one more voter that is excluded or says nothing never makes agreement easier", () => {
    const joins = fc.constantFrom(undefined, "acme", "somebody new");
    fc.assert(
      fc.property(election, silence, joins, ({ policy: own, said }, word, operator) => {
        const more = { ...own, voters: [...own.voters, { logId: STRANGER, name: "stranger", operator }] };
        const before = run(own, said);
        const after = ask(more, [...votesOf(said), ...voteOf(STRANGER, word)], { opinions, time: 1000 });
        if (after.decision === undefined) return;
        expect(before.decision).toBeDefined();
        // An earlier rule may have become too hard; whichever decides now says the same, no less surely, without the stranger.
        const { by, digest, confidence } = after.decision;
        const rules = by.kind === "rule" ? [own.rules[by.rule]!] : [];
        const alone = run({ ...own, rules }, said).decision!;
        expect(toHex(alone.digest)).toBe(toHex(digest));
        expect(confidence).toBeLessThanOrEqual(alone.confidence);
      }),
      { numRuns },
    );
  });

  test("a voter that falls silent never makes a majority decide where it did not", () => {
    fc.assert(
      fc.property(election, silence, fc.nat(), ({ policy: own, said }, word, which) => {
        const units = new Set(own.voters.map(({ logId, operator }) => operator ?? logId)).size;
        const rules: Rule[] = [{ engine: "quorum", threshold: Math.floor(units / 2) + 1, voters: undefined }];
        const { logId, operator } = own.voters[which % own.voters.length]!;
        const plain = { ...own, rules, exceptions: [] };
        const before = run(plain, said);
        const after = run(plain, new Map(said).set(logId, word));
        // The two things silence can hide: a conflict, which a majority excludes, and a contradiction of one's own operator.
        if (before.reason.includes(`${operator} contradicts itself`)) return;
        if (before.decision === undefined) expect(after.decision).toBeUndefined();
      }),
      { numRuns },
    );
  });
});

test("random policies meet every answer, and every rule and exception decides now and then", () => {
  const answers = fc
    .sample(fc.tuple(election, quorum), { numRuns: 2000, seed: 7 })
    .map(([{ policy: own, said }, settings]) => {
      const answer = verdict(run({ ...own, rules: [{ engine: "quorum", ...settings }], exceptions: [] }, said));
      return answer === "-" || answer === "conflict" ? answer : "decided";
    });
  for (const answer of ["-", "conflict", "decided"]) {
    expect(answers.filter((one) => one === answer).length).toBeGreaterThan(50);
  }
  const seen = new Set<string>();
  for (const { policy: own, said } of fc.sample(election, { numRuns: 2000, seed: 7 })) {
    const by = run(own, said).decision?.by;
    if (by !== undefined) seen.add(by.kind === "rule" ? by.engine : by.kind);
  }
  expect([...seen].toSorted()).toEqual(["exception", "logid", "percentage", "quorum"]);
  expect(fc.sample(policy, 1)).toHaveLength(1);
});
