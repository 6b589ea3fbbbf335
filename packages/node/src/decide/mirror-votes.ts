/**
 * Votes of mirrored logs, all in one read of the claims table. Nothing leaves this node: what is not here is not asked
 * for. An absence is as sure as a claim, because the copy holds every entry of the served head.
 */
import type { LogId, Vote, VoteOutcome } from "@trustix/protocol";
import type { Follower, Mirror } from "../model.ts";

/**
 * In the order of `ids`, which are all mirrored. `path`: H(key). Never throws. `catchUp` waits for copies that are
 * about to serve a newer head; it is called if the key is not in them yet.
 */
export async function mirrorVotes(
  mirror: Mirror,
  follower: Pick<Follower, "against">,
  ids: readonly LogId[],
  path: Uint8Array,
  catchUp: (ids: readonly LogId[]) => Promise<void>,
): Promise<Vote[]> {
  try {
    let claims = await mirror.claims(path, ids);
    const lacking = ids.filter((_, i) => claims[i] === undefined);
    if (lacking.some((id) => mirror.status(id)?.behindSince !== undefined)) {
      await catchUp(lacking);
      claims = await mirror.claims(path, ids);
    }
    return ids.map((logId, i): Vote => {
      const against = follower.against(logId);
      if (against !== undefined) return vote(logId, "excluded", against.why);
      const claim = claims[i];
      if (claim !== undefined) return { logId, outcome: "claims", digest: claim.digest, reason: "" };
      return withoutClaim(mirror, logId);
    });
  } catch (error) {
    const reason = `this node cannot read its copy: ${error instanceof Error ? error.message : String(error)}`;
    return ids.map((logId) => vote(logId, "unverifiable", reason));
  }
}

function withoutClaim(mirror: Mirror, logId: LogId): Vote {
  const status = mirror.status(logId)!;
  if (status.served !== undefined) {
    const { treeSize } = status.served;
    const isBehind = status.target !== undefined && status.target > treeSize;
    return vote(
      logId,
      "absent",
      isBehind ? `as of its first ${treeSize} entries, ${status.target} are to be copied` : "",
    );
  }
  if (status.isLie) return vote(logId, "unverifiable", status.why ?? "");
  const { entries, target } = status;
  if (target === undefined) return vote(logId, "unreachable", status.why ?? "no head of it is held yet");
  const far = `${entries} of ${target} entries are copied, none counts before all are here`;
  return vote(logId, "unreachable", status.why === undefined ? far : `${far}: ${status.why}`);
}

function vote(logId: LogId, outcome: VoteOutcome, reason: string): Vote {
  return { logId, outcome, digest: undefined, reason };
}
