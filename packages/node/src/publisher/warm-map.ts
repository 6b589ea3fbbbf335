/**
 * Loads the parts of a map that are not in memory, one after the other, leaving the event loop free between two: the
 * first proofs under old roots and the first flushes after a start do not each wait for their part.
 */
import type { SparseMap } from "@trustix/merkle";
import type { Reads } from "@trustix/storage";
import { resolveNeeds } from "../logs/resolve-needs.ts";

/** Resolves when all is loaded, or soon after `isWanted` says no. What goes wrong is left to who needs that part. */
export async function warmMap(map: SparseMap, reads: Reads, isWanted: () => boolean): Promise<void> {
  try {
    do await new Promise((resolve) => setImmediate(resolve));
    while (isWanted() && (await resolveNeeds(map.warm(), reads)) > 0);
  } catch {
    // Damage is reported by the read or the flush that meets it, and by fsck.
  }
}
