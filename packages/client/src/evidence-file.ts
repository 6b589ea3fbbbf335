/**
 * Contradictions as bytes: one JSON object with base64 of signed heads and hashes, the same in the store and in a file
 * that is handed on. Reading is for hostile bytes; what was read says nothing until `checkContradiction` agrees.
 */
import { fromBase64, toBase64, utf8, utf8Text } from "@trustix/crypto";
import type { Hash, LogHead } from "@trustix/protocol";
import { ProtocolError, bytesOf, decode, encode, headFromWire, headToWire } from "@trustix/protocol";
import { LogHeadSchema } from "@trustix/proto";
import type { Contradiction } from "./contradiction.ts";

const FORMAT = "trustix-contradiction/1";

/** Larger files are not evidence. */
export const MAX_EVIDENCE_BYTES = 64 << 10;
const MAX_HASHES = 128;
const MAX_HEAD_BYTES = 1024;

export function writeEvidence(evidence: Contradiction): Uint8Array {
  const { kind } = evidence;
  return utf8(
    JSON.stringify({
      format: FORMAT,
      kind,
      first: headText(evidence.first),
      ...(kind !== "map_root" && { second: headText(evidence.second) }),
      ...("proof" in evidence && { proof: evidence.proof.map(toBase64) }),
      ...("leafZero" in evidence && evidence.leafZero !== undefined && { leafZero: toBase64(evidence.leafZero) }),
    }),
  );
}

/** Throws `ProtocolError` for bytes that are not of the form; proves nothing yet. */
export function readEvidence(bytes: Uint8Array): Contradiction {
  if (bytes.length > MAX_EVIDENCE_BYTES) {
    throw new ProtocolError("too_large", `evidence: ${bytes.length} bytes came, at most ${MAX_EVIDENCE_BYTES} wanted`);
  }
  let json: unknown;
  try {
    json = JSON.parse(utf8Text(bytes));
  } catch (cause) {
    throw new ProtocolError("malformed", "evidence: not JSON", { cause });
  }
  if (typeof json !== "object" || json === null) throw new ProtocolError("malformed", "evidence: an object wanted");
  const fields = json as Record<string, unknown>;
  if (fields["format"] !== FORMAT) throw new ProtocolError("unknown", `evidence: format ${FORMAT} wanted`);
  const first = head("first", fields["first"]);
  switch (fields["kind"]) {
    case "same_size":
    case "map_heads_missing":
      return { kind: fields["kind"], first, second: head("second", fields["second"]) };
    case "log_rewritten":
    case "map_heads_rewritten":
      return {
        kind: fields["kind"],
        first,
        second: head("second", fields["second"]),
        proof: hashes(fields["proof"]),
        leafZero: fields["leafZero"] === undefined ? undefined : hash("leafZero", fields["leafZero"]),
      };
    case "map_root":
      return { kind: "map_root", first, proof: hashes(fields["proof"]) };
    default:
      throw new ProtocolError("unknown", "evidence: its kind is not known");
  }
}

function headText(value: LogHead): string {
  return toBase64(encode(LogHeadSchema, headToWire(value)));
}

function head(name: string, value: unknown): LogHead {
  return headFromWire(decode(LogHeadSchema, base64(name, value), MAX_HEAD_BYTES));
}

function hashes(value: unknown): Hash[] {
  if (!Array.isArray(value) || value.length > MAX_HASHES) {
    throw new ProtocolError("malformed", `evidence: proof is a list of at most ${MAX_HASHES} hashes`);
  }
  return value.map((item, i) => hash(`proof[${i}]`, item));
}

function hash(name: string, value: unknown): Hash {
  return bytesOf(`evidence: ${name}`, base64(name, value), 32);
}

function base64(name: string, value: unknown): Uint8Array {
  if (typeof value !== "string") throw new ProtocolError("malformed", `evidence: ${name} is not a text`);
  try {
    return fromBase64(value);
  } catch (cause) {
    throw new ProtocolError("malformed", `evidence: ${name} is not base64`, { cause });
  }
}
