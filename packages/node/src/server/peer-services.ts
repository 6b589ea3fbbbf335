/**
 * What peers may ask: `NodeExt.SeenHeads`. They learn of one log at a time, and only of those they can name; of a log that
 * is not followed here they learn that.
 */
import { accusesLog, writeEvidence } from "@trustix/client";
import { NodeExt } from "@trustix/proto";
import { headToWire, parseLogId, type LogHead, type LogId } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { KeptEvidence } from "../model.ts";
import { headIfAny } from "./node-status.ts";
import type { ServerParts } from "./parts.ts";
import { followedLog } from "./request-fields.ts";
import { readRoute, type Route } from "./route.ts";

/** Proofs in one answer: one convicts, and another may be of a kind that an older peer knows. */
const MAX_PROOFS = 2;
const MAX_PROOF_BYTES = 256 << 10;

export function peerRoutes(parts: ServerParts): Route[] {
  return [
    readRoute("peer", NodeExt.method.seenHeads, async ({ LogID }) => {
      const { heads, publicKey } = await seenOf(parts, parseLogId(LogID));
      const proofs = (await parts.evidence.against(publicKey)).filter(isShort).slice(0, MAX_PROOFS);
      return { Heads: heads.map(headToWire), Evidence: proofs.map(({ evidence }) => writeEvidence(evidence)) };
    }),
  ];
}

async function seenOf(
  parts: ServerParts,
  id: LogId,
): Promise<{ readonly heads: readonly LogHead[]; readonly publicKey: Uint8Array }> {
  const published = parts.published.get(id)?.reader;
  if (published !== undefined) {
    const head = await headIfAny(published);
    return { heads: head === undefined ? [] : [head], publicKey: published.info.publicKey };
  }
  const followed = followedLog(parts, id);
  if (followed === undefined)
    throw new NodeError("not_found", `log ${id} is neither published nor followed by this node`);
  return { heads: parts.follower.seenHeads(id), publicKey: followed.info.publicKey };
}

function isShort({ evidence, bytes }: KeptEvidence): boolean {
  return accusesLog(evidence.kind) && bytes <= MAX_PROOF_BYTES;
}
