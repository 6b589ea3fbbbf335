/**
 * Votes by voter, operator and opinion. Identities are counted, not items: a voter has one vote however often it is listed
 * or answers, and none when its answers differ; an operator has one however many voters it runs, and none when they
 * contradict each other.
 */
import { toHex } from "@trustix/crypto";
import type { Hash, LogId, Vote } from "@trustix/protocol";
import type { Policy, Voter } from "./policy.ts";
import type { Question } from "./question.ts";

export interface Ballot {
  readonly voter: Voter;
  /** `undefined`: nothing was heard of this voter. */
  readonly vote: Vote | undefined;
  /** `undefined` unless the voter claims a value. */
  readonly claim: Claim | undefined;
}

export interface Claim {
  /** Hex of `opinion`: what is counted and compared. */
  readonly hex: string;
  readonly opinion: Hash;
  /** As claimed. */
  readonly digest: Hash;
}

/** All that is known of one question's votes. */
export interface Election {
  /** One for each different configured voter, by name. */
  readonly ballots: readonly Ballot[];
  readonly byId: ReadonlyMap<LogId, Ballot>;
  /** Operators whose voters contradict each other. */
  readonly contradictory: ReadonlySet<string>;
  /** Operators with more than one configured voter. */
  readonly shared: ReadonlySet<string>;
}

export function electionOf({ policy, votes, opinions }: Pick<Question, "policy" | "votes" | "opinions">): Election {
  const heard = new Map<LogId, Vote>();
  for (const vote of votes) {
    const earlier = heard.get(vote.logId);
    heard.set(vote.logId, earlier === undefined || sameVote(earlier, vote) ? vote : twoAnswers(vote.logId));
  }
  const byId = new Map<LogId, Ballot>();
  const claimed = new Map<string, string | undefined>();
  const contradictory = new Set<string>();
  const shared = new Set<string>();
  for (const voter of votersByName(policy)) {
    if (byId.has(voter.logId)) continue;
    const vote = heard.get(voter.logId);
    const claim = vote?.digest === undefined || vote.outcome !== "claims" ? undefined : claimOf(vote.digest, opinions);
    byId.set(voter.logId, { voter, vote, claim });
    const { operator } = voter;
    if (operator === undefined) continue;
    const earlier = claimed.get(operator);
    if (claimed.has(operator)) shared.add(operator);
    if (earlier !== undefined && claim !== undefined && earlier !== claim.hex) contradictory.add(operator);
    claimed.set(operator, earlier ?? claim?.hex);
  }
  return { ballots: [...byId.values()], byId, contradictory, shared };
}

function claimOf(digest: Hash, opinions: Question["opinions"]): Claim {
  const hex = toHex(digest);
  const opinion = opinions.get(hex);
  return opinion === undefined ? { hex, opinion: digest, digest } : { hex: toHex(opinion), opinion, digest };
}

/** In an order that does not depend on how the policy was written down. */
export function votersByName(policy: Policy): Voter[] {
  return policy.voters.toSorted((a, b) => compareText(a.name, b.name) || compareText(a.logId, b.logId));
}

/** By UTF-16 units, the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sameVote(a: Vote, b: Vote): boolean {
  return a.outcome === b.outcome && digestText(a) === digestText(b);
}

function digestText(vote: Vote): string {
  return vote.digest === undefined ? "" : toHex(vote.digest);
}

function twoAnswers(logId: LogId): Vote {
  return { logId, outcome: "unverifiable", digest: undefined, reason: "it answered in two ways" };
}

/** Who counts as one: the operator, or the voter itself. */
export function unitOf({ logId, operator }: Voter): string {
  return operator === undefined ? `voter ${logId}` : `operator ${operator}`;
}

/** The claim that counts: none for a voter whose operator contradicts itself. */
export function countedClaim({ voter, claim }: Ballot, { contradictory }: Election): Claim | undefined {
  return voter.operator !== undefined && contradictory.has(voter.operator) ? undefined : claim;
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
