/**
 * What the map holds for a key: JSON, exactly `{"Digest":"<base64>","Index":<n>}`. The map commits to these bytes, so
 * whoever verifies hashes the bytes that came and only then reads them.
 *
 * Writing has one form. Reading is as lenient as existing readers are (spaces, order and case of keys, unknown keys,
 * the last of a repeated key, a digest as a list of numbers), and refuses what they would read as a zero value.
 */
import { concatBytes, fromBase64, toBase64, utf8, utf8Text, type Crypto } from "@trustix/crypto";
import { bytesOf } from "./bounds.ts";
import { ProtocolError, shown } from "./errors.ts";
import type { Hash, MapEntry } from "./types.ts";

/** The longest entry that is read; the canonical form has at most 82 bytes. */
export const MAX_MAP_ENTRY_BYTES = 1024;

/** The bytes the map commits to. Throws `malformed` for a digest that is not 32 bytes. */
export function mapEntryBytes(digest: Hash, index: number | bigint): Uint8Array {
  return utf8(`{"Digest":"${toBase64(bytesOf("map entry: Digest", digest, 32))}","Index":${index}}`);
}

const CANONICAL = /^\{"Digest":"([A-Za-z0-9+/]{43}=)","Index":(0|[1-9][0-9]{0,15})\}$/;

/** Throws `malformed` for bytes that are no map entry, and for an index over 2^53 - 1. */
export function parseMapEntry(bytes: Uint8Array): MapEntry {
  if (bytes.length > MAX_MAP_ENTRY_BYTES) {
    throw new ProtocolError(
      "too_large",
      `map entry: ${bytes.length} bytes came, at most ${MAX_MAP_ENTRY_BYTES} wanted`,
    );
  }
  let text: string;
  try {
    text = utf8Text(bytes);
  } catch (cause) {
    throw new ProtocolError("malformed", "map entry: not UTF-8", { cause });
  }
  const canonical = CANONICAL.exec(text);
  const [digest, index] = canonical ? [canonical[1]!, Number(canonical[2]!)] : lenient(text);
  if (!Number.isSafeInteger(index)) {
    throw new ProtocolError("malformed", `map entry: Index ${index} came, at most ${Number.MAX_SAFE_INTEGER} wanted`);
  }
  return { digest: bytesOf("map entry: Digest", digestBytes(text, digest), 32), index };
}

/** A number as it was written: `5.0` and `1e3` are not integers to existing readers, `JSON.parse` hides that. */
class Written {
  readonly digits: string;
  constructor(digits: string) {
    this.digits = digits;
  }
}

function lenient(text: string): [digest: unknown, index: number] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, function (this: unknown, _key: string, value: unknown, ...rest: unknown[]): unknown {
      const context = rest[0] as { source?: string } | undefined;
      return typeof value === "number" ? new Written(context?.source ?? String(value)) : value;
    });
  } catch (cause) {
    throw new ProtocolError("malformed", `map entry: ${shown(text)} is not JSON`, { cause });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new ProtocolError("malformed", `map entry: ${shown(text)} came, an object wanted`);
  }
  let digest: unknown;
  let index: unknown;
  for (const [key, value] of Object.entries(parsed)) {
    const name = key.toLowerCase();
    if (name === "digest") digest = value;
    if (name === "index") index = value;
  }
  if (!(index instanceof Written) || !/^(0|[1-9][0-9]*)$/.test(index.digits)) {
    throw new ProtocolError("malformed", `map entry: ${shown(text)} came, an Index in decimal digits wanted`);
  }
  return [digest, Number(index.digits)];
}

function digestBytes(text: string, digest: unknown): Uint8Array {
  if (typeof digest === "string") {
    try {
      return fromBase64(digest);
    } catch (cause) {
      throw new ProtocolError("malformed", `map entry: Digest ${shown(digest)} is not base64`, { cause });
    }
  }
  if (Array.isArray(digest)) {
    const numbers = digest.map((item) =>
      item instanceof Written && /^[0-9]{1,3}$/.test(item.digits) ? Number(item.digits) : -1,
    );
    if (numbers.every((n) => n >= 0 && n <= 255)) return Uint8Array.from(numbers);
  }
  throw new ProtocolError("malformed", `map entry: ${shown(text)} came, a Digest in base64 wanted`);
}

/** Where a key stands in the map: `H(key)`. */
export function mapPath(crypto: Crypto, key: Uint8Array): Hash {
  return crypto.sha256(key);
}

/** What a map leaf commits to: `H(entryBytes)`. */
export function mapValueHash(crypto: Crypto, entryBytes: Uint8Array): Hash {
  return crypto.sha256(entryBytes);
}

const LEAF = Uint8Array.of(0);
const COLON = utf8(":");

/** The digest by which a value is stored and claimed: `H(value)`. */
export function valueDigestOf(crypto: Crypto, value: Uint8Array): Hash {
  return crypto.sha256(value);
}

/** A leaf of the log tree: `H(0x00 || key || ":" || valueDigest)`. */
export function logLeafDigest(crypto: Crypto, key: Uint8Array, valueDigest: Hash): Hash {
  return crypto.sha256(concatBytes(LEAF, key, COLON, valueDigest));
}
