/**
 * A queue record: items of one group commit, in the order of their acceptance.
 * `u8 version || u32 count`, then for each item `u16 length || key || u32 length || value`.
 */
import { RecordReader, RecordWriter } from "../logs/byte-records.ts";
import type { SubmitItem } from "../model.ts";

const VERSION = 1;
const HEADER_BYTES = 5;
/** What an item takes beyond key and value. */
export const ITEM_OVERHEAD = 6;

export function encodeQueueRecord(items: readonly SubmitItem[]): Uint8Array {
  let size = HEADER_BYTES;
  for (const { key, value } of items) size += ITEM_OVERHEAD + key.length + value.length;
  const record = new RecordWriter(size).u8(VERSION).u32(items.length);
  for (const { key, value } of items) record.u16(key.length).bytes(key).u32(value.length).bytes(value);
  return record.done();
}

/** `key` names the record in errors. Throws `corrupt`. */
export function decodeQueueRecord(bytes: Uint8Array, key: Uint8Array): SubmitItem[] {
  const record = new RecordReader(bytes, "queue record", key);
  record.version(VERSION);
  const count = record.u32();
  if (count * ITEM_OVERHEAD > bytes.length) throw record.corrupt(`cannot hold ${count} items`);
  const items: SubmitItem[] = [];
  for (let i = 0; i < count; i++) items.push({ key: record.bytes(record.u16()), value: record.bytes(record.u32()) });
  record.end();
  return items;
}

/** The queue's position: every queue record has at least this number. */
export function encodeQueuePosition(position: number): Uint8Array {
  return new RecordWriter(7).u8(VERSION).u48(position).done();
}

/** `key` names the record in errors. Throws `corrupt`. */
export function decodeQueuePosition(bytes: Uint8Array, key: Uint8Array): number {
  const record = new RecordReader(bytes, "queue position", key);
  record.version(VERSION);
  const position = record.u48();
  record.end();
  return position;
}
