/**
 * One decision: every voter's vote, the values behind the claims, what the policy makes of them. Nothing counts here that
 * was not proved, and nobody is left out of N: a voter that is down, lying, excluded or too old has a vote that claims
 * nothing. The value has the decided digest, wherever it came from.
 */
import type { Crypto } from "@trustix/crypto";
import { toHex } from "@trustix/crypto";
import { comparesFacts, decide, opinionsOf } from "@trustix/decider";
import type { Opinions, Outcome, Policy, Sandbox } from "@trustix/decider";
import type { LogId, Testimony, Vote } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { Builders, Clock, DecideReport, Follower, LogReader, Mirror } from "../model.ts";
import { ClaimedValues } from "./claimed-values.ts";
import { gatherVotes } from "./gather-votes.ts";
import { agesSince, staleIfOld } from "./head-age.ts";
import type { ValueSource } from "./value-source.ts";

export interface DecisionParts {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly follower: Pick<Follower, "vote" | "against" | "whyNoHead" | "headSeenAt">;
  readonly mirror: Mirror;
  readonly builders: Pick<Builders, "excluded">;
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
  readonly cast: readonly Testimony[];
  /** As they counted: those of excluded voters and under old heads claim nothing. */
  readonly votes: readonly Vote[];
  readonly outcome: Outcome;
  /** By the hex of their digests, as claimed: those that could be had of those that were needed. */
  readonly values: ReadonlyMap<string, Uint8Array>;
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
  const { crypto, clock, own, mirror, follower, source, sandbox, budgetMs } = parts;
  const facts = comparesFacts(policy.protocol);
  const claimed = new ClaimedValues(source, facts || every);
  const end = (): void => claimed.end();
  signal.addEventListener("abort", end);
  try {
    const ids = policy.voters.map(({ logId }) => logId);
    const voters = { crypto, ids, own, mirror, follower, onVote: (vote: Vote) => claimed.sawVote(vote) };
    const cast = await gatherVotes(voters, key, { budgetMs, clock }, signal);
    if (signal.aborted) throw new NodeError("deadline", "the decision was given up by whoever asked");
    const time = clock.now();
    const votes = cast.map(({ vote }) => counted(parts, vote, policy, time));
    const values = facts || every ? await claimed.all(clock, budgetMs) : new Map<string, Uint8Array>();
    const opinions: Opinions = facts ? opinionsOf(crypto, key, values) : { opinions: new Map(), values };
    const outcome = decide({ policy, key, votes, opinions: opinions.opinions, time, sandbox });
    const made = { policy, key, time, cast, votes, values };
    const { decision, reason } = outcome;
    if (decision === undefined) return { ...made, outcome, ...undecided(votes, reason) };
    const { digest, confidence, logIds } = decision;
    const value = opinions.values.get(toHex(digest)) ?? (await claimed.of(digest, clock, budgetMs));
    if (value === undefined) {
      const missing = `${reason}; but nobody could deliver the value ${toHex(digest)}`;
      return { ...made, outcome: { ...outcome, decision: undefined, reason: missing }, ...undecided(votes, missing) };
    }
    const report = { decision: { digest, value, confidence, logIds }, votes, reason };
    return { ...made, outcome, report, until: endOf(parts, policy, decision) };
  } finally {
    claimed.end();
    signal.removeEventListener("abort", end);
  }
}

/** The vote, if whoever casts it counts and its head is young enough. */
function counted(parts: DecisionParts, vote: Vote, { maxHeadAgeMs }: Policy, time: number): Vote {
  const { logId } = vote;
  const excluded = vote.outcome === "excluded" ? undefined : parts.builders.excluded(logId);
  if (excluded !== undefined) return { logId, outcome: "excluded", digest: undefined, reason: excluded };
  return maxHeadAgeMs === undefined ? vote : staleIfOld(vote, parts, maxHeadAgeMs, time);
}

/** When the exception that decided ends, or the first of the heads behind it will be too old. */
function endOf(
  parts: DecisionParts,
  { maxHeadAgeMs }: Policy,
  { by, logIds }: NonNullable<Outcome["decision"]>,
): number {
  const end = by.kind === "exception" ? by.exception.expires : Infinity;
  if (maxHeadAgeMs === undefined) return end;
  return Math.min(end, ...logIds.map((id) => (agesSince(parts, id) ?? Infinity) + maxHeadAgeMs));
}

function undecided(votes: readonly Vote[], reason: string): Pick<MadeDecision, "report" | "until"> {
  return { report: { decision: undefined, votes, reason }, until: 0 };
}
