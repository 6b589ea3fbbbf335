/**
 * What is stored of a published head: the head as signed, when, and what the map needs to prove under its root.
 * `u8 version || 32 log root || u48 tree size || 32 map root || 32 map-head root || u48 map-head size || 64 signature ||
 * u48 time || u16 border`.
 */
import type { MapVersion } from "@trustix/merkle";
import type { LogHead } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { RecordReader, RecordWriter } from "./byte-records.ts";
import type { LogKeys } from "./keys.ts";

const VERSION = 1;
const RECORD_BYTES = 1 + 3 * 32 + 2 * 6 + 64 + 6 + 2;

export interface StoredHead {
  readonly head: LogHead;
  /** Milliseconds since 1970 when it was signed. */
  readonly time: number;
  readonly map: MapVersion;
}

/** Where a head's map root lies in the map-head log; heads are numbered by it. */
export function mapHeadIndexOf(head: LogHead): number {
  return head.mhTreeSize - 1;
}

export function encodeHead({ head, time, map }: StoredHead): Uint8Array {
  return new RecordWriter(RECORD_BYTES)
    .u8(VERSION)
    .bytes(head.logRoot)
    .u48(head.treeSize)
    .bytes(head.mapRoot)
    .bytes(head.mhRoot)
    .u48(head.mhTreeSize)
    .bytes(head.signature)
    .u48(time)
    .u16(map.border)
    .done();
}

/** `key` names the record in errors. Throws `corrupt`. */
export function decodeHead(bytes: Uint8Array, key: Uint8Array): StoredHead {
  const record = new RecordReader(bytes, "head record", key);
  record.version(VERSION);
  const logRoot = record.bytes(32);
  const treeSize = record.u48();
  const mapRoot = record.bytes(32);
  const mhRoot = record.bytes(32);
  const mhTreeSize = record.u48();
  const signature = record.bytes(64);
  const time = record.u48();
  const border = record.u16();
  record.end();
  if (mhTreeSize === 0) throw record.corrupt("is not in its own map-head log");
  const head = { logRoot, treeSize, mapRoot, mhRoot, mhTreeSize, signature };
  return { head, time, map: { version: mhTreeSize - 1, size: treeSize, root: mapRoot, border } };
}

/** The newest stored head, `undefined` for a log without any. */
export async function readLastHead(reads: Reads, keys: LogKeys): Promise<StoredHead | undefined> {
  return readEndHead(reads, keys, true);
}

/** The oldest head that is still provable. */
export async function readOldestHead(reads: Reads, keys: LogKeys): Promise<StoredHead | undefined> {
  return readEndHead(reads, keys, false);
}

async function readEndHead(reads: Reads, keys: LogKeys, reverse: boolean): Promise<StoredHead | undefined> {
  const { from, to } = keys.heads();
  for await (const [key, value] of reads.range(from, to, { limit: 1, reverse })) return decodeHead(value, key);
  return undefined;
}
