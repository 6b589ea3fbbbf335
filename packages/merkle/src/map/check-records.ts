/**
 * Derives one version of a map from nothing but its buckets, and holds the stored pages of that version against it.
 * Reads every bucket, one subtree at a time: memory is bounded by the largest subtree below a page.
 *
 * Uses nothing that is in memory of a running map: the store must be at rest, with all batches written. A leaf's hash is
 * taken as it is stored: that it belongs to the leaf's path shows where the entry it stands for is looked up.
 */
import type { Crypto } from "@trustix/crypto";
import { equalBytes, toHex } from "@trustix/crypto";
import type { Needs } from "../needs.ts";
import { SparseMapError } from "./errors.ts";
import { MapKeys } from "./keys.ts";
import { BUCKET_LEAVES, indexAt, LEAF_BYTES, maxIndex, minIndex } from "./leaves.ts";
import { nameOf, readBuckets } from "./load.ts";
import type { StoredBucket } from "./load.ts";
import { EMPTY_MAP_ROOT, MapHasher } from "./map-hashes.ts";
import { PAGE_LEVELS, readPage, SLOT_BUCKET, SLOT_EMPTY, SLOT_INNER, SLOT_PAGE } from "./pages.ts";
import { bitAt, PATH_BYTES, sharedBits } from "./paths.ts";
import type { Place } from "./state.ts";
import type { MapVersion } from "./version.ts";

/** Findings told at most: a damaged store has many of one kind. */
const MOST_PROBLEMS = 100;

/**
 * What is wrong with the records of version `at` below `prefix`, a sentence each (at most 100); empty when all is well.
 * Damaged records are problems, not errors.
 */
export function* checkMapRecords(crypto: Crypto, prefix: Uint8Array, at: MapVersion): Needs<string[]> {
  const check = new RecordCheck(crypto, prefix, at);
  const root = { path: new Uint8Array(PATH_BYTES), depth: 0 };
  if (at.border === 0) yield* check.subtree(root, { hash: at.root });
  else yield* check.page(root, at.version, { hash: at.root });
  return check.problems;
}

/**
 * The version as its own first page has it, for one whose root nobody keeps; `undefined` where that page is not stored.
 * What it says of itself is right if `checkMapRecords` finds nothing wrong. Throws `bad_record`.
 */
export function* mapVersionInPages(crypto: Crypto, prefix: Uint8Array, version: number): Needs<MapVersion | undefined> {
  const key = new MapKeys(prefix).page(new Uint8Array(PATH_BYTES), 0, 0, version);
  const [record] = yield { kind: "get", keys: [key] };
  if (record === undefined) return undefined;
  const page = readPage(record, new MapHasher(crypto));
  return { root: page.hash(1).slice(), size: 1 + Math.max(...page.max), version, border: PAGE_LEVELS };
}

type Indices = readonly [min: number, max: number];
const NO_INDICES: Indices = [Infinity, -1];

/** What a page says of a subtree. */
interface Said {
  readonly hash: Uint8Array;
  /** Smallest and largest index, where a page says it. A map skips what they exclude. */
  readonly indices?: Indices;
  /** Leaves of a bucket. */
  readonly count?: number;
}

class RecordCheck {
  readonly problems: string[] = [];
  readonly #hasher: MapHasher;
  readonly #keys: MapKeys;
  readonly #at: MapVersion;

  constructor(crypto: Crypto, prefix: Uint8Array, at: MapVersion) {
    this.#hasher = new MapHasher(crypto);
    this.#keys = new MapKeys(prefix);
    this.#at = at;
  }

