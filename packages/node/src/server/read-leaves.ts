/** Leaves of a range, read in steps so that an answer that would be too large is refused before all of it is held. */
import { leafToWire, type LogLeaf } from "@trustix/protocol";
import type { LogLeaf as WireLeaf } from "@trustix/proto";
import { NodeError } from "../errors.ts";

const STEP = 512;
/** Tags, lengths and two digests of one leaf on the wire. */
const LEAF_OVERHEAD = 80;

/** Throws `too_large` when the leaves need more than `maxBytes`, naming how many fit. */
export async function readLeaves(
  read: (start: number, finish: number) => Promise<LogLeaf[]>,
  range: { readonly start: number; readonly finish: number },
  maxBytes: number,
): Promise<WireLeaf[]> {
  const { start, finish } = range;
  const leaves: WireLeaf[] = [];
  let bytes = 0;
  let at = start;
  do {
    for (const leaf of await read(at, Math.min(finish, at + STEP - 1))) {
      bytes += LEAF_OVERHEAD + (leaf.key?.length ?? 0);
      if (bytes > maxBytes) {
        throw new NodeError(
          "too_large",
          `leaves ${start} to ${finish} need more than ${maxBytes} bytes; ${leaves.length} of them fit into one answer`,
        );
      }
      leaves.push(leafToWire(leaf));
    }
    at += STEP;
  } while (at <= finish);
  return leaves;
}
