/**
 * Hashes of an RFC 6962 tree: leaf `H(0x00 || data)`, node `H(0x01 || left || right)`, the empty tree `H("")`.
 * All are 32 bytes.
 */
import type { Crypto } from "@trustix/crypto";

export const HASH_BYTES = 32;

/** A node's preimage: the byte 1, two hashes. */
export const NODE_BYTES = 1 + 2 * HASH_BYTES;

const COLON = 0x3a;

/** `H(0x00 || data)`. */
export function leafHash(crypto: Crypto, data: Uint8Array): Uint8Array {
  const preimage = new Uint8Array(1 + data.length);
  preimage.set(data, 1);
  return crypto.sha256(preimage);
}

/** `H(0x00 || key || ":" || valueDigest)`: the leaf of a log entry. */
export function entryLeafHash(crypto: Crypto, key: Uint8Array, valueDigest: Uint8Array): Uint8Array {
  const leaf = new Uint8Array(HASH_BYTES);
  entryLeafHashInto(crypto, key, valueDigest, leaf, 0);
  return leaf;
}

/** `entryLeafHash` written to `out` at `offset`: for packed leaves. */
export function entryLeafHashInto(
  crypto: Crypto,
  key: Uint8Array,
  valueDigest: Uint8Array,
  out: Uint8Array,
  offset: number,
): void {
  const preimage = new Uint8Array(key.length + 2 + valueDigest.length);
  preimage.set(key, 1);
  preimage[key.length + 1] = COLON;
  preimage.set(valueDigest, key.length + 2);
  crypto.sha256Into(preimage, out, offset);
}

/** `H(0x01 || left || right)`. */
export function nodeHash(crypto: Crypto, left: Uint8Array, right: Uint8Array): Uint8Array {
  const preimage = new Uint8Array(NODE_BYTES);
  preimage[0] = 1;
  preimage.set(left, 1);
  preimage.set(right, 1 + HASH_BYTES);
  return crypto.sha256(preimage);
}

/**
 * Nodes hashed through one buffer, for loops: allocating a preimage and a result for each node costs more than hashing.
 * `into` writes `H(0x01 || left || right)` to `out` at `offset`; `out` may be where `left` or `right` lie.
 */
export class NodeHasher {
  readonly #crypto: Crypto;
  readonly #preimage = new Uint8Array(NODE_BYTES);

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
    this.#preimage[0] = 1;
  }

  into(left: Uint8Array, leftAt: number, right: Uint8Array, rightAt: number, out: Uint8Array, offset: number): void {
    const preimage = this.#preimage;
    for (let i = 0; i < HASH_BYTES; i++) {
      preimage[1 + i] = left[leftAt + i]!;
      preimage[1 + HASH_BYTES + i] = right[rightAt + i]!;
    }
    this.#crypto.sha256Into(preimage, out, offset);
  }
}

/** The root of a tree without leaves: `H("")`. */
export function EMPTY_ROOT(crypto: Crypto): Uint8Array {
  return crypto.sha256(new Uint8Array(0));
}
