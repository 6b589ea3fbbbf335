/**
 * The map, made again from the entries: its root by the definition, each entry found at its index, every bucket, and the
 * pages of every retained version. Memory is bounded: a large log is gone through several times, one part of the map at
 * a time.
 */
import { type Crypto, equalBytes, toHex } from "@trustix/crypto";
import {
  type MapVersion,
  type Needs,
  SparseMap,
  SparseMapError,
  type SparseMapOptions,
  checkMapRecords,
  mapVersionInPages,
} from "@trustix/merkle";
import { mapEntryBytes, mapValueHash } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { numberOf, rangeOf } from "../logs/keys.ts";
import { resolveNeeds } from "../logs/resolve-needs.ts";
import type { Check } from "./fsck.ts";
import { type Leaf, type Subtree, joinSubtrees, leafHashOf, subtreeOf } from "./map-root.ts";
import { storedEntries } from "./stored-entries.ts";

const BUCKET_KIND = 0x62;
const PAGE_KIND = 0x70;
const GARBAGE_KIND = 0x67;
const BUCKET_LEAF_BYTES = 70;
const U48_BYTES = 6;
/** Leaves held at once, about 500 bytes each. */
const LEAVES_AT_ONCE = 1 << 18;
/** Paths looked up in one go. */
const LOOKUPS = 1000;
/** Leaves read to derive versions from the buckets: the newest always, older ones while this lasts. */
const DERIVED_LEAVES = 10_000_000;
/** What the map may keep in memory. */
const MEMORY: SparseMapOptions = { bucketCacheBytes: 32 << 20, trieBytes: 64 << 20 };

/** A version of the map that is kept, and whose it is: `head 7`. */
export interface KeptVersion {
  readonly version: number;
  /** `undefined` where nothing but its pages tells its root. */
  readonly at: MapVersion | undefined;
  readonly where: string;
}

export interface MapWanted {
  readonly newest: MapVersion;
  /** `newest head`. */
  readonly where: string;
  /** Every retained version, the newest as well. */
  readonly kept: AsyncIterable<KeptVersion>;
}

/** Returns the map at the newest version, `undefined` when it cannot be opened. */
export async function checkMap(check: Check, wanted: MapWanted): Promise<SparseMap | undefined> {
  const { crypto, keys } = check;
  const { newest, where } = wanted;
  const map = await readingMap(check, where, () => SparseMap.open(crypto, keys.map, newest, MEMORY));
  await checkEntriesInMap(check, map, wanted);
  if (!map) return undefined;
  await checkBucketBytes(check, newest);
  await checkVersions(check, map, wanted);
  return map;
}

/** The versions that have a garbage list: whose successor replaced pages. */
export async function* versionsWithGarbage({ reads, keys }: Pick<Check, "reads" | "keys">): AsyncGenerator<number> {
  const prefix = Uint8Array.of(...keys.map, GARBAGE_KIND);
  const { from, to } = rangeOf(prefix);
  for await (const [key] of reads.range(from, to, { keysOnly: true }))
    // One of another length is surplus: no version names it.
    if (key.length === prefix.length + U48_BYTES) yield numberOf(key);
}

/** A leaf as the entry at `index` makes it. */
interface EntryLeaf extends Leaf {
  readonly index: number;
}

/**
 * The root by its definition, and each key looked up: part by part and in the order of the paths, so that each part of
 * the map is read once, however little of it fits into memory. On the way every bucket is held against the hashes above
 * it.
 */
async function checkEntriesInMap(
  check: Check,
  map: SparseMap | undefined,
  { newest: { size, root }, where }: MapWanted,
): Promise<void> {
  const bits = Math.max(0, Math.ceil(Math.log2(size / LEAVES_AT_ONCE)));
  let parts: Subtree[] = [];
  for (let number = 0; number < 2 ** bits; number++) {
    const leaves = await leavesOfPart(check, size, bits, number);
    parts.push(subtreeOf(check.crypto, leaves, bits));
    if (map) await checkLookups(check, map, leaves);
    check.progress("map", number + 1, 2 ** bits);
  }
  while (parts.length > 1) parts = pairUp(check.crypto, parts);
  const made = parts[0]!.hash;
  if (!equalBytes(made, root))
    check.findings.add("wrong", `${where}: map root ${toHex(root)}, its entries make ${toHex(made)}`);
}

/** Leaves of the first `size` entries whose paths begin with the `bits` bits of `number`. */
async function leavesOfPart(check: Check, size: number, bits: number, number: number): Promise<EntryLeaf[]> {
  const { crypto } = check;
  const leaves: EntryLeaf[] = [];
  const path = Buffer.alloc(32);
  for await (const { first, entries } of storedEntries(check, false))
    for (const [i, { key, valueDigest }] of entries.entries()) {
      const index = first + i;
      crypto.sha256Into(key, path, 0);
      if (index >= size || topBits(path, bits) !== number) continue;
      const own = new Uint8Array(path);
      const valueHash = mapValueHash(crypto, mapEntryBytes(valueDigest, index));
      leaves.push({ path: own, hash: leafHashOf(crypto, own, valueHash), index });
    }
  return leaves;
}

