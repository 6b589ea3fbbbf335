/**
 * Packed leaves, in memory as in stored buckets: 70 bytes each, `path(32) || leaf hash(32) || u48be log index`, sorted
 * by path. A bucket's record is 1 to 8 of them and nothing else.
 */
import { comparePaths, PATH_BYTES } from "./paths.ts";

/** One key of the map. */
export interface MapLeaf {
  /** `H(key)`, 32 bytes. */
  readonly path: Uint8Array;
  /** `H(0x00 || path || H(map entry))`, 32 bytes. */
  readonly leafHash: Uint8Array;
  /** Where the key stands in the log. */
  readonly index: number;
}

export const LEAF_BYTES = 70;
/** Where a packed leaf's hash begins. */
export const LEAF_HASH: number = PATH_BYTES;
const LEAF_INDEX = 64;

/** Most leaves of a bucket. More make it split by one bit. */
export const BUCKET_LEAVES = 8;

/** One more than the largest log index that a leaf can name. */
export const MAX_INDEX: number = 2 ** 48;

export function packLeaf(leaf: MapLeaf, out: Uint8Array, at: number): void {
  out.set(leaf.path, at);
  out.set(leaf.leafHash, at + LEAF_HASH);
  writeU48(leaf.index, out, at + LEAF_INDEX);
}

export function unpackLeaf(leaves: Uint8Array, at: number): MapLeaf {
  return {
    path: leaves.slice(at, at + PATH_BYTES),
    leafHash: leaves.slice(at + LEAF_HASH, at + LEAF_INDEX),
    index: indexAt(leaves, at),
  };
}

/** The log index of the packed leaf at `at`. */
export function indexAt(leaves: Uint8Array, at: number): number {
  return readU48(leaves, at + LEAF_INDEX);
}

/** Place of the leaf with this path among `count` packed leaves, -1 when it is not there. */
export function findLeaf(
  leaves: Uint8Array,
  offset: number,
  count: number,
  path: Uint8Array,
  pathOffset: number,
): number {
  for (let i = 0; i < count; i++) {
    const order = comparePaths(leaves, offset + i * LEAF_BYTES, path, pathOffset);
    if (order === 0) return i;
    if (order > 0) return -1;
  }
  return -1;
}

/** The largest log index among `count` packed leaves. */
export function maxIndex(leaves: Uint8Array, offset: number, count: number): number {
  let max = 0;
  for (let i = 0; i < count; i++) max = Math.max(max, indexAt(leaves, offset + i * LEAF_BYTES));
  return max;
}

/** The smallest log index among `count` packed leaves. */
export function minIndex(leaves: Uint8Array, offset: number, count: number): number {
  let min = Infinity;
  for (let i = 0; i < count; i++) min = Math.min(min, indexAt(leaves, offset + i * LEAF_BYTES));
  return min;
}

export function writeU48(value: number, out: Uint8Array, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  out[at] = high >> 8;
  out[at + 1] = high;
  out[at + 2] = value >>> 24;
  out[at + 3] = value >>> 16;
  out[at + 4] = value >>> 8;
  out[at + 5] = value;
}

export function readU48(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! * 256 + bytes[at + 1]!;
  const low = bytes[at + 2]! * 0x100_0000 + ((bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!);
  return high * 0x1_0000_0000 + low;
}
