/**
 * One flush, computed: new entries into the three trees, one signed head, and the records of all of it. Changes the
 * trees in memory; if the batch with the records is not written, the trees must be dropped. If the map has one of the
 * keys, it throws `SparseMapError` `path_exists` and has changed nothing.
 */
import type { Crypto } from "@trustix/crypto";
import { type RecordChange, leafHash } from "@trustix/merkle";
import type { LogHead, UnsignedHead } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { appendToTrees, pushAll } from "../logs/append-to-trees.ts";
import { RecordWriter } from "../logs/byte-records.ts";
import { type StoredHead, encodeHead, mapHeadIndexOf } from "../logs/head-record.ts";
import type { LogKeys } from "../logs/keys.ts";
import type { LogTrees } from "../logs/log-trees.ts";
import type { PreparedItem } from "../logs/prepare-items.ts";

export interface Append {
  readonly crypto: Crypto;
  readonly keys: LogKeys;
  readonly trees: LogTrees;
  /** Known to be new keys, each once. */
  readonly items: readonly PreparedItem[];
  readonly protocolId: string;
  /** Where a value lies. */
  readonly valueKey: (digest: Uint8Array) => Uint8Array;
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
  const { trees, keys, items, crypto, protocolId } = append;
  const version = trees.mapHeads.size + (append.mapHeadLeaves?.length ?? 0) / 32;
  const { changes, map } = await appendToTrees({ crypto, keys, trees, entries: items, protocolId, version }, reads);

  if (append.mapHeadLeaves) pushAll(changes, trees.mapHeads.append(append.mapHeadLeaves));
  pushAll(changes, trees.mapHeads.append(leafHash(crypto, map.root)));

  const head = append.sign({
    logRoot: trees.log.root(),
    treeSize: trees.log.size,
    mapRoot: map.root,
    mhRoot: trees.mapHeads.root(),
    mhTreeSize: trees.mapHeads.size,
  });
  const stored = { head, time: append.time, map };
  changes.push([keys.head(mapHeadIndexOf(head)), encodeHead(stored)]);
  changes.push([keys.mapRoot(head.mapRoot), new RecordWriter(6).u48(mapHeadIndexOf(head)).done()]);
  for (const item of items) changes.push([append.valueKey(item.digest), item.value]);
  return { changes, stored };
}
