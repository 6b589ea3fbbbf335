/**
 * The nodes of the binary trie over buckets, in typed arrays: no object a node. Nodes are numbers; 0 is no node, the
 * empty subtree. About 0.4 nodes an entry, 58 bytes each.
 *
 * Always: an inner node has more leaves below than a bucket holds; `min` and `max` are the smallest and the
 * largest log index below a node (an unloaded root's `max` may be larger); a node's hash is that of its subtree.
 */
import { HASH_BYTES } from "./map-hashes.ts";
import type { MapHasher } from "./map-hashes.ts";

export const EMPTY = 0;
export const INNER = 1;
export const BUCKET = 2;
/** An inner node that is not in memory with all below it: hash and `max` are known. */
export const UNLOADED = 3;
export type NodeKind = typeof EMPTY | typeof INNER | typeof BUCKET | typeof UNLOADED;

const FIRST_CAPACITY = 64;
const HASH_WORDS = HASH_BYTES / 4;

/** Bytes that a node takes. */
export const NODE_BYTES = 58;

export class Trie {
  kind = new Uint8Array(FIRST_CAPACITY);
  /** Inner: left child. Bucket: its slot in the bucket cache plus 1, or 0. Free: the next free node. */
  left = new Uint32Array(FIRST_CAPACITY);
  /** Inner: right child. Bucket: how many leaves it has. */
  right = new Uint32Array(FIRST_CAPACITY);
  /** 1: walked through lately. Kept for nodes at page depths. */
  recent = new Uint8Array(FIRST_CAPACITY);
  min = new Float64Array(FIRST_CAPACITY);
  max = new Float64Array(FIRST_CAPACITY);
  /** Hashes, eight words a node. Read it anew after anything that adds nodes. */
  words = new Uint32Array(FIRST_CAPACITY * HASH_WORDS);
  root = EMPTY;
  /** Nodes in use. */
  used = 0;
  #bytes = new Uint8Array(this.words.buffer);
  #fresh = 1;
  #free = 0;

  constructor() {
    this.min[EMPTY] = Infinity;
    this.max[EMPTY] = -1;
  }

  add(kind: NodeKind): number {
    let node = this.#free;
    if (node !== 0) {
      this.#free = this.left[node]!;
    } else {
      node = this.#fresh++;
      if (node === this.kind.length) this.#grow();
    }
    this.used++;
    this.kind[node] = kind;
    this.left[node] = 0;
    this.right[node] = 0;
    this.recent[node] = 1;
    return node;
  }

  free(node: number): void {
    this.kind[node] = EMPTY;
    this.left[node] = this.#free;
    this.#free = node;
    this.used--;
  }

  child(node: number, bit: number): number {
    return bit === 0 ? this.left[node]! : this.right[node]!;
  }

  setChild(node: number, bit: number, child: number): void {
    if (bit === 0) this.left[node] = child;
    else this.right[node] = child;
  }

  /** A copy of the node's hash. */
  hash(node: number): Uint8Array {
    return this.#bytes.slice(node * HASH_BYTES, (node + 1) * HASH_BYTES);
  }

  setHash(node: number, hash: Uint8Array, at: number): void {
    const bytes = this.#bytes;
    const to = node * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) bytes[to + i] = hash[at + i]!;
  }

  hashInto(node: number, out: Uint8Array, at: number): void {
    const bytes = this.#bytes;
    const from = node * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) out[at + i] = bytes[from + i]!;
  }

  takeDigest(node: number, hasher: MapHasher): void {
    const { words } = this;
    const digest = hasher.digestWords;
    const at = node * HASH_WORDS;
    for (let i = 0; i < HASH_WORDS; i++) words[at + i] = digest[i]!;
  }

  hasDigest(node: number, hasher: MapHasher): boolean {
    const at = node * HASH_WORDS;
    for (let i = 0; i < HASH_WORDS; i++) if (this.words[at + i] !== hasher.digestWords[i]) return false;
    return true;
  }

  /** Hash, `min` and `max` of an inner node from its children. */
  sumUp(node: number, hasher: MapHasher): void {
    const left = this.left[node]!;
    const right = this.right[node]!;
    hasher.nodeOfWords(this.words, left * HASH_WORDS, this.words, right * HASH_WORDS);
    this.takeDigest(node, hasher);
    this.min[node] = Math.min(this.min[left]!, this.min[right]!);
    this.max[node] = Math.max(this.max[left]!, this.max[right]!);
  }

  #grow(): void {
    const capacity = this.kind.length * 2;
    this.kind = grown(this.kind, new Uint8Array(capacity));
    this.left = grown(this.left, new Uint32Array(capacity));
    this.right = grown(this.right, new Uint32Array(capacity));
    this.recent = grown(this.recent, new Uint8Array(capacity));
    this.min = grown(this.min, new Float64Array(capacity));
    this.max = grown(this.max, new Float64Array(capacity));
    this.words = grown(this.words, new Uint32Array(capacity * HASH_WORDS));
    this.#bytes = new Uint8Array(this.words.buffer);
  }
}

function grown<T extends Uint8Array | Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
