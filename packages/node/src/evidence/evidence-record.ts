/**
 * Evidence as it is stored: `70 publicKey(32) kind(u8) subject(32) id(32)` -> `u48 time || u8 origin || file`. The id is the
 * SHA-256 of the file. The subject is what the proof is about: of a log's key or a cache's path its SHA-256, of heads
 * zeros. So the proofs of one kind against one key are neighbours, and one subject has one.
 */
import { type Evidence, type EvidenceKind, evidenceSubject, readEvidence } from "@trustix/client";
import { type Crypto, equalBytes, toHex } from "@trustix/crypto";
import { ProtocolError } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import { RecordReader, RecordWriter } from "../logs/byte-records.ts";
import { type EvidencePlace, evidenceKey, evidencePlace } from "../logs/keys.ts";
import type { EvidenceOrigin, KeptEvidence } from "../model.ts";

const KINDS: Readonly<Record<EvidenceKind, number>> = {
  same_size: 1,
  map_heads_missing: 2,
  log_rewritten: 3,
  map_heads_rewritten: 4,
  map_root: 5,
  map_entry_differs: 6,
  key_twice: 7,
  key_missing_in_map: 8,
  cache_key_signed_two: 9,
};

const ORIGINS: readonly EvidenceOrigin[] = ["found", "imported"];
const HEADER_BYTES = 6 + 1;
const NO_SUBJECT = new Uint8Array(32);

export function placeOf(crypto: Crypto, evidence: Evidence, file: Uint8Array): EvidencePlace {
  const subject = evidenceSubject(evidence);
  return {
    publicKey: evidence.publicKey,
    kind: KINDS[evidence.kind],
    subject: subject === undefined ? NO_SUBJECT : crypto.sha256(subject),
    id: crypto.sha256(file),
  };
}

/** Whether proofs of this place's kind are about something that one proof is enough for. */
export function hasSubject({ subject }: EvidencePlace): boolean {
  return !equalBytes(subject, NO_SUBJECT);
}

export function encodeEvidence(file: Uint8Array, time: number, origin: EvidenceOrigin): Uint8Array {
  return new RecordWriter(HEADER_BYTES + file.length).u48(time).u8(ORIGINS.indexOf(origin)).bytes(file).done();
}

/** The file in a record. */
export function fileIn(record: Uint8Array): Uint8Array {
  return record.slice(HEADER_BYTES);
}

/** When the proof in a record was kept, without a look at the rest. */
export function timeIn(record: Uint8Array): number {
  return Buffer.from(record.buffer, record.byteOffset, 6).readUIntBE(0, 6);
}

/** Throws `corrupt` for what is not written here. Whether it convicts is not looked at. */
export function decodeEvidence(crypto: Crypto, key: Uint8Array, record: Uint8Array): KeptEvidence {
  const reader = new RecordReader(record, "evidence", key);
  const time = reader.u48();
  const origin = ORIGINS[reader.u8()];
  const file = fileIn(record);
  if (origin === undefined) throw reader.corrupt("has an origin that is not known");
  let evidence: Evidence;
  try {
    evidence = readEvidence(file);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new NodeError("corrupt", `evidence (key ${toHex(key)}): ${cause.message}`, { cause });
  }
  if (!equalBytes(evidenceKey(placeOf(crypto, evidence, file)), key)) throw reader.corrupt("lies under another's key");
  return { id: toHex(evidencePlace(key).id), evidence, time, origin, bytes: file.length };
}
