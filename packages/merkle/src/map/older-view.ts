/**
 * The trie as it was at an older size: only leaves whose log index is below it count. Where nothing below a node is
 * newer, the node's hash is the old one; where everything is, the subtree was empty; the rest is hashed again.
 */
import { indexAt, LEAF_BYTES, unpackLeaf } from "./leaves.ts";
import type { MapLeaf } from "./leaves.ts";
import type { Wanted } from "./load.ts";
import { PATH_BYTES } from "./paths.ts";
import type { MapState } from "./state.ts";
import { BUCKET, EMPTY, INNER, UNLOADED } from "./trie.ts";

export const NONE = 0;
export const ONE = 1;
export const MANY = 2;
/** How many leaves a subtree had. One leaf stands for its whole subtree, so this decides where proofs end. */
export type Population = typeof NONE | typeof ONE | typeof MANY;

const HASH_WORDS = 8;
const LEVELS = 257;
const ZEROS = new Uint32Array(HASH_WORDS);

/** The bucket that holds the one leaf of a subtree. */
export interface LoneBucket {
  readonly node: number;
  readonly path: Uint8Array;
  readonly depth: number;
}

export class OlderView {
  readonly #state: MapState;
  readonly #size: number;
  readonly #wanted: Wanted;
  /** The path of the node that is looked at; bits behind its depth mean nothing. */
  readonly #cursor = new Uint8Array(PATH_BYTES);
  readonly #path: Uint8Array;
  #lone: LoneBucket | undefined;
  #waiting: Uint32Array | undefined;

  /** What is missing in memory is put into `wanted`; hashes mean nothing then. */
  constructor(state: MapState, size: number, path: Uint8Array, wanted: Wanted) {
    this.#state = state;
    this.#size = size;
    this.#wanted = wanted;
    this.#path = path;
  }

  /** The bucket of the one leaf, after `sibling` said `ONE`. */
  get lone(): LoneBucket | undefined {
    return this.#lone;
  }

  /** Leaves the old hash of `node`, which stands beside the path at `depth`, in the hasher's digest. */
  sibling(node: number, depth: number): Population {
    const bit = depth - 1;
    this.#cursor.set(this.#path);
    this.#cursor[bit >> 3]! ^= 0x80 >> (bit & 7);
    return this.#hash(node, depth);
  }

  /** The leaves of a cached bucket that count, packed. */
  leavesOf(bucket: number): Uint8Array {
    const { trie, buckets } = this.#state;
    const slot = this.#state.slotOf(bucket);
    buckets.touch(slot);
    const bytes = buckets.bytes(slot);
    const offset = buckets.offset(slot);
    const count = buckets.count(slot);
    if (trie.max[bucket]! < this.#size) return bytes.subarray(offset, offset + count * LEAF_BYTES);
    const out = new Uint8Array(count * LEAF_BYTES);
    let at = 0;
    for (let i = offset; i < offset + count * LEAF_BYTES; i += LEAF_BYTES) {
      if (indexAt(bytes, i) >= this.#size) continue;
      out.set(bytes.subarray(i, i + LEAF_BYTES), at);
      at += LEAF_BYTES;
    }
    return out.subarray(0, at);
  }

  /** The one leaf of a lone bucket; `undefined`, and wanted, when the bucket is not in memory. */
  leafOf(lone: LoneBucket): MapLeaf | undefined {
    if (this.#state.slotOf(lone.node) >= 0) return unpackLeaf(this.leavesOf(lone.node), 0);
    this.#wanted.buckets.push(lone);
    return undefined;
  }

  #hash(node: number, depth: number): Population {
    const { trie, hasher, buckets } = this.#state;
    if (node === EMPTY || trie.min[node]! >= this.#size) return NONE;
    const kind = trie.kind[node]!;
    if (trie.max[node]! < this.#size) {
      trie.hashInto(node, hasher.digest, 0);
      if (kind !== BUCKET || trie.right[node]! > 1) return MANY;
      return this.#isLone(node, depth);
    }
    if (kind === INNER) return this.#hashInner(node, depth);
    if (kind === UNLOADED || this.#state.slotOf(node) < 0) {
      const list = kind === UNLOADED ? this.#wanted.subtrees : this.#wanted.buckets;
      list.push({ path: this.#cursor.slice(), depth });
      return MANY;
    }
    const slot = this.#state.slotOf(node);
    buckets.touch(slot);
    const count = hasher.foldBelow(buckets.bytes(slot), buckets.offset(slot), buckets.count(slot), depth, this.#size);
    if (count === 0) return NONE;
    return count === 1 ? this.#isLone(node, depth) : MANY;
  }

  #hashInner(node: number, depth: number): Population {
    const { trie, hasher } = this.#state;
    const waiting = (this.#waiting ??= new Uint32Array(LEVELS * HASH_WORDS));
    const at = depth * HASH_WORDS;
    const mask = 0x80 >> (depth & 7);
    const byte = depth >> 3;
    this.#cursor[byte]! &= ~mask;
    const left = this.#hash(trie.left[node]!, depth + 1);
    if (left !== NONE) waiting.set(hasher.digestWords, at);
    this.#cursor[byte]! |= mask;
    const right = this.#hash(trie.right[node]!, depth + 1);
    if (left === NONE && right !== MANY) return right;
    if (left === ONE && right === NONE) {
      hasher.digestWords.set(waiting.subarray(at, at + HASH_WORDS));
      return ONE;
    }
    if (this.#wanted.any) return MANY;
    const leftWords = left === NONE ? ZEROS : waiting;
    const rightWords = right === NONE ? ZEROS : hasher.digestWords;
    hasher.nodeOfWords(leftWords, left === NONE ? 0 : at, rightWords, 0);
    return MANY;
  }

  #isLone(node: number, depth: number): Population {
    this.#lone = { node, path: this.#cursor.slice(), depth };
    return ONE;
  }
}
