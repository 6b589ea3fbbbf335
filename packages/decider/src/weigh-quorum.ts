/** What a group could ever weigh, whoever votes how. */
import type { LogId } from "@trustix/protocol";
import { unitOf } from "./count-votes.ts";
import type { Quorum, QuorumGroup, Voter } from "./policy.ts";

/** An operator, or a voter without one, with its voters in one group. */
export interface UnitMember {
  readonly kind: "unit";
  readonly id: string;
  readonly weight: number;
  readonly voters: readonly Voter[];
}

/** Who counts in a group. */
export type Member = UnitMember | { readonly kind: "group"; readonly weight: number; readonly group: QuorumGroup };

/** The members of a group, units by their first voter; voters that are not configured are left out: they never agree. */
export function membersOfQuorum(quorum: Quorum, voters: readonly Voter[]): Member[] {
  const { weights, groups = [] } = quorum;
  const units = new Map<string, { kind: "unit"; id: string; weight: number; voters: Voter[] }>();
  for (const voter of votersOfQuorum(quorum, voters)) {
    const id = unitOf(voter);
    const weight = weights?.[voter.logId] ?? 1;
    const unit = units.get(id);
    if (unit === undefined) units.set(id, { kind: "unit", id, weight, voters: [voter] });
    else {
      unit.weight = Math.max(unit.weight, weight);
      unit.voters.push(voter);
    }
  }
  const inner = groups.map((group): Member => ({ kind: "group", weight: group.weight ?? 1, group }));
  return [...units.values(), ...inner];
}

/** The configured voters of a group itself, each once. */
function votersOfQuorum({ voters: named, groups = [] }: Quorum, voters: readonly Voter[]): Voter[] {
  const unique = [...new Map(voters.map((voter) => [voter.logId, voter])).values()];
  if (named === undefined) return groups.length === 0 ? unique : [];
  const ids = new Set<LogId>(named);
  return unique.filter(({ logId }) => ids.has(logId));
}

/** The weight behind a value that everybody claims. */
export function reachableWeight(quorum: Quorum, voters: readonly Voter[]): number {
  return membersOfQuorum(quorum, voters)
    .filter((member) => member.kind === "unit" || canAccept(member.group, voters))
    .reduce((sum, { weight }) => sum + weight, 0);
}

/** Whether the group can accept anything at all. */
export function canAccept(quorum: Quorum, voters: readonly Voter[]): boolean {
  return quorum.threshold >= 1 && reachableWeight(quorum, voters) >= quorum.threshold;
}

/** Sums of very many or very heavy members are not tried one by one. */
const MAX_SUM = 100_000;

/**
 * Whether two values can both be accepted: a conflict. Exact unless an operator sits in several groups, which is then taken
 * for several, or the members weigh more than 100 000 together: then it may say yes where it is no.
 */
export function canConflict(quorum: Quorum, voters: readonly Voter[]): boolean {
  if (!canAccept(quorum, voters)) return false;
  let both = 0;
  const either: number[] = [];
  for (const member of membersOfQuorum(quorum, voters)) {
    if (member.kind === "unit") either.push(member.weight);
    else if (canConflict(member.group, voters)) both += member.weight;
    else if (canAccept(member.group, voters)) either.push(member.weight);
  }
  const missing = quorum.threshold - both;
  const sum = either.reduce((total, weight) => total + weight, 0);
  if (missing <= 0) return true;
  if (2 * missing > sum || sum > MAX_SUM) return 2 * missing <= sum;
  // Bit n: some of the members weigh n together.
  let sums = 1n;
  for (const weight of either) sums |= sums << BigInt(weight);
  for (let part = missing; part <= sum - missing; part++) if ((sums >> BigInt(part)) & 1n) return true;
  return false;
}
