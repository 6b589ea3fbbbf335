/**
 * Hashes of the sparse map. Leaf `H(0x00 || path || H(value))`; node `H(0x01 || left || right)`; an empty subtree is 32
 * zero bytes; a subtree of one leaf is that leaf's hash, whatever its height.
 */
import type { Crypto } from "@trustix/crypto";
import { indexAt, LEAF_BYTES, LEAF_HASH } from "./leaves.ts";
import { bitAt, PATH_BYTES, sharedBits } from "./paths.ts";

export const HASH_BYTES = 32;
const HASH_WORDS = HASH_BYTES / 4;

/** The root of a map without leaves, and the hash of any empty subtree. */
export const EMPTY_MAP_ROOT: Uint8Array = new Uint8Array(HASH_BYTES);

/** `0x00 || path || valueHash`: the preimage of a leaf, and the data by which a proof names a foreign leaf. */
export function mapLeafData(path: Uint8Array, valueHash: Uint8Array): Uint8Array {
  const data = new Uint8Array(1 + PATH_BYTES + HASH_BYTES);
  data.set(path, 1);
  data.set(valueHash, 1 + PATH_BYTES);
  return data;
}

/** `H(0x00 || path || valueHash)`, where `valueHash` is the SHA-256 of the map entry's bytes. Both are 32 bytes. */
export function mapLeafHash(crypto: Crypto, path: Uint8Array, valueHash: Uint8Array): Uint8Array {
  return crypto.sha256(mapLeafData(path, valueHash));
}

/** Most leaves that one fold takes, and so the depth of its stack. */
const FOLD_LEAVES = 8;

/**
 * Nodes hashed through one preimage and one digest. The preimage lies so that both hashes start on a word: eight word
 * copies cost a sixth of a copy through a subarray (Node 24, measured), and a node is hashed twenty times an entry.
 */
export class MapHasher {
  readonly #crypto: Crypto;
  readonly #preimage: Uint8Array;
  readonly #words: Uint32Array;
  /** The result of the last hash or fold. */
  readonly digest: Uint8Array = new Uint8Array(HASH_BYTES);
  readonly digestWords: Uint32Array = new Uint32Array(this.digest.buffer);
  /** Where the leaves of a fold lie. */
  readonly #places = new Int32Array(FOLD_LEAVES);
  /** Left results that wait for their right neighbours, one for each level of a fold. */
  readonly #waiting = new Uint32Array(HASH_WORDS * FOLD_LEAVES);

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
    const buffer = new ArrayBuffer(4 + 2 * HASH_BYTES);
    this.#preimage = new Uint8Array(buffer, 3);
    this.#preimage[0] = 1;
    this.#words = new Uint32Array(buffer, 4);
  }

  /** `digest = H(0x01 || left || right)`, both at word positions. */
  nodeOfWords(left: Uint32Array, leftAt: number, right: Uint32Array, rightAt: number): void {
    const words = this.#words;
    for (let i = 0; i < HASH_WORDS; i++) words[i] = left[leftAt + i]!;
    for (let i = 0; i < HASH_WORDS; i++) words[HASH_WORDS + i] = right[rightAt + i]!;
    this.#crypto.sha256Into(this.#preimage, this.digest, 0);
  }

  /** `digest = H(0x01 || ...)` of `digest` and `side`, which stands at the side that `bit` does not take. */
  climb(bit: number, side: Uint8Array): void {
    const preimage = this.#preimage;
    preimage.set(this.digest, 1 + bit * HASH_BYTES);
    preimage.set(side, 1 + (1 - bit) * HASH_BYTES);
    this.#crypto.sha256Into(preimage, this.digest, 0);
  }

  /**
   * `digest` = hash of the subtree at `depth` that holds these 1 to 8 packed leaves; they are sorted, differ, and share
   * the first `depth` bits.
   */
  fold(leaves: Uint8Array, offset: number, count: number, depth: number): void {
    for (let i = 0; i < count; i++) this.#places[i] = offset + i * LEAF_BYTES;
    this.#fold(leaves, 0, count, depth, 0);
  }

  /** Like `fold`, of those leaves only whose log index is below `size`; returns how many they are. 0: no digest. */
  foldBelow(leaves: Uint8Array, offset: number, count: number, depth: number, size: number): number {
    let taken = 0;
    for (let i = 0; i < count; i++) {
      const at = offset + i * LEAF_BYTES;
      if (indexAt(leaves, at) < size) this.#places[taken++] = at;
    }
    if (taken > 0) this.#fold(leaves, 0, taken, depth, 0);
    return taken;
  }

  /** Of the leaves that `places` names from `from` to before `to`. */
  #fold(leaves: Uint8Array, from: number, to: number, depth: number, level: number): void {
    const { digest, digestWords } = this;
    const places = this.#places;
    const first = places[from]!;
    if (to - from === 1) {
      for (let i = 0; i < HASH_BYTES; i++) digest[i] = leaves[first + LEAF_HASH + i]!;
      return;
    }
    const fork = sharedBits(leaves, first, leaves, places[to - 1]!);
    let middle = from + 1;
    while (bitAt(leaves, places[middle]!, fork) === 0) middle++;
    this.#fold(leaves, from, middle, fork + 1, level);
    const waiting = this.#waiting;
    const at = level * HASH_WORDS;
    for (let i = 0; i < HASH_WORDS; i++) waiting[at + i] = digestWords[i]!;
    this.#fold(leaves, middle, to, fork + 1, level + 1);
    this.nodeOfWords(waiting, at, digestWords, 0);
    for (let d = fork - 1; d >= depth; d--) this.#lift(bitAt(leaves, first, d));
  }

  /** One level up with an empty sibling. */
  #lift(bit: number): void {
    const words = this.#words;
    const own = bit * HASH_WORDS;
    const empty = HASH_WORDS - own;
    for (let i = 0; i < HASH_WORDS; i++) words[own + i] = this.digestWords[i]!;
    for (let i = 0; i < HASH_WORDS; i++) words[empty + i] = 0;
    this.#crypto.sha256Into(this.#preimage, this.digest, 0);
  }
}