function pairUp(crypto: Crypto, parts: readonly Subtree[]): Subtree[] {
  const pairs: Subtree[] = [];
  for (let i = 0; i < parts.length; i += 2) pairs.push(joinSubtrees(crypto, parts[i]!, parts[i + 1]!));
  return pairs;
}

function topBits(path: Uint8Array, bits: number): number {
  return bits === 0 ? 0 : (((path[0]! << 24) | (path[1]! << 16) | (path[2]! << 8) | path[3]!) >>> 0) >>> (32 - bits);
}

/** The map leads from each key to its entry. */
async function checkLookups(check: Check, map: SparseMap, leaves: readonly EntryLeaf[]): Promise<void> {
  const { findings } = check;
  for (let from = 0; from < leaves.length; from += LOOKUPS) {
    const some = leaves.slice(from, from + LOOKUPS);
    const what = `lookups from path ${toHex(some[0]!.path.subarray(0, 4))} on`;
    const found = (await readingMap(check, what, () => map.locate(some.map(({ path }) => path)))) ?? [];
    for (const [i, index] of found.entries())
      if (index === undefined) findings.add("missing", `map leaf of entry ${some[i]!.index}`);
      else if (index !== some[i]!.index)
        findings.add("wrong", `map leaf of entry ${some[i]!.index} names entry ${index}`);
  }
}

/** Every entry was found in a bucket; so leaves that nothing leads to show in the sum. */
async function checkBucketBytes({ reads, keys, findings }: Check, { size }: MapVersion): Promise<void> {
  const { from, to } = rangeOf(Uint8Array.of(...keys.map, BUCKET_KIND));
  let bytes = 0;
  for await (const [, value] of reads.range(from, to)) bytes += value.length;
  const wanted = size * BUCKET_LEAF_BYTES;
  if (bytes === wanted) return;
  const kind = bytes > wanted ? "surplus" : "missing";
  findings.add(kind, `the map's buckets have ${bytes} bytes, the entries make ${wanted}`);
}

/**
 * Every retained version can be proved: all its pages are there, and so are those that it will give up. What is stored
 * besides belongs to versions that were retired. The newest one's pages are derived from the buckets, and those of older
 * ones as far as that is affordable; all are held against their roots.
 */
async function checkVersions(check: Check, map: SparseMap, { newest, kept }: MapWanted): Promise<void> {
  const { crypto, keys, reads, findings } = check;
  const wanted = new Set<string>();
  let derived = 0;
  for await (const { version, where, ...told } of kept) {
    const isNewest = version === newest.version;
    const at = told.at ?? (await readingMap(check, where, () => mapVersionInPages(crypto, keys.map, version)));
    if (at !== undefined) {
      // Opening reads the pages of the version and nothing else.
      const opened = isNewest ? { ...check, reads: noting(reads, wanted) } : check;
      await readingMap(opened, where, () => SparseMap.open(crypto, keys.map, at, MEMORY));
      const probe = crypto.sha256(at.root);
      await readingMap(check, where, () => map.prove(probe, at));
      if (!isNewest) derived += at.size;
      if (isNewest || newest.size + derived <= DERIVED_LEAVES) await checkDerived(check, at, where);
    }
    check.progress("map versions", version + 1, newest.version + 1);
    if (isNewest) continue;
    const removals = (await readingMap(check, where, () => map.retire([version]))) ?? [];
    const found = await reads.getMany(removals.map(([key]) => key));
    for (const [i, [key]] of removals.entries()) {
      wanted.add(toHex(key));
      if (!found[i]) findings.add("missing", `${where}: map page ${toHex(key)}, which it is the last to need`);
    }
  }
  for (const kind of [PAGE_KIND, GARBAGE_KIND]) {
    const { from, to } = rangeOf(Uint8Array.of(...keys.map, kind));
    for await (const [key] of reads.range(from, to, { keysOnly: true }))
      if (!wanted.has(toHex(key))) findings.add("surplus", `map page or garbage list ${toHex(key)}`);
  }
}

async function checkDerived(check: Check, at: MapVersion, where: string): Promise<void> {
  const { crypto, keys, findings } = check;
  const problems = await readingMap(check, where, () => checkMapRecords(crypto, keys.map, at));
  for (const problem of problems ?? []) findings.add("wrong", `${where}: map: ${problem}`);
}

/** The same reads, with every key asked for noted in hex. */
function noting(reads: Reads, asked: Set<string>): Reads {
  return {
    getMany(keys) {
      for (const key of keys) asked.add(toHex(key));
      return reads.getMany(keys);
    },
    range: (from, to, options) => reads.range(from, to, options),
  };
}

/** What the map makes of its records; `undefined`, and a problem, where it finds them corrupt. */
async function readingMap<T>(check: Check, what: string, needs: () => Needs<T>): Promise<T | undefined> {
  try {
    return await resolveNeeds(needs(), check.reads);
  } catch (error) {
    if (!(error instanceof SparseMapError)) throw error;
    check.findings.add("unreadable", `${what}: map: ${error.message}`);
    return undefined;
  }
}
