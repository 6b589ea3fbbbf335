/**
 * The map, made again from the entries: its root by the definition, each entry found at its index, every bucket, and the
 * pages of every retained head. Memory is bounded: a large log is gone through several times, one part of the map at a
 * time.
 */
import { equalBytes, toHex } from "@trustix/crypto";
import { type Needs, SparseMap, SparseMapError } from "@trustix/merkle";
import { mapEntryBytes, mapPath, mapValueHash } from "@trustix/protocol";
import { type StoredHead, mapHeadIndexOf } from "../logs/head-record.ts";
import { rangeOf } from "../logs/keys.ts";
import { resolveNeeds } from "../logs/resolve-needs.ts";
import { storedHeads } from "./check-heads.ts";
import type { Check } from "./fsck.ts";
import { type Leaf, type Subtree, joinSubtrees, leafHashOf, subtreeOf } from "./map-root.ts";
import { storedEntries } from "./stored-entries.ts";

const BUCKET_KIND = 0x62;
const BUCKET_LEAF_BYTES = 70;
/** Leaves held at once, about 250 bytes each. */
const LEAVES_AT_ONCE = 1 << 18;

/** Returns the map at the newest head, `undefined` when there is none or it cannot be opened. */
export async function checkMap(check: Check, newest: StoredHead | undefined): Promise<SparseMap | undefined> {
  if (!newest) return undefined;
  await checkRoot(check, newest);
  const map = await readingMap(check, "newest head", () => SparseMap.open(check.crypto, check.keys.map, newest.map));
  if (!map) return undefined;
  await checkLookups(check, map, newest);
  await checkBucketBytes(check, newest);
  await checkVersions(check, map);
  return map;
}

async function checkRoot(check: Check, newest: StoredHead): Promise<void> {
  const { treeSize, mapRoot } = newest.head;
  const bits = Math.max(0, Math.ceil(Math.log2(treeSize / LEAVES_AT_ONCE)));
  const parts: Subtree[] = [];
  for (let number = 0; number < 2 ** bits; number++) {
    const leaves: Leaf[] = [];
    for await (const leaf of leavesOf(check, treeSize))
      if (topBits(leaf.path, bits) === number) leaves.push({ path: leaf.path, hash: leaf.hash() });
    parts.push(subtreeOf(check.crypto, leaves, bits));
    check.progress("map", number + 1, 2 ** bits);
  }
  while (parts.length > 1)
    for (let i = 0; i < parts.length; i++) parts.splice(i, 2, joinSubtrees(check.crypto, parts[i]!, parts[i + 1]!));
  const made = parts[0]!.hash;
  if (!equalBytes(made, mapRoot))
    check.findings.add("wrong", `newest head: map root ${toHex(mapRoot)}, its entries make ${toHex(made)}`);
}

/** The leaves of the first `size` entries; hashing is left to who wants it. */
async function* leavesOf(check: Check, size: number): AsyncGenerator<{ path: Uint8Array; hash: () => Uint8Array }> {
  const { crypto } = check;
  for await (const { first, entries } of storedEntries(check, false))
    for (const [i, { key, valueDigest }] of entries.entries()) {
      if (first + i >= size) return;
      const path = mapPath(crypto, key);
      const value = (): Uint8Array => mapValueHash(crypto, mapEntryBytes(valueDigest, first + i));
      yield { path, hash: () => leafHashOf(crypto, path, value()) };
    }
}

function topBits(path: Uint8Array, bits: number): number {
  return bits === 0 ? 0 : (((path[0]! << 24) | (path[1]! << 16) | (path[2]! << 8) | path[3]!) >>> 0) >>> (32 - bits);
}

/** The map leads from each key to its entry. On the way it holds every bucket against the hashes above it. */
async function checkLookups(check: Check, map: SparseMap, newest: StoredHead): Promise<void> {
  const { crypto, findings } = check;
  for await (const { first, entries } of storedEntries(check, false)) {
    const paths = entries.map(({ key }) => mapPath(crypto, key));
    const what = `entries ${first} to ${first + entries.length - 1}`;
    const found = (await readingMap(check, what, () => map.locate(paths))) ?? [];
    for (const [i, index] of found.entries())
      if (index === undefined) findings.add("missing", `map leaf of entry ${first + i}`);
      else if (index !== first + i) findings.add("wrong", `map leaf of entry ${first + i} names entry ${index}`);
    check.progress("lookups", first + entries.length, newest.head.treeSize);
  }
}

/** Every entry was found in a bucket; so buckets that nothing leads to show in the sum. */
async function checkBucketBytes({ reads, keys, findings }: Check, newest: StoredHead): Promise<void> {
  const { from, to } = rangeOf(Uint8Array.of(...keys.map, BUCKET_KIND));
  let bytes = 0;
  for await (const [, value] of reads.range(from, to)) bytes += value.length;
  const wanted = newest.head.treeSize * BUCKET_LEAF_BYTES;
  if (bytes > wanted) findings.add("surplus", `the map's buckets have ${bytes} bytes, the entries make ${wanted}`);
}

/** Every retained head can be proved: all its pages are there, and so are those that it will give up. */
async function checkVersions(check: Check, map: SparseMap): Promise<void> {
  const { crypto, keys, reads, findings } = check;
  const newest = map.at?.version;
  for await (const { head, map: at } of storedHeads({ ...check, findings: findings.muted() })) {
    const where = `head ${mapHeadIndexOf(head)}`;
    await readingMap(check, where, () => SparseMap.open(crypto, keys.map, at));
    const probe = crypto.sha256(at.root);
    await readingMap(check, where, () => map.prove(probe, at));
    check.progress("map versions", head.mhTreeSize, (newest ?? 0) + 1);
    if (at.version === newest) continue;
    const removals = (await readingMap(check, where, () => map.retire([at.version]))) ?? [];
    const stored = await reads.getMany(removals.map(([key]) => key));
    for (const [i, value] of stored.entries())
      if (!value) findings.add("missing", `${where}: map page ${toHex(removals[i]![0])}, which it is the last to need`);
  }
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
