/**
 * The value of the Nix protocol: what came out for a store path, as JSON with fixed field order and no spaces,
 * `{"path":"...","narHash":"sha256-...","narSize":N,"references":[...]}`. Builders agree only if these bytes agree:
 * references are full paths, sorted, each once, and the hash is in the SRI form.
 *
 * Reading accepts what existing publishers wrote besides: `null` for no references, any order, unknown keys.
 */
import { utf8, utf8Text } from "@trustix/crypto";
import { ProtocolError, shown } from "./errors.ts";

export interface NixValue {
  /** Full store path. */
  readonly path: string;
  /** `sha256-` and the base64 of 32 bytes. */
  readonly narHash: string;
  /** Bytes of the NAR, a positive safe integer. */
  readonly narSize: number;
  /** Full store paths, sorted by code unit, each once. */
  readonly references: readonly string[];
}

/** The longest value that is read: far over any closure's reference list. */
export const MAX_NIX_VALUE_BYTES = 1 << 20;

/** The canonical bytes. References may come in any order and repeated. Throws `malformed` for a wrong field. */
export function encodeNixValue(value: NixValue): Uint8Array {
  return utf8(printed(checked(value)));
}

/** What the bytes say, and the canonical bytes that say the same. Throws `malformed` or `too_large`, naming the field. */
export function canonicalNixValue(bytes: Uint8Array): { readonly value: NixValue; readonly canonical: Uint8Array } {
  const text = textOf(bytes);
  const value = parsed(text);
  const canonical = printed(value);
  return { value, canonical: canonical === text ? bytes : utf8(canonical) };
}

/** Of a checked value: no character of a store path or of a hash is escaped in JSON. */
function printed({ path, narHash, narSize, references }: NixValue): string {
  const list = references.length === 0 ? "" : `"${references.join('","')}"`;
  return `{"path":"${path}","narHash":"${narHash}","narSize":${narSize},"references":[${list}]}`;
}

/** Throws `malformed` or `too_large`, naming the field. */
export function parseNixValue(bytes: Uint8Array): NixValue {
  return parsed(textOf(bytes));
}

/** A byte order mark stays, and no JSON begins with one. */
function textOf(bytes: Uint8Array): string {
  if (bytes.length > MAX_NIX_VALUE_BYTES) {
    throw new ProtocolError(
      "too_large",
      `nix value: ${bytes.length} bytes came, at most ${MAX_NIX_VALUE_BYTES} wanted`,
    );
  }
  try {
    return utf8Text(bytes);
  } catch (cause) {
    throw notJson(cause);
  }
}

function parsed(text: string): NixValue {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw notJson(cause);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new ProtocolError("malformed", "nix value: a JSON object wanted");
  }
  const { path, narHash, narSize, references = null } = json as Record<string, unknown>;
  if (typeof path !== "string") throw wrong("path", path, "a store path");
  if (typeof narHash !== "string") throw wrong("narHash", narHash, "an SRI hash");
  if (typeof narSize !== "number") throw wrong("narSize", narSize, "a number");
  if (references !== null && !Array.isArray(references)) throw wrong("references", references, "a list");
  const names: string[] = [];
  for (const reference of references ?? []) {
    if (typeof reference !== "string") throw wrong("references", reference, "store paths");
    names.push(reference);
  }
  return checked({ path, narHash, narSize, references: names });
}

const STORE_PATH = /^\/nix\/store\/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+\-._?=]{1,211}$/;
/** Of 32 bytes: the last digit holds four bits. */
const SRI_SHA256 = /^sha256-[0-9A-Za-z+/]{42}[AEIMQUYcgkosw048]=$/;

function checked(value: NixValue): NixValue {
  if (!STORE_PATH.test(value.path)) throw wrong("path", value.path, "a store path");
  if (!SRI_SHA256.test(value.narHash)) throw wrong("narHash", value.narHash, '"sha256-" and base64 of 32 bytes');
  if (!Number.isSafeInteger(value.narSize) || value.narSize <= 0) {
    throw wrong("narSize", value.narSize, "a positive whole number");
  }
  for (const reference of value.references) {
    if (!STORE_PATH.test(reference)) throw wrong("references", reference, "store paths");
  }
  return { ...value, references: [...new Set(value.references)].sort() };
}

function notJson(cause: unknown): ProtocolError {
  return new ProtocolError("malformed", "nix value: not JSON", { cause });
}

function wrong(field: string, came: unknown, wanted: string): ProtocolError {
  return new ProtocolError("malformed", `nix value: ${field}: ${described(came)} came, ${wanted} wanted`);
}

/** Lists and objects are not printed: one of a mebibyte can be nested more deeply than printing can follow. */
function described(came: unknown): string {
  if (came === undefined) return "nothing";
  if (typeof came === "string") return shown(came);
  if (typeof came !== "object" || came === null) return String(came);
  return Array.isArray(came) ? `a list of ${came.length}` : "an object";
}
