/**
 * One flush, computed: new entries into the three trees, one signed head, and the records of all of it. Changes the
 * trees in memory; if the batch with the records is not written, the trees must be dropped.
 */
import type { Crypto } from "@trustix/crypto";
import { type RecordChange, bundleChanges, leafHash } from "@trustix/merkle";
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

export async function appendEntries(
  append: Append,
  reads: Reads,
): Promise<{ changes: RecordChange[]; stored: StoredHead }> {
  const { trees, keys, items, crypto } = append;
  const first = trees.log.size;
  const changes: RecordChange[] = [];

  const leaves = new Uint8Array(items.length * 32);
  for (const [i, item] of items.entries()) leaves.set(item.leaf, i * 32);
  changes.push(...trees.log.append(leaves));

  const entries = items.map((item) => ({ key: item.key, valueDigest: item.digest }));
  const bundles = bundleChanges(keys.bundles, first, trees.lastBundle, entries);
  changes.push(...bundles);
  if (items.length > 0) trees.lastBundle = trees.log.size % 256 === 0 ? undefined : bundles.at(-1)![1];

  if (append.mapHeadLeaves) changes.push(...trees.mapHeads.append(append.mapHeadLeaves));
  const version = trees.mapHeads.size;
  const map = await resolveNeeds(trees.map.apply(mapLeavesOf(crypto, items, first), version), reads);
  changes.push(...map.changes);
  changes.push(...trees.mapHeads.append(leafHash(crypto, map.at.root)));

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

function pushHashParts(changes: RecordChange[], keys: LogKeys, items: readonly PreparedItem[], first: number): void {
  for (const [i, item] of items.entries()) {
    const part = hashPartOf(item.key);
    if (part) changes.push([keys.hashPart(part), new RecordWriter(6).u48(first + i).done()]);
  }
}
