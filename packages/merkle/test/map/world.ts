/**
 * A map with its store and its history, for tests. A path's value hash is a function of the path, so that every proof
 * can be finished and checked.
 */
import { fromHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import fc from "fast-check";
import { SparseMap, absenceBeside, mapLeafHash, verifyAbsence, verifyPresence } from "../../src/index.ts";
import type { MapAnswer, MapLeaf, MapProof, MapVersion, SparseMapOptions } from "../../src/index.ts";
import { Records } from "./records.ts";

export const crypto = nodeCrypto();
export const PREFIX = fromHex("1000016d");
/** `SLOW=1` tries properties ten times as often. */
export const runs = (count: number): { numRuns: number } => ({
  numRuns: process.env["SLOW"] === "1" ? count * 10 : count,
});

/** Nothing is kept in memory that need not be. */
export const BARE: SparseMapOptions = { bucketCacheBytes: 0, trieBytes: 0, pageCacheBytes: 0 };

export const valueHashOf = (path: Uint8Array): Uint8Array => crypto.sha256(path);
export const leafOf = (path: Uint8Array, index: number): MapLeaf => ({
  path,
  leafHash: mapLeafHash(crypto, path, valueHashOf(path)),
  index,
});

/** Path number `i` of an endless evenly spread list. */
export function pathOf(i: number): Uint8Array {
  return crypto.sha256(Uint8Array.of(i >>> 24, i >>> 16, i >>> 8, i));
}

/** `path` up to bit `depth`, that bit flipped, behind it bits of `noise`. */
export function forkedPath(path: Uint8Array, depth: number, noise: Uint8Array): Uint8Array {
  const out = noise.slice();
  for (let bit = 0; bit <= depth; bit++) {
    const mask = 0x80 >> (bit & 7);
    const from = bit === depth ? ~path[bit >> 3]! : path[bit >> 3]!;
    out[bit >> 3] = (out[bit >> 3]! & ~mask) | (from & mask);
  }
  return out;
}

const anyPath = fc.uint8Array({ minLength: 32, maxLength: 32 });
const trunk = new Uint8Array(32).fill(0xa5);
/** Paths that share any number of bits, 0 to 255, with one trunk and so with each other. */
const nearPath = fc.tuple(fc.nat(255), anyPath).map(([depth, noise]) => forkedPath(trunk, depth, noise));
/** As an attacker would grind them: long common starts, crowded at the end. */
const crowdedPath = fc.integer({ min: 0, max: 63 }).map((end) => forkedPath(trunk, 0, trunk).fill(end, 31));

const distinct = (path: fc.Arbitrary<Uint8Array>, maxLength: number): fc.Arbitrary<Uint8Array[]> =>
  fc.uniqueArray(path, { minLength: 1, maxLength, selector: (path) => path.join() });

/** Different paths: spread, near, crowded, and all of these together. */
export const somePaths: fc.Arbitrary<Uint8Array[]> = fc.oneof(
  distinct(anyPath, 150),
  distinct(fc.oneof(nearPath, crowdedPath), 80),
  distinct(fc.oneof(anyPath, nearPath, crowdedPath), 120),
);

/** Settings under which small maps have pages, moving borders and lost caches. */
export const someOptions: fc.Arbitrary<SparseMapOptions> = fc.record({
  bucketCacheBytes: fc.constantFrom(0, 2000, 1 << 20),
  trieBytes: fc.constantFrom(0, 2000, 1 << 20),
  pageCacheBytes: fc.constantFrom(0, 1 << 20),
  leavesPerSubtree: fc.constantFrom(1, 4, 16, 1024),
});

/** Cuts a list into pieces of the given sizes, over and over. */
export function inBatches<T>(items: readonly T[], sizes: readonly number[]): T[][] {
  const batches: T[][] = [];
  for (let from = 0, i = 0; from < items.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length]!);
    batches.push(items.slice(from, from + size));
    from += size;
  }
  return batches;
}

export class World {
  readonly records = new Records();
  readonly options: SparseMapOptions;
  readonly versions: MapVersion[] = [];
  map: SparseMap;

  constructor(options: SparseMapOptions = {}) {
    this.options = options;
    this.map = this.records.run(SparseMap.open(crypto, PREFIX, undefined, options));
  }

  get latest(): MapVersion {
    return this.versions.at(-1)!;
  }

  /** Applies, writes, commits. */
  append(paths: readonly Uint8Array[]): MapVersion {
    const before = this.versions.at(-1);
    const size = before?.size ?? 0;
    const leaves = paths.map((path, i) => leafOf(path, size + i));
    const { changes, at } = this.records.run(this.map.apply(leaves, (before?.version ?? -1) + 1));
    this.records.write(changes);
    this.map.committed(at.version);
    this.versions.push(at);
    return at;
  }

  reopen(options: SparseMapOptions = this.options): void {
    this.map = this.records.run(SparseMap.open(crypto, PREFIX, this.versions.at(-1), options));
  }

  prove(path: Uint8Array, at: MapVersion): MapAnswer {
    return this.records.run(this.map.prove(path, at));
  }

  retire(versions: readonly MapVersion[]): void {
    this.records.write(this.records.run(this.map.retire(versions.map(({ version }) => version))));
  }
}

/** The finished proof of an answer, after it was verified under the root of `at`. */
export function checked(answer: MapAnswer, path: Uint8Array, at: MapVersion): MapProof {
  if (answer.kind === "present") {
    verifyPresence(crypto, at.root, path, valueHashOf(path), answer.proof);
    return answer.proof;
  }
  const proof = answer.kind === "beside" ? absenceBeside(crypto, answer, valueHashOf(answer.other.path)) : answer.proof;
  verifyAbsence(crypto, at.root, path, proof);
  return proof;
}
