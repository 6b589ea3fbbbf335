/**
 * Counting what stands behind each opinion, group by group. An operator is one unit of a group, with the largest weight of its voters
 * there; an inner group stands behind every opinion that it accepts.
 */
import type { LogId } from "@trustix/protocol";
import { campsOf, countedClaim, unitOf, type Ballot, type Claim, type Election } from "./count-votes.ts";
import type { Quorum, QuorumGroup } from "./policy.ts";

/** One group after the votes. */
export interface Tally {
  readonly quorum: Quorum;
  /** Voters of this group, each once, by name. */
  readonly ballots: readonly Ballot[];
  readonly units: readonly Unit[];
  readonly groups: readonly { readonly group: QuorumGroup; readonly tally: Tally }[];
  /** Weight of all members. */
  readonly total: number;
  /** By opinion: the weight behind it. */
  readonly behind: ReadonlyMap<string, number>;
}

/** An operator, or a voter without one, in one group. */
export interface Unit {
  readonly id: string;
  readonly weight: number;
  /** The opinion of all its voters of this group that claim one. */
  readonly hex: string | undefined;
}

export function tallyOf(quorum: Quorum, election: Election): Tally {
  const ballots = ballotsOf(quorum, election);
  const units = unitsOf(quorum, ballots, election);
  const behind = new Map<string, number>();
  const add = (hex: string, weight: number): void => void behind.set(hex, (behind.get(hex) ?? 0) + weight);
  for (const { hex, weight } of units) if (hex !== undefined) add(hex, weight);
  let total = units.reduce((sum, unit) => sum + unit.weight, 0);
  const groups = (quorum.groups ?? []).map((group) => ({ group, tally: tallyOf(group, election) }));
  for (const { group, tally } of groups) {
    const weight = group.weight ?? 1;
    total += weight;
    for (const hex of acceptedBy(tally)) add(hex, weight);
  }
  return { quorum, ballots, units, groups, total, behind };
}

/** The opinions with enough weight behind them, in their own order. A threshold below 1 would let nobody decide for everybody. */
export function acceptedBy({ quorum, behind }: Tally): string[] {
  if (quorum.threshold < 1) return [];
  return [...behind.keys()].filter((hex) => behind.get(hex)! >= quorum.threshold).sort();
}

/** The claims that the group accepts; more than one is a conflict, if nothing is around the group. */
export function acceptedClaims(
  quorum: Quorum,
  election: Election,
): { readonly tally: Tally; readonly claims: Claim[] } {
  const tally = tallyOf(quorum, election);
  const claims = acceptedBy(tally).map((hex) => claimWith(hex, election)!);
  return { tally, claims };
}

/** The first claim of this opinion. */
export function claimWith(hex: string, { ballots }: Election): Claim | undefined {
  return ballots.find(({ claim }) => claim?.hex === hex)?.claim;
}

/** A named voter that is not configured stays in the count, with nothing to say. */
function ballotsOf({ voters, groups }: Quorum, { ballots, byId }: Election): readonly Ballot[] {
  if (voters === undefined) return groups === undefined || groups.length === 0 ? ballots : [];
  const ids = new Set(voters);
  const strangers = [...ids].filter((id) => !byId.has(id)).sort();
  return [...ballots.filter(({ voter }) => ids.has(voter.logId)), ...strangers.map(strangerBallot)];
}

function strangerBallot(logId: LogId): Ballot {
  return { voter: { logId, name: logId.slice(0, 8) }, vote: undefined, claim: undefined };
}

function unitsOf({ weights }: Quorum, ballots: readonly Ballot[], election: Election): Unit[] {
  const units = new Map<string, { id: string; weight: number; hex: string | undefined }>();
  for (const ballot of ballots) {
    const id = unitOf(ballot.voter);
    const weight = weights?.[ballot.voter.logId] ?? 1;
    const hex = countedClaim(ballot, election)?.hex;
    const unit = units.get(id);
    if (unit === undefined) units.set(id, { id, weight, hex });
    else {
      unit.weight = Math.max(unit.weight, weight);
      unit.hex ??= hex;
    }
  }
  return [...units.values()];
}

/** What to speak of when nothing is accepted: the opinion with most weight behind it, then with most units. */
export function bestOpinion(tally: Tally, election: Election): string | undefined {
  let best: { hex: string; weight: number; agreeing: number } | undefined;
  const camps = campsOf(leavesOf(tally, election).filter((ballot) => countedClaim(ballot, election) !== undefined));
  for (const { claim } of camps) {
    const { hex } = claim;
    const weight = tally.behind.get(hex) ?? 0;
    const { agreeing } = shareOf(tally, hex);
    const isBetter = best === undefined || weight > best.weight || (weight === best.weight && agreeing > best.agreeing);
    if (isBetter) best = { hex, weight, agreeing };
  }
  return best?.hex;
}

/** Of all different units among the leaves, however deep: how many there are, and how many hold the opinion. */
export function shareOf(tally: Tally, hex: string): { readonly agreeing: number; readonly n: number } {
  const holds = new Map<string, boolean>();
  const visit = ({ units, groups }: Tally): void => {
    for (const unit of units) holds.set(unit.id, (holds.get(unit.id) ?? false) || unit.hex === hex);
    for (const { tally: inner } of groups) visit(inner);
  };
  visit(tally);
  return { agreeing: [...holds.values()].filter(Boolean).length, n: holds.size };
}

/** Voters of all groups of a tally, each once, by name. */
export function leavesOf(tally: Tally, { ballots }: Election): Ballot[] {
  const seats = new Set<LogId>();
  const visit = (inner: Tally): void => {
    for (const { voter } of inner.ballots) seats.add(voter.logId);
    for (const { tally: next } of inner.groups) visit(next);
  };
  visit(tally);
  return ballots.filter(({ voter }) => seats.has(voter.logId));
}
