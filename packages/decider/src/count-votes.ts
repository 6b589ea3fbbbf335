/**
 * Votes by voter and by value. Identities are counted, not items: a log has one vote however often it is listed or
 * answers, and none when its answers contradict each other.
 */
import { toHex } from "@trustix/crypto";
import type { Hash, LogId, Vote } from "@trustix/protocol";
import type { Voter } from "./question.ts";

export interface Ballot {
  readonly voter: Voter;
  /** `undefined`: nothing was heard of this voter. */
  readonly vote: Vote | undefined;
  /** The claimed value; `undefined` unless the voter claims one. */
  readonly claim: Claim | undefined;
}

export interface Claim {
  readonly digest: Hash;
  readonly hex: string;
}

/** One ballot for each different configured log, in configured order. */
export function ballotsOf(voters: readonly Voter[], votes: readonly Vote[]): Ballot[] {
  const heard = new Map<LogId, Vote>();
  for (const vote of votes) {
    const earlier = heard.get(vote.logId);
    heard.set(vote.logId, earlier === undefined || sameVote(earlier, vote) ? vote : contradiction(vote.logId));
  }
  const ballots = new Map<LogId, Ballot>();
  for (const voter of voters) {
    if (ballots.has(voter.logId)) continue;
    const vote = heard.get(voter.logId);
    const digest = vote?.outcome === "claims" ? vote.digest : undefined;
    ballots.set(voter.logId, { voter, vote, claim: digest && { digest, hex: toHex(digest) } });
  }
  return [...ballots.values()];
}

function sameVote(a: Vote, b: Vote): boolean {
  return a.outcome === b.outcome && claimText(a) === claimText(b);
}

function claimText(vote: Vote): string {
  return vote.digest === undefined ? "" : toHex(vote.digest);
}

function contradiction(logId: LogId): Vote {
  return { logId, outcome: "unverifiable", digest: undefined, reason: "it answered in two ways" };
}

export interface Camp {
  readonly claim: Claim;
  readonly ballots: readonly Ballot[];
}

/** Who claims what, the largest camp first; camps of one size in the order of their first voter. */
export function campsOf(ballots: readonly Ballot[]): Camp[] {
  const camps = new Map<string, { claim: Claim; ballots: Ballot[] }>();
  for (const ballot of ballots) {
    if (ballot.claim === undefined) continue;
    const camp = camps.get(ballot.claim.hex);
    if (camp === undefined) camps.set(ballot.claim.hex, { claim: ballot.claim, ballots: [ballot] });
    else camp.ballots.push(ballot);
  }
  return [...camps.values()].sort((a, b) => b.ballots.length - a.ballots.length);
}
