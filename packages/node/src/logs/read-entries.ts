/** Entries of a log out of its bundles. */
import { BUNDLE_ENTRIES, type LogEntry, decodeBundle } from "@trustix/merkle";
import type { Reads } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import type { LogKeys } from "./keys.ts";

/** The entry at each index, in the order of `indices`; each bundle is read and decoded once. Throws `corrupt`. */
export async function readEntries(reads: Reads, keys: LogKeys, indices: readonly number[]): Promise<LogEntry[]> {
  const numbers = [...new Set(indices.map(bundleOf))];
  const stored = await reads.getMany(numbers.map((n) => keys.bundle(n)));
  const bundles = new Map(numbers.map((n, i) => [n, stored[i] ? decodeBundle(stored[i]) : []]));
  return indices.map((index) => {
    const entry = bundles.get(bundleOf(index))![index % BUNDLE_ENTRIES];
    if (entry === undefined) throw new NodeError("corrupt", `entry ${index} is not in its bundle ${bundleOf(index)}`);
    return entry;
  });
}

function bundleOf(index: number): number {
  return Math.floor(index / BUNDLE_ENTRIES);
}
