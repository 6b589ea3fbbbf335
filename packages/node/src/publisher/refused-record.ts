/**
 * A refused claim: a second value for a key. Kept because it says that the submitter's result is not reproducible.
 * `u8 version || u8 found at || u48 time || 32 bytes standing || u16 length || key || value`.
 */
import { RecordReader, RecordWriter } from "../logs/byte-records.ts";
import type { RefusedClaim } from "../model.ts";

const VERSION = 1;
const FIXED_BYTES = 1 + 1 + 6 + 32 + 2;
const FOUND_AT = ["submit", "flush"] as const;

export function encodeRefused(claim: RefusedClaim): Uint8Array {
  return new RecordWriter(FIXED_BYTES + claim.key.length + claim.value.length)
    .u8(VERSION)
    .u8(FOUND_AT.indexOf(claim.foundAt))
    .u48(claim.time)
    .bytes(claim.standing)
    .u16(claim.key.length)
    .bytes(claim.key)
    .bytes(claim.value)
    .done();
}

/** `key` names the record in errors. Throws `corrupt`. */
export function decodeRefused(bytes: Uint8Array, key: Uint8Array): RefusedClaim {
  const record = new RecordReader(bytes, "refused claim", key);
  record.version(VERSION);
  const where = record.u8();
  const foundAt = FOUND_AT[where];
  if (foundAt === undefined) throw record.corrupt(`was found at ${where}, which is neither submit nor flush`);
  const time = record.u48();
  const standing = record.bytes(32);
  const claimed = record.bytes(record.u16());
  const value = record.bytes(bytes.length - FIXED_BYTES - claimed.length);
  record.end();
  return { key: claimed, value, standing, time, foundAt };
}
