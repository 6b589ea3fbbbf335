/** A batch of leaves, checked, packed and in the order of their paths. */
import { SparseMapError } from "./errors.ts";
import { comparePaths, PATH_BYTES } from "./paths.ts";
import { HASH_BYTES } from "./map-hashes.ts";
import { LEAF_BYTES, MAX_INDEX, packLeaf } from "./leaves.ts";
import type { MapLeaf } from "./leaves.ts";

/** A number holds 24 bits of a path above the place of its leaf, exactly, for up to so many leaves. */
const MOST_LEAVES = 2 ** 29;

/** Throws `bad_argument` for leaves out of their domain, `path_exists` for a path that comes twice. */
export function sortLeaves(leaves: readonly MapLeaf[], size: number): Uint8Array {
  if (leaves.length > MOST_LEAVES) {
    throw new SparseMapError("bad_argument", `a batch has at most ${MOST_LEAVES} leaves, got ${leaves.length}`);
  }
  // Numbers sort without a comparator; the few leaves that share 24 bits are put in order afterwards.
  const order = new Float64Array(leaves.length);
  for (const [i, { path, leafHash, index }] of leaves.entries()) {
    if (path.length !== PATH_BYTES || leafHash.length !== HASH_BYTES) {
      const got = `path ${path.length}, hash ${leafHash.length}`;
      throw new SparseMapError(
        "bad_argument",
        `leaf ${i} of the batch has wrong lengths (${got}), wanted 32 bytes each`,
      );
    }
    if (!Number.isSafeInteger(index) || index < size || index >= MAX_INDEX) {
      const wanted = `wanted ${size} to 2^48 - 1: indices grow`;
      throw new SparseMapError("bad_argument", `leaf ${i} of the batch has index ${index}, ${wanted}`);
    }
    order[i] = (path[0]! * 65536 + path[1]! * 256 + path[2]!) * MOST_LEAVES + i;
  }
  order.sort();
  const places = Uint32Array.from(order, (number) => number % MOST_LEAVES);
  settleTies(leaves, places);
  const packed = new Uint8Array(leaves.length * LEAF_BYTES);
  for (let i = 0; i < places.length; i++) packLeaf(leaves[places[i]!]!, packed, i * LEAF_BYTES);
  return packed;
}

function settleTies(leaves: readonly MapLeaf[], places: Uint32Array): void {
  const compare = (a: number, b: number): number => comparePaths(leaves[a]!.path, 0, leaves[b]!.path, 0);
  let from = 0;
  for (let i = 1; i <= places.length; i++) {
    if (i < places.length && sameStart(leaves[places[from]!]!.path, leaves[places[i]!]!.path)) continue;
    if (i - from > 1) {
      const tied = places.subarray(from, i).sort(compare);
      for (let k = 1; k < tied.length; k++) {
        if (compare(tied[k - 1]!, tied[k]!) === 0) {
          throw new SparseMapError("path_exists", `leaves ${tied[k - 1]} and ${tied[k]} of the batch have one path`);
        }
      }
    }
    from = i;
  }
}

function sameStart(a: Uint8Array, b: Uint8Array): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}
