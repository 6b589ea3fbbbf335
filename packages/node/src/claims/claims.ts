/**
 * What each voter is known to claim: one record a key and voter, kept for good because claims are written once. A record
 * is written only after its claim was verified, in the batch with what it was verified by.
 *
 * `50 path(32) serial(2)`: `digest(32) || u48 index || u48 first seen`. `path` is H(key), `serial` the voter's in this
 * store, `index` the entry of its log. All claims of one key are neighbours: a decision reads them in one call, and
 * one scan compares all voters.
 */
import type { Hash } from "@trustix/protocol";
import type { Change, Reads } from "@trustix/storage";
import { RecordReader, RecordWriter } from "../logs/byte-records.ts";
import { claimKey } from "../logs/keys.ts";

export interface StoredClaim {
  readonly digest: Hash;
  /** Of the entry in the voter's log that makes the claim. */
  readonly index: number;
  /** Milliseconds since 1970 when this node first had it, verified. */
  readonly firstSeen: number;
}

const RECORD_BYTES = 32 + 6 + 6;

export function claimChange(path: Hash, serial: number, { digest, index, firstSeen }: StoredClaim): Change {
  return [claimKey(path, serial), new RecordWriter(RECORD_BYTES).bytes(digest).u48(index).u48(firstSeen).done()];
}

/** The claims of these voters for one key, in the order of `serials`; `undefined` where none is known. Throws `corrupt`. */
export async function readClaims(
  reads: Reads,
  path: Hash,
  serials: readonly number[],
): Promise<(StoredClaim | undefined)[]> {
  const keys = serials.map((serial) => claimKey(path, serial));
  const records = await reads.getMany(keys);
  return records.map((record, i) => record && decodeClaim(record, keys[i]!));
}

/** Throws `corrupt`. */
export function decodeClaim(bytes: Uint8Array, key: Uint8Array): StoredClaim {
  const record = new RecordReader(bytes, "claim", key);
  const claim = { digest: record.bytes(32), index: record.u48(), firstSeen: record.u48() };
  record.end();
  return claim;
}
