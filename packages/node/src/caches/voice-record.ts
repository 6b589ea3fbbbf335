/**
 * What is kept of a binary cache for one store path: the narinfo files as they came, and when.
 *
 * `80 v path(32) serial(2)`: `u8 version || u8 parts || u48 checked at || u48 changed at || own || claim`, each of the two
 * `u48 first seen || u48 confirmed at || u32 length || narinfo`. `path` is H(store path), `serial` the cache's in this store.
 * Bits of `parts`: 1 own, 2 claim; 4: the claim's narinfo is own's, and is not written again.
 *
 * `80 s`: `u8 version || u8 whole || fingerprint(32)`: whether all of it is in logs and claims table, judged by the
 * configuration with this fingerprint.
 */
import { equalBytes } from "@trustix/crypto";
import type { Hash, KeptAnswer, KeptVoice } from "@trustix/protocol";
import { RecordReader, RecordWriter } from "../logs/byte-records.ts";
import { VOICES_STATE_KEY } from "../logs/keys.ts";

const VERSION = 1;
const OWN = 1;
const CLAIM = 2;
const SAME = 4;
const ANSWER_BYTES = 6 + 6 + 4;

export function encodeVoice({ own, claim, checkedAt, changedAt }: KeptVoice): Uint8Array {
  const isSame = own !== undefined && claim !== undefined && equalBytes(own.narInfo, claim.narInfo);
  const parts = (own ? OWN : 0) | (claim ? CLAIM : 0) | (isSame ? SAME : 0);
  const room = (own?.narInfo.length ?? 0) + (claim?.narInfo.length ?? 0) + 2 * ANSWER_BYTES;
  const record = new RecordWriter(2 + 6 + 6 + room).u8(VERSION).u8(parts).u48(checkedAt).u48(changedAt);
  if (own) writeAnswer(record, own, own.narInfo);
  if (claim) writeAnswer(record, claim, isSame ? NOTHING : claim.narInfo);
  return record.done();
}

const NOTHING = new Uint8Array(0);

function writeAnswer(record: RecordWriter, { firstSeen, confirmedAt }: KeptAnswer, narInfo: Uint8Array): void {
  record.u48(firstSeen).u48(confirmedAt).u32(narInfo.length).bytes(narInfo);
}

/** Throws `corrupt`. The bytes are copies; a narinfo that is both is one. */
export function decodeVoice(bytes: Uint8Array, key: Uint8Array): KeptVoice {
  const record = new RecordReader(bytes, "what a binary cache said", key);
  record.version(VERSION);
  const parts = record.u8();
  if (parts > (OWN | CLAIM | SAME) || (parts & SAME && (parts & (OWN | CLAIM)) !== (OWN | CLAIM)))
    throw record.corrupt(`has parts ${parts}, which do not go together`);
  const [checkedAt, changedAt] = [record.u48(), record.u48()];
  const own = parts & OWN ? readAnswer(record) : undefined;
  const second = parts & CLAIM ? readAnswer(record) : undefined;
  record.end();
  if (parts & SAME && second!.narInfo.length > 0) throw record.corrupt("has a narinfo where none is wanted");
  const claim = second && parts & SAME ? { ...second, narInfo: own!.narInfo } : second;
  return { own, claim, checkedAt, changedAt };
}

function readAnswer(record: RecordReader): KeptAnswer {
  const [firstSeen, confirmedAt] = [record.u48(), record.u48()];
  return { narInfo: record.bytes(record.u32()).slice(), firstSeen, confirmedAt };
}

export interface VoicesState {
  readonly isWhole: boolean;
  readonly fingerprint: Hash;
}

export function encodeVoicesState({ isWhole, fingerprint }: VoicesState): Uint8Array {
  return new RecordWriter(2 + 32)
    .u8(VERSION)
    .u8(isWhole ? 1 : 0)
    .bytes(fingerprint)
    .done();
}

/** Throws `corrupt`. */
export function decodeVoicesState(bytes: Uint8Array): VoicesState {
  const record = new RecordReader(bytes, "the state of what binary caches said", VOICES_STATE_KEY);
  record.version(VERSION);
  const isWhole = record.u8() === 1;
  const fingerprint = record.bytes(32).slice();
  record.end();
  return { isWhole, fingerprint };
}
