/** The head markers, which lie outside the store: a store that is behind one, or contradicts it, went back. */
import { LogTreeError, rootAt } from "@trustix/merkle";
import { verifyHead } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { StoredHead } from "../logs/head-record.ts";
import { resolveNeeds } from "../logs/resolve-needs.ts";
import { whyNotToSign } from "../publisher/check-continuity.ts";
import type { MarkedPlace } from "../publisher/head-marker.ts";
import type { Check } from "./fsck.ts";

export async function checkMarker(
  { reads, crypto, info, keys, findings }: Check,
  newest: StoredHead | undefined,
  marker: MarkedPlace,
): Promise<void> {
  try {
    const { place } = marker;
    const head = await marker.read();
    if (!head) return;
    if (!verifyHead(crypto, info.publicKey, head))
      return findings.add("wrong", `the head marker ${place} is not signed by the log's key`);
    const why = await whyNotToSign(newest?.head, { head, holder: "the head marker", place }, (size) =>
      resolveNeeds(rootAt(crypto, keys.logTiles, size), reads),
    );
    if (why !== undefined) findings.add(head.treeSize > (newest?.head.treeSize ?? -1) ? "missing" : "wrong", why);
  } catch (error) {
    // Tiles that are not there are reported by their own check.
    if (!(error instanceof NodeError || error instanceof LogTreeError)) throw error;
    findings.add("unreadable", `the head marker: ${error.message}`);
  }
}
