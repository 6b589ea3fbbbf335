/**
 * How far the copy of a log is, in one record that every batch of the mirror rewrites. `u8 version || u48 entries || u48
 * entries with values || u48 oldest map version || u8 has map || map version || u8 is served || map version || head
 * record`, where a map version is `u48 version || u48 size || 32 root || u16 border` and the head record is that of
 * published heads.
 *
 * Map versions are numbered by the mirror, one a batch: batches between two heads have a map too.
 */
import { equalBytes } from "@trustix/crypto";
import type { MapVersion } from "@trustix/merkle";
import { RecordReader, RecordWriter } from "../logs/byte-records.ts";
import { type StoredHead, decodeHead, encodeHead } from "../logs/head-record.ts";

export interface MirrorState {
  /** Entries that are stored; each was shown to be the log's. */
  readonly entries: number;
  /** The values of so many first entries are stored, or noted as missing. */
  readonly valued: number;
  /** The map of exactly these entries; `undefined` before the first batch. */
  readonly map: MapVersion | undefined;
  /** Map versions from this number on are still provable. */
  readonly oldest: number;
  /** The newest head whose roots the stored entries were found to make, and when; answers are given under it. */
  readonly served: StoredHead | undefined;
}

export const NOTHING_MIRRORED: MirrorState = { entries: 0, valued: 0, map: undefined, oldest: 0, served: undefined };

const VERSION = 1;
const MAP_BYTES = 6 + 6 + 32 + 2;

export function encodeMirrorState({ entries, valued, map, oldest, served }: MirrorState): Uint8Array {
  const head = served === undefined ? new Uint8Array(0) : encodeHead(served);
  const record = new RecordWriter(1 + 3 * 6 + 2 + 2 * MAP_BYTES + head.length);
  record.u8(VERSION).u48(entries).u48(valued).u48(oldest);
  writeMap(record, map);
  writeMap(record, served?.map);
  return record.bytes(head).done();
}

/** Throws `corrupt`. */
export function decodeMirrorState(bytes: Uint8Array, key: Uint8Array): MirrorState {
  const record = new RecordReader(bytes, "mirror state", key);
  record.version(VERSION);
  const entries = record.u48();
  const valued = record.u48();
  const oldest = record.u48();
  const map = readMap(record);
  const servedMap = readMap(record);
  const head = servedMap && decodeHead(record.rest(), key);
  record.end();
  if (valued > entries) throw record.corrupt(`has ${entries} entries and the values of ${valued}`);
  if ((map?.size ?? 0) !== entries) throw record.corrupt(`has ${entries} entries and a map of ${map?.size ?? 0}`);
  if (head?.map.border !== servedMap?.border) throw record.corrupt("has two borders of the served map");
  const served = head && servedMap && { ...head, map: servedMap };
  if (served !== undefined) checkServed(record, served, map, oldest);
  else if (map !== undefined && map.version !== oldest)
    throw record.corrupt(`keeps versions from ${oldest} on and has version ${map.version}, without serving any`);
  return { entries, valued, map, oldest, served };
}

/** What is served is a head of the copy's past. */
function checkServed(
  record: RecordReader,
  { head, map: at }: StoredHead,
  newest: MapVersion | undefined,
  oldest: number,
): void {
  if (newest === undefined || at.version < oldest || at.version > newest.version || at.size > newest.size)
    throw record.corrupt(`serves version ${at.version} of a map that has versions from ${oldest} on`);
  if (at.size !== head.treeSize || !equalBytes(at.root, head.mapRoot))
    throw record.corrupt(`serves a head of ${head.treeSize} entries with the map of ${at.size}`);
  const isNewest = at.version === newest.version;
  if (isNewest && (at.size !== newest.size || !equalBytes(at.root, newest.root) || at.border !== newest.border))
    throw record.corrupt(`has two maps of version ${at.version}`);
}

function writeMap(record: RecordWriter, map: MapVersion | undefined): void {
  record.u8(map === undefined ? 0 : 1);
  if (map !== undefined) record.u48(map.version).u48(map.size).bytes(map.root).u16(map.border);
}

function readMap(record: RecordReader): MapVersion | undefined {
  const has = record.u8();
  if (has > 1) throw record.corrupt(`says ${has} to whether it has a map`);
  if (has === 0) return undefined;
  return { version: record.u48(), size: record.u48(), root: record.bytes(32), border: record.u16() };
}
