/** Entries of a log out of its bundles. */
import { BUNDLE_ENTRIES, type LogEntry, decodeBundle } from "@trustix/merkle";
import type { Reads } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import type { KeptBundles } from "./kept-bundles.ts";
import type { LogKeys } from "./keys.ts";

/** From so many entries of one bundle on, it is decoded as a whole. */
const DECODE_FROM = 16;
const DIGEST_BYTES = 32;
const COLON = 0x3a;

/** The entry at each index, in the order of `indices`; each bundle is read once. Throws `corrupt`. */
export async function readEntries(reads: Reads, keys: LogKeys, indices: readonly number[]): Promise<LogEntry[]> {
  const wanted = new Map<number, number>();
  for (const index of indices) wanted.set(bundleOf(index), (wanted.get(bundleOf(index)) ?? 0) + 1);
  const numbers = [...wanted.keys()];
  const stored = await reads.getMany(numbers.map((n) => keys.bundle(n)));
  const bundles = new Map(numbers.map((n, i) => [n, readerOf(stored[i], wanted.get(n)!)]));
  return indices.map((index) => {
    const entry = bundles.get(bundleOf(index))!(index % BUNDLE_ENTRIES);
    if (entry === undefined) throw missing(index);
    return entry;
  });
}

/** One entry of those below `size`, the log's published size. Throws `corrupt`. */
export async function readEntry(
  reads: Reads,
  keys: LogKeys,
  kept: KeptBundles,
  index: number,
  size: number,
): Promise<LogEntry> {
  let bundle = kept.find(index);
  if (bundle === undefined) {
    [bundle] = await reads.getMany([keys.bundle(bundleOf(index))]);
    if (bundle !== undefined) kept.keep(bundleOf(index), bundle, size);
  }
  const entry = bundle && entryIn(bundle, index % BUNDLE_ENTRIES);
  if (entry === undefined) throw missing(index);
  return entry;
}

function missing(index: number): NodeError {
  return new NodeError("corrupt", `entry ${index} is not in its bundle ${bundleOf(index)}`);
}

function readerOf(bundle: Uint8Array | undefined, count: number): (at: number) => LogEntry | undefined {
  if (bundle === undefined) return () => undefined;
  if (count < DECODE_FROM) return (at) => entryIn(bundle, at);
  const entries = decodeBundle(bundle);
  return (at) => entries[at];
}

/**
 * One entry of a bundle (see merkle's bundles.ts) without decoding the others: a proof needs one of 256. `undefined`
 * where the bundle has no such entry.
 */
function entryIn(bundle: Uint8Array, at: number): LogEntry | undefined {
  let from = 0;
  for (let i = 0; i < at; i++) from += 2 + lengthAt(bundle, from);
  const end = from + 2 + lengthAt(bundle, from);
  const colon = end - DIGEST_BYTES - 1;
  if (end > bundle.length || colon < from + 2 || bundle[colon] !== COLON) return undefined;
  return { key: bundle.subarray(from + 2, colon), valueDigest: bundle.subarray(colon + 1, end) };
}

/** 0 behind the end. */
function lengthAt(bundle: Uint8Array, at: number): number {
  return at + 1 < bundle.length ? bundle[at]! * 256 + bundle[at + 1]! : 0;
}

function bundleOf(index: number): number {
  return Math.floor(index / BUNDLE_ENTRIES);
}
