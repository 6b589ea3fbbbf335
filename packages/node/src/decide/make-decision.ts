/**
 * One decision: every voter's vote, the values behind the claims, what the policy makes of them. Nothing counts here that
 * was not proved, and nobody is left out of N: a voter that is down, lying, excluded or too old has a vote that claims
 * nothing. The value has the decided digest, wherever it came from.
 */
import type { Crypto } from "@trustix/crypto";
import { toHex } from "@trustix/crypto";
import { comparesFacts, decide, opinionsOf } from "@trustix/decider";
import type { Opinions, Outcome, Policy, Sandbox } from "@trustix/decider";
import type { CacheVoters, LogId, Vote } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { Builders, Clock, DecideReport, Follower, LogReader, Mirror } from "../model.ts";
import { ClaimedValues } from "./claimed-values.ts";
import { gatherVotes, type CastVote } from "./gather-votes.ts";
import { agesSince, staleIfOld } from "./head-age.ts";
import type { ValueSource } from "./value-source.ts";

export interface DecisionParts {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly follower: Pick<Follower, "vote" | "against" | "whyNoHead" | "headSeenAt">;
  readonly mirror: Mirror;
  readonly builders: Pick<Builders, "excluded">;
  /** Voters that are no logs; `undefined`: none is configured. */
  readonly caches: Pick<CacheVoters, "has" | "vote"> | undefined;
  /** Published logs of this node, by id. */
  readonly own: ReadonlyMap<LogId, LogReader>;
  readonly source: ValueSource;
  readonly sandbox: Sandbox | undefined;
  /** Milliseconds for all votes, and again for the values. */
  readonly budgetMs: number;
}

export interface MadeDecision {
  readonly policy: Policy;
  readonly key: Uint8Array;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** As the voters cast them, in the policy's order. */
  readonly cast: readonly CastVote[];
  /** As they counted: those of excluded voters and under old heads claim nothing. */
  readonly votes: readonly Vote[];
  readonly outcome: Outcome;
  /** By the hex of their digests, as claimed: those that could be had of those that were needed. */
  readonly values: ReadonlyMap<string, Uint8Array>;
  /** What those values mean. */
  readonly opinions: Opinions;
  readonly report: DecideReport;
  /** Milliseconds since 1970 up to which time alone does not undo it. */
  readonly until: number;
}

/**
 * `every`: all claimed values are wanted, not only those that the decision needs. Throws `deadline` when `signal` is aborted.
 */
export async function makeDecision(
  parts: DecisionParts,
  policy: Policy,
  key: Uint8Array,
  { every, signal }: { readonly every: boolean; readonly signal: AbortSignal },
): Promise<MadeDecision> {
  const { crypto, clock, own, mirror, follower, caches, source, sandbox, budgetMs } = parts;
  const facts = comparesFacts(policy.protocol);
  const claimed = new ClaimedValues(source, facts || every);
  const end = (): void => claimed.end();
  signal.addEventListener("abort", end);
  try {
    const ids = policy.voters.map(({ logId }) => logId);
    const onVote = (vote: Vote, value: Uint8Array | undefined): void => claimed.sawVote(vote, value);
    const voters = { crypto, ids, own, mirror, follower, caches, onVote };
    const cast = await gatherVotes(voters, key, { budgetMs, clock }, signal);
    if (signal.aborted) throw new NodeError("deadline", "the decision was given up by whoever asked");
    const time = clock.now();
    const votes = cast.map((one) => counted(parts, one, policy, time));
    const values = facts || every ? await claimed.all(clock, budgetMs) : new Map<string, Uint8Array>();
    const opinions: Opinions = facts ? opinionsOf(crypto, key, values) : { opinions: new Map(), values };
    const outcome = decide({ policy, key, votes, opinions: opinions.opinions, time, sandbox });
    const made = { policy, key, time, cast, votes, values, opinions };
    const { decision, reason } = outcome;
    if (decision === undefined) return { ...made, outcome, ...undecided(votes, reason) };
    const { digest, confidence, logIds } = decision;
    const value = opinions.values.get(toHex(digest)) ?? (await claimed.of(digest, clock, budgetMs));
    if (value === undefined) {
      const missing = `${reason}; but nobody could deliver the value ${toHex(digest)}`;
      return { ...made, outcome: { ...outcome, decision: undefined, reason: missing }, ...undecided(votes, missing) };
    }
    const report = { decision: { digest, value, confidence, logIds }, votes, reason };
    return { ...made, outcome, report, until: endOf(parts, policy, decision, cast) };
  } finally {
    claimed.end();
    signal.removeEventListener("abort", end);
  }
}

/** The vote, if whoever casts it counts and what it rests on is young enough. */
function counted(parts: DecisionParts, cast: CastVote, { maxHeadAgeMs }: Policy, time: number): Vote {
  const { vote } = cast;
  const { logId } = vote;
  const excluded = vote.outcome === "excluded" ? undefined : parts.builders.excluded(logId);
  if (excluded !== undefined) return { logId, outcome: "excluded", digest: undefined, reason: excluded };
  return maxHeadAgeMs === undefined ? vote : staleIfOld(cast, parts, maxHeadAgeMs, time);
}

/** When the exception that decided ends, or the first of the votes behind it will be too old. */
function endOf(
  parts: DecisionParts,
  { maxHeadAgeMs }: Policy,
  { by, logIds }: NonNullable<Outcome["decision"]>,
  cast: readonly CastVote[],
): number {
  const end = by.kind === "exception" ? by.exception.expires : Infinity;
  if (maxHeadAgeMs === undefined) return end;
  const behind = cast.filter(({ vote }) => logIds.includes(vote.logId));
  return Math.min(end, ...behind.map((one) => (agesSince(parts, one) ?? Infinity) + maxHeadAgeMs));
}

function undecided(votes: readonly Vote[], reason: string): Pick<MadeDecision, "report" | "until"> {
  return { report: { decision: undefined, votes, reason }, until: 0 };
}
