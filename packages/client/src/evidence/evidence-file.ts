/**
 * Evidence as bytes: one JSON object, the same in the store, on the wire and in a file that is handed on; its SHA-256 is
 * its id. Binary parts are base64, heads and map proofs in their wire form, narinfo files as text.
 *
 *     {"format":"trustix-evidence/1","kind":"same_size","publicKey":"hq/k…","first":"CiDL…","second":"CiC4…"}
 *
 * There is one way to write it (fields in the order below, no spaces), and reading refuses any other, so that one proof
 * has one id. Reading is for hostile bytes; what was read says nothing until `checkEvidence` agrees.
 */
import { equalBytes, fromBase64, toBase64, utf8, utf8Text } from "@trustix/crypto";
import type { MapProof } from "@trustix/merkle";
import { LogHeadSchema, SparseCompactMerkleProofSchema } from "@trustix/proto";
import type { Hash, LogHead } from "@trustix/protocol";
import {
  MAX_KEY_BYTES,
  MAX_MAP_ENTRY_BYTES,
  ProtocolError,
  bytesOf,
  decode,
  encode,
  headFromWire,
  headToWire,
  mapProofFromWire,
  mapProofToWire,
} from "@trustix/protocol";
import { MAX_EVIDENCE_NARINFO_BYTES } from "./cache-contradictions.ts";
import type { Contradiction, Evidence, EvidenceKind, LoggedEntry } from "./evidence.ts";

const FORMAT = "trustix-evidence/1";

/** Larger files are not evidence: a key in base64 has at most 88 kB, two narinfo files as JSON texts at most 512. */
export const MAX_EVIDENCE_BYTES = 768 << 10;
const MAX_HASHES = 128;
const MAX_HEAD_BYTES = 1024;
/** 256 side nodes with their headers, and the rest. */
const MAX_MAP_PROOF_BYTES = 10 << 10;

export function writeEvidence(evidence: Evidence): Uint8Array {
  const { kind, publicKey } = evidence;
  return utf8(JSON.stringify({ format: FORMAT, kind, publicKey: toBase64(publicKey), ...partsOf(evidence) }));
}

function partsOf(evidence: Contradiction): Record<string, unknown> {
  switch (evidence.kind) {
    case "same_size":
    case "map_heads_missing":
      return { first: headText(evidence.first), second: headText(evidence.second) };
    case "log_rewritten":
    case "map_heads_rewritten":
      return {
        first: headText(evidence.first),
        second: headText(evidence.second),
        proof: evidence.proof.map(toBase64),
        ...(evidence.leafZero !== undefined && { leafZero: toBase64(evidence.leafZero) }),
      };
    case "map_root":
      return { first: headText(evidence.first), proof: evidence.proof.map(toBase64) };
    case "map_entry_differs":
      return {
        head: headText(evidence.head),
        key: toBase64(evidence.key),
        entry: toBase64(evidence.entry),
        mapProof: mapProofText(evidence.mapProof),
        ...(evidence.leaf !== undefined && { leaf: toBase64(evidence.leaf) }),
        logProof: evidence.logProof.map(toBase64),
      };
    case "key_twice":
      return {
        head: headText(evidence.head),
        key: toBase64(evidence.key),
        entries: evidence.entries.map(entryParts),
      };
    case "key_missing_in_map":
      return {
        head: headText(evidence.head),
        key: toBase64(evidence.key),
        entry: entryParts(evidence.entry),
        mapProof: mapProofText(evidence.mapProof),
      };
    case "cache_key_signed_two":
      return { narInfos: evidence.narInfos.map(utf8Text) };
  }
}

/** Throws `ProtocolError` for bytes that are not of the form; proves nothing yet. */
export function readEvidence(bytes: Uint8Array): Evidence {
  if (bytes.length > MAX_EVIDENCE_BYTES) {
    throw new ProtocolError("too_large", `evidence: ${bytes.length} bytes came, at most ${MAX_EVIDENCE_BYTES} wanted`);
  }
  let json: unknown;
  try {
    json = JSON.parse(utf8Text(bytes));
  } catch (cause) {
    throw new ProtocolError("malformed", "evidence: not JSON", { cause });
  }
  const fields = record("it", json);
  if (fields["format"] !== FORMAT) throw new ProtocolError("unknown", `evidence: format ${FORMAT} wanted`);
  const publicKey = sized("publicKey", fields["publicKey"], 32);
  const evidence: Evidence = { publicKey, ...contradictionIn(fields) };
  if (!equalBytes(writeEvidence(evidence), bytes)) {
    throw new ProtocolError("malformed", "evidence: fields in their order, no spaces and nothing else wanted");
  }
  return evidence;
}

