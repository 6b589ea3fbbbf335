/**
 * What of an entry does not depend on its place in the log is computed when it is submitted, outside any lock: the path
 * in the map, the digest of the value, the leaf of the log. A flush then hashes only what depends on the index.
 */
import type { Crypto } from "@trustix/crypto";
import { MAX_KEY_BYTES, entryLeafHashInto } from "@trustix/merkle";
import { NodeError } from "../errors.ts";
import type { SubmitItem } from "../model.ts";

const HASH = 32;

/** An item with its hashes, which lie packed with those of its neighbours. */
export class PreparedItem {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The path as a string of 32 latin1 characters: identity in maps and sets. */
  readonly name: string;
  readonly #hashes: Uint8Array;
  readonly #at: number;

  constructor(item: SubmitItem, name: string, hashes: Uint8Array, at: number) {
    this.key = item.key;
    this.value = item.value;
    this.name = name;
    this.#hashes = hashes;
    this.#at = at;
  }

  /** H(key): where it stands in the map. */
  get path(): Uint8Array {
    return this.#hashes.subarray(this.#at, this.#at + HASH);
  }

  /** H(value). */
  get digest(): Uint8Array {
    return this.#hashes.subarray(this.#at + HASH, this.#at + 2 * HASH);
  }

  /** The leaf of the log tree. */
  get leaf(): Uint8Array {
    return this.#hashes.subarray(this.#at + 2 * HASH, this.#at + 3 * HASH);
  }

  /** The same item with its bytes at another place: those of the queue record instead of the caller's. */
  movedTo(item: SubmitItem): PreparedItem {
    return new PreparedItem(item, this.name, this.#hashes, this.#at);
  }
}

export function prepareItems(crypto: Crypto, items: readonly SubmitItem[]): PreparedItem[] {
  const hashes = Buffer.allocUnsafeSlow(items.length * 3 * HASH);
  const plain = new Uint8Array(hashes.buffer);
  return items.map((item, i) => {
    const at = i * 3 * HASH;
    crypto.sha256Into(item.key, hashes, at);
    crypto.sha256Into(item.value, hashes, at + HASH);
    entryLeafHashInto(crypto, item.key, hashes.subarray(at + HASH, at + 2 * HASH), hashes, at + 2 * HASH);
    return new PreparedItem(item, hashes.toString("latin1", at, at + HASH), plain, at);
  });
}

/** Throws `invalid_argument` or `too_large`, naming the item by its number. */
export function checkItems(items: readonly SubmitItem[], maxValueBytes: number): void {
  for (const [i, { key, value }] of items.entries()) {
    if (key.length === 0) throw new NodeError("invalid_argument", `item ${i}: an empty key came`);
    if (key.length > MAX_KEY_BYTES)
      throw new NodeError("too_large", `item ${i}: a key of ${key.length} bytes came, at most ${MAX_KEY_BYTES} wanted`);
    if (value.length === 0) throw new NodeError("invalid_argument", `item ${i}: an empty value came`);
    if (value.length > maxValueBytes)
      throw new NodeError(
        "too_large",
        `item ${i}: a value of ${value.length} bytes came, at most ${maxValueBytes} wanted`,
      );
  }
}
