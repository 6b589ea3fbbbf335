/**
 * One flush, computed: new entries into the three trees, one signed head, and the records of all of it. Changes the
 * trees in memory; if the batch with the records is not written, the trees must be dropped. If the map has one of the
 * keys, it throws `SparseMapError` `path_exists` and has changed nothing.
 */
import type { Crypto } from "@trustix/crypto";
import { BUNDLE_ENTRIES, type RecordChange, bundleChanges, leafHash } from "@trustix/merkle";
import { NIX, type LogHead, type UnsignedHead } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { RecordWriter } from "../logs/byte-records.ts";
import { hashPartOf } from "../logs/hash-part.ts";
import { type StoredHead, encodeHead, mapHeadIndexOf } from "../logs/head-record.ts";
import { type LogKeys, valueKey } from "../logs/keys.ts";
import type { LogTrees } from "../logs/log-trees.ts";
import { resolveNeeds } from "../logs/resolve-needs.ts";
import { mapLeavesOf } from "./map-leaves.ts";
import type { PreparedItem } from "./prepare-items.ts";

export interface Append {
  readonly crypto: Crypto;
  readonly keys: LogKeys;
  readonly trees: LogTrees;
  /** Known to be new keys, each once. */
  readonly items: readonly PreparedItem[];
  readonly protocolId: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Leaves of the map-head log that come before this head's own: those of heads that were signed elsewhere. */
  readonly mapHeadLeaves?: Uint8Array;
  /** Gives the head its signature; one that was signed before is taken as it is, if it is this very head. */
  sign(head: UnsignedHead): LogHead;
}

export interface Appended {
  readonly changes: RecordChange[];
  readonly stored: StoredHead;
}

export async function appendEntries(append: Append, reads: Reads): Promise<Appended> {
  const { trees, keys, items, crypto } = append;
  const first = trees.log.size;
  const changes: RecordChange[] = [];

  // The map first: it is the only one that may refuse, and then nothing has changed.
  const version = trees.mapHeads.size + (append.mapHeadLeaves?.length ?? 0) / 32;
  const map = await resolveNeeds(trees.map.apply(mapLeavesOf(crypto, items, first), version), reads);
  pushAll(changes, map.changes);

  const leaves = new Uint8Array(items.length * 32);
  for (const [i, item] of items.entries()) leaves.set(item.leaf, i * 32);
  pushAll(changes, trees.log.append(leaves));

  const entries = items.map((item) => ({ key: item.key, valueDigest: item.digest }));
  const bundles = bundleChanges(keys.bundles, first, trees.lastBundle, entries);
  pushAll(changes, bundles);
  if (items.length > 0) trees.lastBundle = trees.log.size % BUNDLE_ENTRIES === 0 ? undefined : bundles.at(-1)![1];

  if (append.mapHeadLeaves) pushAll(changes, trees.mapHeads.append(append.mapHeadLeaves));
  pushAll(changes, trees.mapHeads.append(leafHash(crypto, map.at.root)));

  const head = append.sign({
    logRoot: trees.log.root(),
    treeSize: trees.log.size,
    mapRoot: map.at.root,
    mhRoot: trees.mapHeads.root(),
    mhTreeSize: trees.mapHeads.size,
  });
  const stored = { head, time: append.time, map: map.at };
  changes.push([keys.head(mapHeadIndexOf(head)), encodeHead(stored)]);
  changes.push([keys.mapRoot(head.mapRoot), new RecordWriter(6).u48(mapHeadIndexOf(head)).done()]);

  for (const item of items) changes.push([valueKey(item.digest), item.value]);
  if (append.protocolId === NIX.id) pushHashParts(changes, keys, items, first);
  return { changes, stored };
}

/** Not `push(...more)`: a batch may have more records than a call may have arguments. */
function pushAll(changes: RecordChange[], more: readonly RecordChange[]): void {
  for (const change of more) changes.push(change);
}

function pushHashParts(changes: RecordChange[], keys: LogKeys, items: readonly PreparedItem[], first: number): void {
  for (const [i, item] of items.entries()) {
    const part = hashPartOf(item.key);
    if (part) changes.push([keys.hashPart(part), new RecordWriter(6).u48(first + i).done()]);
  }
}