function contradictionIn(fields: Record<string, unknown>): Contradiction {
  const kind = fields["kind"] as EvidenceKind;
  switch (kind) {
    case "same_size":
    case "map_heads_missing":
      return { kind, first: head("first", fields["first"]), second: head("second", fields["second"]) };
    case "log_rewritten":
    case "map_heads_rewritten":
      return {
        kind,
        first: head("first", fields["first"]),
        second: head("second", fields["second"]),
        proof: hashes("proof", fields["proof"]),
        leafZero: fields["leafZero"] === undefined ? undefined : sized("leafZero", fields["leafZero"], 32),
      };
    case "map_root":
      return { kind, first: head("first", fields["first"]), proof: hashes("proof", fields["proof"]) };
    case "map_entry_differs":
      return {
        kind,
        head: head("head", fields["head"]),
        key: limited("key", fields["key"], MAX_KEY_BYTES),
        entry: limited("entry", fields["entry"], MAX_MAP_ENTRY_BYTES),
        mapProof: mapProof(fields["mapProof"]),
        leaf: fields["leaf"] === undefined ? undefined : sized("leaf", fields["leaf"], 32),
        logProof: hashes("logProof", fields["logProof"]),
      };
    case "key_twice":
      return {
        kind,
        head: head("head", fields["head"]),
        key: limited("key", fields["key"], MAX_KEY_BYTES),
        entries: two("entries", fields["entries"], entry),
      };
    case "key_missing_in_map":
      return {
        kind,
        head: head("head", fields["head"]),
        key: limited("key", fields["key"], MAX_KEY_BYTES),
        entry: entry("entry", fields["entry"]),
        mapProof: mapProof(fields["mapProof"]),
      };
    case "cache_key_signed_two":
      return { kind, narInfos: two("narInfos", fields["narInfos"], narInfo) };
    default:
      kind satisfies never;
      throw new ProtocolError("unknown", "evidence: its kind is not known");
  }
}

function headText(value: LogHead): string {
  return toBase64(encode(LogHeadSchema, headToWire(value)));
}

function head(name: string, value: unknown): LogHead {
  return headFromWire(decode(LogHeadSchema, base64(name, value), MAX_HEAD_BYTES));
}

function mapProofText(value: MapProof): string {
  return toBase64(encode(SparseCompactMerkleProofSchema, mapProofToWire(value)));
}

function mapProof(value: unknown): MapProof {
  return mapProofFromWire(decode(SparseCompactMerkleProofSchema, base64("mapProof", value), MAX_MAP_PROOF_BYTES));
}

function entryParts({ digest, index, logProof }: LoggedEntry): Record<string, unknown> {
  return { digest: toBase64(digest), index, logProof: logProof.map(toBase64) };
}

function entry(name: string, value: unknown): LoggedEntry {
  const fields = record(name, value);
  const index = fields["index"];
  if (typeof index !== "number" || !Number.isSafeInteger(index) || index < 0) {
    throw new ProtocolError("malformed", `evidence: ${name}.index is not a whole number from 0 on`);
  }
  const digest = sized(`${name}.digest`, fields["digest"], 32);
  return { digest, index, logProof: hashes(`${name}.logProof`, fields["logProof"]) };
}

function narInfo(name: string, value: unknown): Uint8Array {
  const bytes = utf8(text(name, value));
  if (bytes.length > MAX_EVIDENCE_NARINFO_BYTES) throw tooLong(name, bytes.length, MAX_EVIDENCE_NARINFO_BYTES);
  return bytes;
}

function record(name: string, value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new ProtocolError("malformed", `evidence: ${name} is not an object`);
}

function two<T>(name: string, value: unknown, read: (name: string, item: unknown) => T): readonly [T, T] {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new ProtocolError("malformed", `evidence: ${name} is not a list of two`);
  }
  return [read(`${name}[0]`, value[0]), read(`${name}[1]`, value[1])];
}

function hashes(name: string, value: unknown): Hash[] {
  if (!Array.isArray(value) || value.length > MAX_HASHES) {
    throw new ProtocolError("malformed", `evidence: ${name} is not a list of at most ${MAX_HASHES} hashes`);
  }
  return value.map((item, i) => sized(`${name}[${i}]`, item, 32));
}

function sized(name: string, value: unknown, length: number): Uint8Array {
  return bytesOf(`evidence: ${name}`, base64(name, value), length);
}

function limited(name: string, value: unknown, most: number): Uint8Array {
  const bytes = base64(name, value);
  if (bytes.length > most) throw tooLong(name, bytes.length, most);
  return bytes;
}

function tooLong(name: string, came: number, most: number): ProtocolError {
  return new ProtocolError("too_large", `evidence: ${name}: ${came} bytes came, at most ${most} wanted`);
}

function base64(name: string, value: unknown): Uint8Array {
  try {
    return fromBase64(text(name, value));
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw new ProtocolError("malformed", `evidence: ${name} is not base64`, { cause });
  }
}

function text(name: string, value: unknown): string {
  if (typeof value !== "string") throw new ProtocolError("malformed", `evidence: ${name} is not a text`);
  return value;
}
