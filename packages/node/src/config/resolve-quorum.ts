/** Quorums with names resolved to voters. One that nobody could ever meet is refused, at the group that is too hard. */
import {
  canAccept,
  canConflict,
  POLICY_BOUNDS,
  reachableWeight,
  type Quorum,
  type QuorumGroup,
  type Voter,
} from "@trustix/decider";
import type { LogId } from "@trustix/protocol";
import { findVoter, findVoters } from "./find-voter.ts";
import type { Findings } from "./findings.ts";
import type { GroupTable, QuorumTable } from "./schema.ts";

type Path = readonly PropertyKey[];

/** `undefined` after a problem. */
export function resolveQuorum(
  table: QuorumTable,
  voters: readonly Voter[],
  path: Path,
  findings: Findings,
): Quorum | undefined {
  if (!isBounded(table, path, findings)) return undefined;
  const quorum = resolveGroup(table, voters, path, findings);
  if (quorum === undefined) return undefined;
  if (canConflict(quorum, voters)) {
    const { threshold } = quorum;
    const whole = reachableWeight(quorum, voters);
    findings.warn([...path, "threshold"], `${threshold} of ${whole} is no majority: two values can both have enough`);
  }
  return quorum;
}

/** What a policy may hold in all its groups; a file may say more. */
function isBounded(table: QuorumTable, path: Path, findings: Findings): boolean {
  let groups = 0;
  let seats = 0;
  const visit = (one: QuorumTable): void => {
    seats += one.voters?.length ?? 0;
    groups += one.groups?.length ?? 0;
    one.groups?.forEach(visit);
  };
  visit(table);
  if (groups <= POLICY_BOUNDS.groups && seats <= POLICY_BOUNDS.seats) return true;
  findings.problem(
    path,
    `${groups} groups with ${seats} voters came, at most ${POLICY_BOUNDS.groups} with ${POLICY_BOUNDS.seats} wanted`,
  );
  return false;
}

function resolveGroup(
  table: QuorumTable,
  voters: readonly Voter[],
  path: Path,
  findings: Findings,
): Quorum | undefined {
  const named =
    table.voters === undefined ? undefined : findVoters(table.voters, voters, [...path, "voters"], findings);
  const groups = table.groups?.map((group, i) => resolveInner(group, voters, [...path, "groups", i], findings));
  const members = named ?? (groups === undefined ? voters.map(({ logId }) => logId) : []);
  const weights = resolveWeights(table, members, voters, [...path, "weights"], findings);
  if ((table.voters !== undefined && named === undefined) || weights === "wrong") return undefined;
  if (groups?.includes(undefined)) return undefined;
  const quorum: Quorum = {
    threshold: table.threshold,
    voters: named,
    ...(weights !== undefined && { weights }),
    ...(groups !== undefined && { groups: groups as QuorumGroup[] }),
  };
  if (canAccept(quorum, voters)) return quorum;
  const reachable = reachableWeight(quorum, voters);
  findings.problem(
    [...path, "threshold"],
    `${table.threshold} came, but ${whatThereIs(quorum, members, voters, reachable)}: nothing could ever be decided`,
    "add voters, under [[subscribers]] for example, or lower the threshold",
  );
  return undefined;
}

function resolveInner(
  table: GroupTable,
  voters: readonly Voter[],
  path: Path,
  findings: Findings,
): QuorumGroup | undefined {
  const quorum = resolveGroup(table, voters, path, findings);
  return quorum && { name: table.name, weight: table.weight ?? 1, ...quorum };
}

/** `there are 2 configured voters of this protocol`, `the 3 voters listed have 2 operators`. */
function whatThereIs(quorum: Quorum, members: readonly LogId[], voters: readonly Voter[], reachable: number): string {
  if (quorum.weights !== undefined || quorum.groups?.some(({ weight = 1 }) => weight !== 1)) {
    return `its members weigh ${reachable} together`;
  }
  if (quorum.groups !== undefined) return `it has ${reachable} members`;
  if (reachable < members.length) return `its ${members.length} voters have ${reachable} operators`;
  if (quorum.voters === undefined) return `there are ${reachable} configured voters of this protocol`;
  return `${reachable} voters are listed`;
}

function resolveWeights(
  { weights }: QuorumTable,
  members: readonly LogId[],
  voters: readonly Voter[],
  path: Path,
  findings: Findings,
): Record<LogId, number> | undefined | "wrong" {
  if (weights === undefined) return undefined;
  const resolved: Record<LogId, number> = {};
  const candidates = voters.filter(({ logId }) => members.includes(logId));
  let isWrong = false;
  for (const [text, weight] of Object.entries(weights)) {
    const id = findVoter(text, candidates, [...path, text], findings);
    if (id === undefined) isWrong = true;
    else if (resolved[id] !== undefined) {
      findings.problem(
        [...path, text],
        "a second weight of one voter",
        "a voter has one weight, whatever it is called",
      );
      isWrong = true;
    } else resolved[id] = weight;
  }
  return isWrong ? "wrong" : resolved;
}