  /** A page with all below it; returns the indices of its leaves. */
  *page(place: Place, version: number, said: Said): Needs<Indices> {
    const [record] = yield { kind: "get", keys: [this.#keys.page(place.path, 0, place.depth, version)] };
    const name = `the page of version ${version} at ${nameOf(place)}`;
    if (record === undefined) this.#tell(`${name} is not stored`);
    const page = record && this.#try(() => readPage(record, this.#hasher));
    if (page === undefined) return NO_INDICES;
    if (!equalBytes(page.hash(1), said.hash)) this.#tell(`${name} does not have the hash that stands above it`);
    let all = NO_INDICES;
    for (const [slot, below] of placesBelow(place)) {
      const kind = page.kind[slot]!;
      // Below a slot that is not inner there are none.
      if (kind === SLOT_INNER || page.kind[slot >> 1] !== SLOT_INNER) continue;
      const hash = page.hash(slot);
      const indices: Indices = [page.min[slot]!, page.max[slot]!];
      const found =
        kind === SLOT_PAGE
          ? yield* this.page(below, page.version[slot]!, { hash, indices })
          : yield* this.subtree(below, saidOf(kind, hash, indices, page.count[slot]!));
      all = [Math.min(all[0], found[0]), Math.max(all[1], found[1])];
    }
    this.#compare(place, said, all);
    return all;
  }

  /** A subtree without pages: the leaves of this version in today's buckets; returns their indices. */
  *subtree(place: Place, said: Said): Needs<Indices> {
    const answer = yield { kind: "range", ...this.#keys.bucketsBelow(place.path, place.depth) };
    const stored = this.#try(() => readBuckets({ keys: this.#keys }, place, answer));
    if (stored === undefined) return NO_INDICES;
    this.#bucketsAreSplitRight(place, stored);
    const leaves = leavesBelow(stored, this.#at.size);
    const count = leaves.length / LEAF_BYTES;
    const hash = this.#hash(leaves, 0, count, place.depth);
    if (!equalBytes(hash, said.hash)) {
      this.#tell(`the buckets below ${nameOf(place)} make ${toHex(hash)}, above them stands ${toHex(said.hash)}`);
    }
    if (said.count !== undefined && said.count !== count) {
      this.#tell(`${nameOf(place)} has ${count} leaves, above it stands ${said.count}`);
    }
    const found: Indices = count === 0 ? NO_INDICES : [minIndex(leaves, 0, count), maxIndex(leaves, 0, count)];
    this.#compare(place, said, found);
    return found;
  }

  #compare(place: Place, { indices }: Said, found: Indices): void {
    if (indices === undefined || (indices[0] === found[0] && indices[1] === found[1])) return;
    this.#tell(`${nameOf(place)} has indices ${found.join(" to ")}, above it stands ${indices.join(" to ")}`);
  }

  /** A bucket lies as high as it can: what hangs from the node above it is more than one bucket holds. */
  #bucketsAreSplitRight(place: Place, stored: readonly StoredBucket[]): void {
    for (const [i, { path, depth }] of stored.entries()) {
      if (depth === place.depth) continue;
      let count = 0;
      const beside = (k: number): boolean => sharedBits(stored[k]!.path, 0, path, 0) >= depth - 1;
      for (let k = i; k >= 0 && count <= BUCKET_LEAVES && beside(k); k--) count += stored[k]!.count;
      for (let k = i + 1; k < stored.length && count <= BUCKET_LEAVES && beside(k); k++) count += stored[k]!.count;
      if (count <= BUCKET_LEAVES)
        this.#tell(`${nameOf({ path, depth })} is split although one bucket holds its leaves`);
    }
  }

  #hash(leaves: Uint8Array, from: number, to: number, depth: number): Uint8Array {
    if (from === to) return EMPTY_MAP_ROOT;
    const hasher = this.#hasher;
    if (to - from <= BUCKET_LEAVES) {
      hasher.fold(leaves, from * LEAF_BYTES, to - from, depth);
      return hasher.digest.slice();
    }
    let middle = from;
    while (middle < to && bitAt(leaves, middle * LEAF_BYTES, depth) === 0) middle++;
    const left = this.#hash(leaves, from, middle, depth + 1);
    hasher.digest.set(this.#hash(leaves, middle, to, depth + 1));
    hasher.climb(1, left);
    return hasher.digest.slice();
  }

  #tell(problem: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(problem);
  }

  #try<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SparseMapError)) throw error;
      this.#tell(error.message);
      return undefined;
    }
  }
}

function saidOf(kind: number, hash: Uint8Array, indices: Indices, count: number): Said {
  if (kind === SLOT_EMPTY) return { hash };
  return kind === SLOT_BUCKET ? { hash, indices, count } : { hash, indices };
}

/** The nodes 2..15 of a page at `place`, with their places. */
function placesBelow(place: Place): [slot: number, place: Place][] {
  const places: [number, Place][] = [];
  for (let level = 1; level <= PAGE_LEVELS; level++) {
    for (let slot = 1 << level; slot < 2 << level; slot++) {
      const path = place.path.slice();
      for (let k = 0; k < level; k++) {
        const depth = place.depth + k;
        if (((slot >> (level - 1 - k)) & 1) === 1) path[depth >> 3]! |= 0x80 >> (depth & 7);
      }
      places.push([slot, { path, depth: place.depth + level }]);
    }
  }
  return places;
}

/** The packed leaves whose log index is below `size`. */
function leavesBelow(stored: readonly StoredBucket[], size: number): Uint8Array {
  const leaves = new Uint8Array(stored.reduce((sum, { record }) => sum + record.length, 0));
  let at = 0;
  for (const { record } of stored) {
    for (let i = 0; i < record.length; i += LEAF_BYTES) {
      if (indexAt(record, i) >= size) continue;
      leaves.set(record.subarray(i, i + LEAF_BYTES), at);
      at += LEAF_BYTES;
    }
  }
  return leaves.subarray(0, at);
}
