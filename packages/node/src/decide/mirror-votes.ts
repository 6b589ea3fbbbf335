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
  follower: Pick<Follower, "against" | "whyNoHead">,
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
      return withoutClaim(mirror, follower, logId);
    });
  } catch (error) {
    const reason = `this node cannot read its copy: ${error instanceof Error ? error.message : String(error)}`;
    return ids.map((logId) => vote(logId, "unverifiable", reason));
  }
}

function withoutClaim(mirror: Mirror, follower: Pick<Follower, "whyNoHead">, logId: LogId): Vote {
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
  const { entries, target, why, isWrong, isLie } = status;
  if (isLie) return vote(logId, "unverifiable", why ?? "");
  if (target === undefined) {
    const noHead = follower.whyNoHead(logId);
    return vote(logId, noHead.outcome, noHead.why);
  }
  const far = `${entries} of ${target} entries are copied, none counts before all are here`;
  return vote(logId, isWrong ? "unverifiable" : "unreachable", why === undefined ? far : `${far}: ${why}`);
}

function vote(logId: LogId, outcome: VoteOutcome, reason: string): Vote {
  return { logId, outcome, digest: undefined, reason };
}
