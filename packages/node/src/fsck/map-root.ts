/**
 * The root of a sparse map by its definition, from the leaves alone: an empty subtree is 32 zero bytes, a subtree of one
 * leaf is that leaf's hash, all else is hashed level by level. Shares no code with the map it checks.
 */
import type { Crypto } from "@trustix/crypto";

export interface Leaf {
  /** 32 bytes. */
  readonly path: Uint8Array;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** A subtree, and whether it is empty, one leaf or more: that decides how it is hashed into what is above. */
export interface Subtree {
  readonly leaves: number;
  readonly hash: Uint8Array;
}

const ZERO = new Uint8Array(32);

/** The subtree of `leaves`, whose paths agree in the first `depth` bits. Sorts `leaves`. */
export function subtreeOf(crypto: Crypto, leaves: Leaf[], depth: number): Subtree {
  leaves.sort((a, b) => Buffer.compare(a.path, b.path));
  return part(crypto, leaves, 0, leaves.length, depth);
}

/** Two neighbours as one. */
export function joinSubtrees(crypto: Crypto, left: Subtree, right: Subtree): Subtree {
  const leaves = left.leaves + right.leaves;
  if (leaves === 0) return { leaves, hash: ZERO };
  if (leaves === 1) return left.leaves === 1 ? left : right;
  const node = new Uint8Array(65);
  node[0] = 1;
  node.set(left.hash, 1);
  node.set(right.hash, 33);
  return { leaves, hash: crypto.sha256(node) };
}

/** `H(0x00 || path || valueHash)`. */
export function leafHashOf(crypto: Crypto, path: Uint8Array, valueHash: Uint8Array): Uint8Array {
  const leaf = new Uint8Array(65);
  leaf.set(path, 1);
  leaf.set(valueHash, 33);
  return crypto.sha256(leaf);
}

function part(crypto: Crypto, leaves: readonly Leaf[], from: number, to: number, depth: number): Subtree {
  if (from === to) return { leaves: 0, hash: ZERO };
  if (to - from === 1) return { leaves: 1, hash: leaves[from]!.hash };
  if (depth === 256) throw new RangeError("two leaves have one path");
  let middle = from;
  let end = to;
  while (middle < end) {
    const at = (middle + end) >> 1;
    if (bitOf(leaves[at]!.path, depth) === 0) middle = at + 1;
    else end = at;
  }
  const left = part(crypto, leaves, from, middle, depth + 1);
  return joinSubtrees(crypto, left, part(crypto, leaves, middle, to, depth + 1));
}

/** Most significant first. */
export function bitOf(path: Uint8Array, depth: number): number {
  return (path[depth >> 3]! >> (7 - (depth & 7))) & 1;
}
