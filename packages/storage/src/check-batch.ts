/** What every backend refuses, so that no caller comes to depend on one engine's limits. */
import type { Change } from "./contract.ts";

/** A key has 1 to so many bytes. */
export const MAX_KEY_BYTES = 65_536;

/** Throws `RangeError`: a wrong key is a mistake of the program, not of the disk. */
export function checkKey(key: Uint8Array): void {
  if (key.length === 0 || key.length > MAX_KEY_BYTES)
    throw new RangeError(`a key has 1 to ${MAX_KEY_BYTES} bytes, got ${key.length}`);
}

/** Checks before anything is written: a batch that is refused here changed nothing. */
export function checkBatch(batch: readonly Change[]): void {
  for (const [key] of batch) checkKey(key);
}
