/**
 * How old a vote is. What a log's vote rests on is its head: its age is the time since this node last had from the log a
 * head at least as new. It bounds how long the log could not be reached, not what it held back. A binary cache has no
 * head: its vote is as old as the last narinfo that showed the claim. A log of this node has no age.
 */
import type { Vote } from "@trustix/protocol";
import type { Follower, Mirror } from "../model.ts";
import type { CastVote } from "./gather-votes.ts";

export interface HeadTimes {
  readonly follower: Pick<Follower, "headSeenAt">;
  readonly mirror: Pick<Mirror, "status">;
}

/** Milliseconds since 1970 from which what the vote rests on ages; `undefined`: it does not age. */
export function agesSince({ follower, mirror }: HeadTimes, { vote: { logId }, claim }: CastVote): number | undefined {
  // A copy that does not get on ages from when the held head left it behind.
  return claim?.confirmedAt ?? mirror.status(logId)?.behindSince ?? follower.headSeenAt(logId);
}

/** The vote, or `stale` if it is older than `maxAgeMs`. */
export function staleIfOld(cast: CastVote, times: HeadTimes, maxAgeMs: number, now: number): Vote {
  const { vote, claim } = cast;
  if (vote.outcome !== "claims" && vote.outcome !== "absent") return vote;
  const since = agesSince(times, cast);
  if (since === undefined || now - since <= maxAgeMs) return vote;
  const span = spanOf(now - since);
  const what = claim === undefined ? `no head came from it for ${span}` : `its narinfo last came ${span} ago`;
  const reason = `${what}, at most ${spanOf(maxAgeMs)} are allowed`;
  return { logId: vote.logId, outcome: "stale", digest: undefined, reason };
}

function spanOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 2) return `${Math.floor(ms / 1000)} s`;
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
