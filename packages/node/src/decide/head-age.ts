/**
 * How old a voter's head is: the time since this node last had from the log a head at least as new. It bounds how long
 * the log could not be reached, not what it held back. A log of this node has no age.
 */
import type { LogId, Vote } from "@trustix/protocol";
import type { Follower, Mirror } from "../model.ts";

export interface HeadTimes {
  readonly follower: Pick<Follower, "headSeenAt">;
  readonly mirror: Pick<Mirror, "status">;
}

/** Milliseconds since 1970 from which the head that `logId` votes under ages; `undefined`: it does not age. */
export function agesSince({ follower, mirror }: HeadTimes, logId: LogId): number | undefined {
  // A copy that does not get on ages from when the held head left it behind.
  return mirror.status(logId)?.behindSince ?? follower.headSeenAt(logId);
}

/** The same vote, or `stale` under a head older than `maxAgeMs`. */
export function staleIfOld(vote: Vote, times: HeadTimes, maxAgeMs: number, now: number): Vote {
  if (vote.outcome !== "claims" && vote.outcome !== "absent") return vote;
  const since = agesSince(times, vote.logId);
  if (since === undefined || now - since <= maxAgeMs) return vote;
  const reason = `no head came from it for ${spanOf(now - since)}, at most ${spanOf(maxAgeMs)} are allowed`;
  return { logId: vote.logId, outcome: "stale", digest: undefined, reason };
}

function spanOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 2) return `${Math.floor(ms / 1000)} s`;
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
