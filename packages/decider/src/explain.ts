/** The sentences of an outcome, for people. Digests are shortened to the 8 digits that tell them apart at a glance. */
import type { VoteOutcome } from "@trustix/protocol";
import { campsOf, compareText, type Ballot, type Election } from "./count-votes.ts";
import type { Exception, QuorumGroup } from "./policy.ts";
import type { Tally } from "./quorum.ts";

const MAX_REASON = 120;
const MAX_MEMBERS = 5;

/** Who says otherwise: `saturn claims 9b7d0c11; mars is unreachable (connection refused)`. */
export function describeVotes({ ballots, contradictory, shared }: Election, winner: string | undefined): string {
  const isHeard = ({ voter: { operator } }: Ballot): boolean => operator === undefined || !contradictory.has(operator);
  const parts: string[] = [];
  for (const { claim, ballots: camp } of campsOf(ballots.filter(isHeard))) {
    if (claim.hex === winner) continue;
    parts.push(`${nameList(camp, shared)} ${camp.length === 1 ? "claims" : "claim"} ${shortHex(claim.hex)}`);
  }
  for (const operator of [...contradictory].sort()) {
    const own = ballots.filter(({ voter, claim }) => voter.operator === operator && claim !== undefined);
    const claims = own.map(({ voter, claim }) => `${voter.name} claims ${shortHex(claim!.hex)}`).join(", ");
    parts.push(`${operator} contradicts itself and votes for nothing (${claims})`);
  }
  for (const ballot of ballots) if (ballot.claim === undefined) parts.push(describeMiss(ballot));
  return parts.join("; ");
}

export function shortHex(hex: string): string {
  return hex.slice(0, 8);
}

/** `mars, mercury of acme and venus of acme`. */
export function nameList(ballots: readonly Ballot[], shared: Election["shared"]): string {
  return wordList(
    ballots.map(({ voter: { name, operator } }) =>
      operator === undefined || !shared.has(operator) ? name : `${name} of ${operator}`,
    ),
  );
}

/** `mars, mercury and venus`. */
export function wordList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

const SAYS = {
  claims: "claims nothing usable",
  absent: "has no claim",
  unreachable: "is unreachable",
  unverifiable: "could not be verified",
  stale: "is stale",
  excluded: "is excluded",
} as const satisfies Record<VoteOutcome, string>;

function describeMiss({ voter, vote }: Ballot): string {
  if (vote === undefined) return `${voter.name} was not heard`;
  const why = printable(vote.reason);
  return `${voter.name} ${SAYS[vote.outcome]}${why === "" ? "" : ` (${why})`}`;
}

/**
 * `3 of 4 agree, 3 needed`; `1 of 2 groups agree, 2 needed (builders: 2 of 3 agree, 2 needed; auditors: 0 of 2 agree, 1
 * needed)`. Without `hex` nobody agrees.
 */
export function describeTally(tally: Tally, hex: string | undefined, election: Election): string {
  const among = tally.ballots.length === election.ballots.length ? "" : "named ";
  return `${describeCount(tally, hex, among)}${describeInner(tally, hex)}`;
}

function describeInner({ groups }: Tally, hex: string | undefined): string {
  if (groups.length === 0) return "";
  const inner = groups.map(({ group, tally }) => {
    return `${groupName(group, tally)}: ${describeCount(tally, hex, "")}${describeInner(tally, hex)}`;
  });
  return ` (${inner.sort(compareText).join("; ")})`;
}

function describeCount(tally: Tally, hex: string | undefined, among: "" | "named "): string {
  const { quorum, total } = tally;
  const weight = hex === undefined ? 0 : (tally.behind.get(hex) ?? 0);
  const needed = `${quorum.threshold} needed`;
  if (isWeighted(tally)) return `weight ${weight} of ${total} agrees, ${needed}`;
  return `${weight} of ${total}${membersOf(tally, among)} agree, ${needed}`;
}

/** What the members of a group are called. */
export function membersOf({ ballots, units, groups }: Tally, among: "" | "named "): string {
  if (ballots.length === 0 && groups.length > 0) return " groups";
  if (groups.length > 0) return " members";
  if (units.length < ballots.length) return ` ${among}operators`;
  return among === "" ? "" : " named voters";
}

export function isWeighted({ units, groups }: Tally): boolean {
  return units.some(({ weight }) => weight !== 1) || groups.some(({ group }) => (group.weight ?? 1) !== 1);
}

/** Its name, else its members in braces. */
export function groupName(group: QuorumGroup, tally: Tally): string {
  if (group.name !== undefined) return group.name;
  const members = [
    ...tally.ballots.map(({ voter }) => voter.name),
    ...tally.groups.map((inner) => groupName(inner.group, inner.tally)).sort(compareText),
  ];
  const more = members.length > MAX_MEMBERS ? `, and ${members.length - MAX_MEMBERS} more` : "";
  return `{${members.slice(0, MAX_MEMBERS).join(", ")}${more}}`;
}

/** `the exception for chromium-* (timestamps differ)`. */
export function exceptionName({ match, reason }: Exception): string {
  return `the exception for ${printable(match)} (${printable(reason)})`;
}

/** The last day it holds, `2026-12-31`, or the moment it ends, `2026-12-31T12:00:00Z`; UTC. */
export function lastDay(expires: number): string {
  const isWholeDay = expires % 86_400_000 === 0;
  const text = new Date(isWholeDay ? expires - 1 : expires).toISOString();
  return isWholeDay ? text.slice(0, 10) : text.replace(/\.\d+Z$/, "Z");
}

/** Text from outside, made safe for one line of a terminal or a log. */
export function printable(text: string): string {
  const oneLine = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  return oneLine.length > MAX_REASON ? `${oneLine.slice(0, MAX_REASON)}…` : oneLine;
}
