/** Random policies and votes. */
import { fromHex } from "@trustix/crypto";
import { TEST, type LogId, type Vote } from "@trustix/protocol";
import fc from "fast-check";
import { POLICY_DEFAULTS, type Policy, type Quorum, type QuorumGroup, type Rule, type Voter } from "../src/index.ts";

const IDS = Array.from({ length: 9 }, (_, i) => `${i}`.repeat(64) as LogId);
const NAMES = ["mercury", "venus", "earth", "mars", "jupiter", "saturn", "uranus", "neptune", "pluto"];
const operator = fc.constantFrom(undefined, undefined, "acme", "acme", "zenith", "mercury");

export const voters: fc.Arbitrary<Voter[]> = fc
  .tuple(fc.subarray(IDS, { minLength: 1 }), fc.array(operator, { minLength: 9, maxLength: 9 }))
  .map(([ids, operators]) =>
    ids.map((logId) => {
      const i = IDS.indexOf(logId);
      return { logId, name: NAMES[i]!, operator: operators[i] };
    }),
  );

/** What one voter says; `--` nothing. 01 and 02 are one opinion, see `opinions`. */
export const word = fc.constantFrom("01", "02", "0a", "0a", "0b", "absent", "unreachable", "excluded", "stale", "--");

export function voteOf(logId: LogId, said: string): Vote[] {
  if (said === "--") return [];
  return /^[0-9a-f]{2}$/.test(said)
    ? [{ logId, outcome: "claims", digest: fromHex(said), reason: "" }]
    : [{ logId, outcome: said as Vote["outcome"], digest: undefined, reason: "" }];
}

export const opinions = new Map([["02", fromHex("01")]]);

const weight = fc.integer({ min: 1, max: 4 });
const members = fc.option(fc.subarray(IDS, { minLength: 1 }), { nil: undefined });
const weights = fc.array(fc.tuple(fc.constantFrom(...IDS), weight), { maxLength: 3 }).map((list) => {
  return Object.fromEntries(list) as Record<LogId, number>;
});

function quorumOf(depth: number): fc.Arbitrary<Quorum> {
  const groups: fc.Arbitrary<QuorumGroup[] | undefined> =
    depth === 0
      ? fc.constant(undefined)
      : fc.option(fc.array(groupOf(depth - 1), { maxLength: 3 }), { nil: undefined });
  return fc.record({ threshold: fc.integer({ min: 1, max: 7 }), voters: members, weights, groups });
}

function groupOf(depth: number): fc.Arbitrary<QuorumGroup> {
  const name = fc.constantFrom(undefined, "left", "right");
  return fc
    .tuple(name, weight, quorumOf(depth))
    .map(([own, heavy, quorum]) => ({ name: own, weight: heavy, ...quorum }));
}

export const quorum: fc.Arbitrary<Quorum> = fc.oneof(quorumOf(0), quorumOf(2));

export const rule: fc.Arbitrary<Rule> = fc.oneof(
  quorum.map((settings): Rule => ({ engine: "quorum", ...settings })),
  fc.integer({ min: 0, max: 100 }).map((minimum): Rule => ({ engine: "percentage", minimum })),
  fc.constantFrom(...IDS).map((id): Rule => ({ engine: "logid", id })),
);

const exception = fc.record({
  match: fc.constantFrom("*", "k*", "key", "other", "/nix/store/x"),
  reason: fc.constantFrom("timestamps", "a wild guess"),
  expires: fc.constantFrom(500, 2000, 3000),
  voters: fc.subarray(IDS, { minLength: 1 }),
  threshold: fc.integer({ min: 1, max: 3 }),
});

export const policy: fc.Arbitrary<Policy> = fc
  .record({ voters, rules: fc.array(rule, { maxLength: 3 }), exceptions: fc.array(exception, { maxLength: 3 }) })
  .map((settings) => ({ ...POLICY_DEFAULTS, protocol: TEST, ...settings }));

/** A policy and what each of its voters says. */
export const election: fc.Arbitrary<{ policy: Policy; said: Map<LogId, string> }> = fc
  .tuple(policy, fc.array(word, { minLength: 9, maxLength: 9 }))
  .map(([own, words]) => ({ policy: own, said: new Map(own.voters.map(({ logId }, i) => [logId, words[i]!])) }));

export function votesOf(said: ReadonlyMap<LogId, string>): Vote[] {
  return [...said].flatMap(([logId, text]) => voteOf(logId, text));
}
