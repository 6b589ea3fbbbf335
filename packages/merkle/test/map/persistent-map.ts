/**
 * A second, slow sparse map: an immutable binary tree, copied along the path of each leaf, so that every version stays
 * as it was. No buckets, pages, batches, indices or caches; nothing shared with the fast one but SHA-256.
 */
import type { Crypto } from "@trustix/crypto";
import { concatBytes } from "@trustix/crypto";

interface Leaf {
  readonly path: Uint8Array;
  readonly valueHash: Uint8Array;
  readonly hash: Uint8Array;
}
interface Fork {
  readonly left: Tree;
  readonly right: Tree;
  readonly hash: Uint8Array;
}
/** `undefined` is the empty subtree. */
export type Tree = Leaf | Fork | undefined;

const ZEROS = new Uint8Array(32);
const bitOf = (path: Uint8Array, depth: number): number => (path[depth >> 3]! >> (7 - (depth & 7))) & 1;
export const hashOf = (tree: Tree): Uint8Array => tree?.hash ?? ZEROS;

function fork(crypto: Crypto, left: Tree, right: Tree): Fork {
  return { left, right, hash: crypto.sha256(concatBytes(Uint8Array.of(1), hashOf(left), hashOf(right))) };
}

/** The tree with one more leaf. The path is new. */
export function withLeaf(crypto: Crypto, tree: Tree, path: Uint8Array, valueHash: Uint8Array): Tree {
  const hash = crypto.sha256(concatBytes(Uint8Array.of(0), path, valueHash));
  return put(crypto, tree, { path, valueHash, hash }, 0);
}

function put(crypto: Crypto, tree: Tree, leaf: Leaf, depth: number): Tree {
  if (tree === undefined) return leaf;
  if ("path" in tree) {
    const down = bitOf(tree.path, depth) === 0 ? fork(crypto, tree, undefined) : fork(crypto, undefined, tree);
    return put(crypto, down, leaf, depth);
  }
  if (bitOf(leaf.path, depth) === 0) return fork(crypto, put(crypto, tree.left, leaf, depth + 1), tree.right);
  return fork(crypto, tree.left, put(crypto, tree.right, leaf, depth + 1));
}

/** Side nodes from the leaf upwards, placeholders as zeros, and the leaf where the path ends. */
export function proofIn(tree: Tree, path: Uint8Array): { sides: Uint8Array[]; end: Leaf | undefined } {
  const sides: Uint8Array[] = [];
  let at = tree;
  for (let depth = 0; at !== undefined && !("path" in at); depth++) {
    const right = bitOf(path, depth) === 1;
    sides.unshift(hashOf(right ? at.left : at.right));
    at = right ? at.right : at.left;
  }
  return { sides, end: at };
}
