/**
 * Which values are here. Of what a first copy asks, nearly nothing is, and to look up a million values that are not there
 * takes a sixth of the whole copy: so long copies ask a Bloom filter of all digests first. It may say yes wrongly, which
 * costs a look-up; and no of a value that another part of the node stored meanwhile, which then is fetched once more.
 */
import type { Hash } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { privateValueKey, privateValuesBetween } from "../logs/keys.ts";

/** 8 MiB: one of a hundred answers is a wrong yes at 7 million values, most are at 40 million. */
const FILTER_BITS = 26;
/** Bits of one digest: its first four words, which are as good as random. */
const PROBES = 4;
const DIGEST_BYTES = 32;

/** Others may have stored values of megabytes: so many are in memory at once. */
const READ_AT_ONCE = 8;

export class StoredValues {
  readonly #reads: Reads;
  /** Made by the first long copy, and kept. */
  #filter: Promise<Uint32Array> | undefined;
  /** While it is made, what is stored is noted in it already. */
  #bits: Uint32Array | undefined;

  constructor(reads: Reads) {
    this.#reads = reads;
  }

  /** Which of the digests have no value here. `many`: most of them, and there will be more such questions. */
  async lacks(digests: readonly Hash[], many: boolean): Promise<boolean[]> {
    if (many) this.#filter ??= this.#readAll();
    const bits = await this.#filter;
    const lacking = digests.map(() => true);
    const perhaps = [...digests.keys()].filter((i) => bits === undefined || mayHold(bits, digests[i]!));
    for (let at = 0; at < perhaps.length; at += READ_AT_ONCE) {
      const some = perhaps.slice(at, at + READ_AT_ONCE);
      const values = await this.#reads.getMany(some.map((i) => privateValueKey(digests[i]!)));
      for (const [n, i] of some.entries()) lacking[i] = values[n] === undefined;
    }
    return lacking;
  }

  /** Its value is being stored. */
  add(digest: Hash): void {
    if (this.#bits !== undefined) note(this.#bits, digest, 0);
  }

  async #readAll(): Promise<Uint32Array> {
    const bits = new Uint32Array(2 ** (FILTER_BITS - 5));
    this.#bits = bits;
    try {
      const { from, to } = privateValuesBetween(new Uint8Array(0), undefined);
      for await (const [key] of this.#reads.range(from, to, { keysOnly: true }))
        note(bits, key, key.length - DIGEST_BYTES);
      return bits;
    } catch (error) {
      this.#bits = undefined;
      this.#filter = undefined;
      throw error;
    }
  }
}

/** `at`: where the digest begins. */
function note(bits: Uint32Array, bytes: Uint8Array, at: number): void {
  for (let probe = 0; probe < PROBES; probe++) {
    const bit = bitOf(bytes, at + 4 * probe);
    bits[bit >>> 5]! |= 1 << (bit & 31);
  }
}

function mayHold(bits: Uint32Array, digest: Hash): boolean {
  for (let probe = 0; probe < PROBES; probe++) {
    const bit = bitOf(digest, 4 * probe);
    if ((bits[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

function bitOf(bytes: Uint8Array, at: number): number {
  const word = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  return word >>> (32 - FILTER_BITS);
}
