/**
 * Buckets in memory: fixed slots of 8 packed leaves in chunks, so that a cached bucket costs no object and a dropped one
 * leaves no garbage. A slot that a version not yet durable has written stays: until then the store does not have it.
 */
import { BUCKET_LEAVES, LEAF_BYTES } from "./leaves.ts";

/** Bytes of a slot. */
export const SLOT_BYTES: number = BUCKET_LEAVES * LEAF_BYTES;

const CHUNK_SHIFT = 10;
const CHUNK_SLOTS = 1 << CHUNK_SHIFT;

export class BucketCache {
  /** Slots wanted at most; more are held while an operation or a write under way needs them. */
  readonly limit: number;
  /** Slots in use. */
  used = 0;
  readonly #chunks: Uint8Array[] = [];
  #count = new Uint8Array(CHUNK_SLOTS);
  /** The trie node whose bucket this is; 0 is a free slot. */
  #owner = new Uint32Array(CHUNK_SLOTS);
  #recent = new Uint8Array(CHUNK_SLOTS);
  /** The version that wrote it last; -1 when it was read. */
  #version = new Float64Array(CHUNK_SLOTS);
  readonly #free: number[] = [];
  #fresh = 0;
  #hand = 0;

  constructor(bytes: number) {
    this.limit = Math.floor(bytes / SLOT_BYTES);
  }

  get full(): boolean {
    return this.used >= this.limit;
  }

  /** A slot with these packed leaves. `version` -1: as stored. */
  add(owner: number, leaves: Uint8Array, offset: number, count: number, version: number): number {
    const slot = this.#free.pop() ?? this.#freshSlot();
    this.used++;
    this.#owner[slot] = owner;
    this.bytes(slot).set(leaves.subarray(offset, offset + count * LEAF_BYTES), this.offset(slot));
    this.changed(slot, count, version);
    return slot;
  }

  changed(slot: number, count: number, version: number): void {
    this.#count[slot] = count;
    this.#version[slot] = version;
    this.#recent[slot] = 1;
  }

  free(slot: number): void {
    this.#owner[slot] = 0;
    this.#free.push(slot);
    this.used--;
  }

  /** The array in which the slot's leaves begin at `offset`. */
  bytes(slot: number): Uint8Array {
    return this.#chunks[slot >> CHUNK_SHIFT]!;
  }

  offset(slot: number): number {
    return (slot & (CHUNK_SLOTS - 1)) * SLOT_BYTES;
  }

  count(slot: number): number {
    return this.#count[slot]!;
  }

  touch(slot: number): void {
    this.#recent[slot] = 1;
  }

  /** Frees slots not used since the last round until no more than `limit` are held, and tells their owners. */
  trim(durable: number, dropped: (owner: number) => void): void {
    // Two rounds: the first may only find slots that were used since the last.
    for (let steps = 2 * this.#fresh; this.used > this.limit && steps > 0; steps--) {
      const slot = this.#hand;
      this.#hand = (slot + 1) % this.#fresh;
      const owner = this.#owner[slot]!;
      if (owner === 0 || this.#version[slot]! > durable) continue;
      if (this.#recent[slot] === 1) {
        this.#recent[slot] = 0;
        continue;
      }
      this.free(slot);
      dropped(owner);
    }
  }

  #freshSlot(): number {
    const slot = this.#fresh++;
    if (slot >> CHUNK_SHIFT === this.#chunks.length) {
      this.#chunks.push(new Uint8Array(CHUNK_SLOTS * SLOT_BYTES));
      if (slot === this.#count.length) this.#grow();
    }
    return slot;
  }

  #grow(): void {
    const capacity = this.#count.length * 2;
    const copy = <T extends Uint8Array | Uint32Array | Float64Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#count = copy(this.#count, new Uint8Array(capacity));
    this.#owner = copy(this.#owner, new Uint32Array(capacity));
    this.#recent = copy(this.#recent, new Uint8Array(capacity));
    this.#version = copy(this.#version, new Float64Array(capacity));
  }
}
