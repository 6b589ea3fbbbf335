/** The sentences of an outcome, for people. Digests are shortened to the 8 digits that tell them apart at a glance. */
import type { VoteOutcome } from "@trustix/protocol";
import type { Ballot, Camp } from "./count-votes.ts";

const MAX_REASON = 120;

/** `3 of 4 agree` and who says otherwise: `saturn claims 9b7d0c11; mars is unreachable (connection refused)`. */
export function describeVotes(camps: readonly Camp[], ballots: readonly Ballot[], winner: string | undefined): string {
  const parts: string[] = [];
  for (const camp of camps) {
    if (camp.claim.hex === winner) continue;
    const verb = camp.ballots.length === 1 ? "claims" : "claim";
    parts.push(`${nameList(camp.ballots)} ${verb} ${camp.claim.hex.slice(0, 8)}`);
  }
  for (const ballot of ballots) {
    if (ballot.claim === undefined) parts.push(describeMiss(ballot));
  }
  return parts.join("; ");
}

/** `mercury, venus and mars`. */
export function nameList(ballots: readonly Ballot[]): string {
  const names = ballots.map((ballot) => ballot.voter.name);
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
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

/** Text from outside, made safe for one line of a terminal or a log. */
export function printable(text: string): string {
  const oneLine = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  return oneLine.length > MAX_REASON ? `${oneLine.slice(0, MAX_REASON)}…` : oneLine;
}
