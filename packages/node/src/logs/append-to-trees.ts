/**
 * New entries into a log's trees and beside them: what a flush of the own log and a chunk of somebody else's have in
 * common. Changes the trees in memory; if the batch with the records is not written, the trees must be dropped. If the
 * map has one of the keys, or two entries have one, it throws `SparseMapError` `path_exists` and has changed nothing.
 */
import type { Crypto } from "@trustix/crypto";
import { BUNDLE_ENTRIES, type MapVersion, type RecordChange, bundleChanges } from "@trustix/merkle";
import { NIX } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { RecordWriter } from "./byte-records.ts";
import { hashPartOf } from "./hash-part.ts";
import type { LogKeys } from "./keys.ts";
import type { LogTrees } from "./log-trees.ts";
import { mapLeavesOf } from "./map-leaves.ts";
import { resolveNeeds } from "./resolve-needs.ts";

/** An entry with its hashes. */
export interface NewEntry {
  readonly key: Uint8Array;
  /** H(key): where it stands in the map. */
  readonly path: Uint8Array;
  /** H(value). */
  readonly digest: Uint8Array;
  /** The leaf of the log tree. */
  readonly leaf: Uint8Array;
}

export interface TreeAppend {
  readonly crypto: Crypto;
  readonly keys: LogKeys;
  readonly trees: Pick<LogTrees, "log" | "map" | "lastBundle">;
  readonly entries: readonly NewEntry[];
  readonly protocolId: string;
  /** Of the map with these entries; larger than any before. */
  readonly version: number;
}

export interface TreeAppended {
  readonly changes: RecordChange[];
  readonly map: MapVersion;
}

export async function appendToTrees(append: TreeAppend, reads: Reads): Promise<TreeAppended> {
  const { crypto, keys, trees, entries } = append;
  const first = trees.log.size;
  const changes: RecordChange[] = [];

  // The map first: it is the only one that may refuse, and then nothing has changed.
  const map = await resolveNeeds(trees.map.apply(mapLeavesOf(crypto, entries, first), append.version), reads);
  pushAll(changes, map.changes);

  const leaves = new Uint8Array(entries.length * 32);
  for (const [i, entry] of entries.entries()) leaves.set(entry.leaf, i * 32);
  pushAll(changes, trees.log.append(leaves));

  const bundled = entries.map(({ key, digest }) => ({ key, valueDigest: digest }));
  const bundles = bundleChanges(keys.bundles, first, trees.lastBundle, bundled);
  pushAll(changes, bundles);
  if (entries.length > 0) trees.lastBundle = trees.log.size % BUNDLE_ENTRIES === 0 ? undefined : bundles.at(-1)![1];

  if (append.protocolId === NIX.id) pushHashParts(changes, keys, entries, first);
  return { changes, map: map.at };
}

/** Not `push(...more)`: a batch may have more records than a call may have arguments. */
export function pushAll(changes: RecordChange[], more: readonly RecordChange[]): void {
  for (const change of more) changes.push(change);
}

function pushHashParts(changes: RecordChange[], keys: LogKeys, entries: readonly NewEntry[], first: number): void {
  for (const [i, { key }] of entries.entries()) {
    const part = hashPartOf(key);
    if (part) changes.push([keys.hashPart(part), new RecordWriter(6).u48(first + i).done()]);
  }
}
