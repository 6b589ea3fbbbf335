/**
 * May we sign after the head in our store? Only if every head of ours that anybody may have seen is a past of it.
 * A publisher that signs anything else forks its own log, and its followers hold the proof of it for ever.
 */
import { equalBytes, toHex } from "@trustix/crypto";
import type { Hash, LogHead } from "@trustix/protocol";

export interface SeenHead {
  /** Validly signed by the log's own key. */
  readonly head: LogHead;
  /** Who holds it, for the message: `the head marker`, `a remote`. */
  readonly holder: string;
  /** Where, if that helps a person to find it. */
  readonly place?: string | undefined;
}

const HOW_TO_GO_ON =
  "the store is older than what was published or another one: stop the daemon and let `trustix recover` fetch the " +
  "missing entries from whoever has them (a node that serves the log, a newer copy of the state), or start a new log " +
  "with a new key; submissions are still queued";

/**
 * Why nothing may be signed after `ours` (`undefined`: the store holds no head), or `undefined` when all is well.
 * `rootAt` gives the stored log's root at a size not above `ours.treeSize`.
 */
export async function whyNotToSign(
  ours: LogHead | undefined,
  seen: SeenHead,
  rootAt: (size: number) => Promise<Hash>,
): Promise<string | undefined> {
  const { head } = seen;
  const holder = seen.place === undefined ? seen.holder : `${seen.holder} ${seen.place}`;
  const size = ours?.treeSize ?? -1;
  if (head.treeSize > size) {
    const stored = ours ? `ends at ${size}` : "holds no head";
    // Before the first head is stored, the head of the empty log is what we would sign again, bit for bit.
    if (!ours && head.treeSize === 0) return undefined;
    return `${holder} has a head of ${head.treeSize} entries, the store ${stored}: ${HOW_TO_GO_ON}`;
  }
  const root = head.treeSize === size ? ours!.logRoot : await rootAt(head.treeSize);
  const isSame = head.treeSize < size || isSameMapHead(ours!, head);
  if (equalBytes(root, head.logRoot) && isSame) return undefined;
  return (
    `${holder} has another head of ${head.treeSize} entries (log root ${toHex(head.logRoot)}, ` +
    `the store has ${toHex(root)}): ${HOW_TO_GO_ON}`
  );
}

function isSameMapHead(a: LogHead, b: LogHead): boolean {
  return a.mhTreeSize === b.mhTreeSize && equalBytes(a.mhRoot, b.mhRoot) && equalBytes(a.mapRoot, b.mapRoot);
}
