/**
 * What `nix path-info --json` prints, in all the shapes it has had: an array (to 2.18, and Lix), an object by path (2.19
 * on), that with `version` and `storeDir` (2.33), and the enveloped formats 2 and 3 with base names. One type comes out.
 *
 * A path that is not valid in the store comes as `valid: false`, `null`, or with nothing but its name.
 */
import { utf8Text } from "@trustix/crypto";
import { parseContentAddress, type ContentAddress } from "./content-address.ts";
import { NixFormatError, readingAt } from "./error.ts";
import { anyDigest, parseAlgorithm, parseHash, type NixHash } from "./hash.ts";
import { parseCacheSignature, type CacheSignature } from "./signature.ts";
import { parseStorePath, sortedPaths, STORE_DIR, storePathOfBaseName, type StorePath } from "./store-path.ts";

export interface ValidPathInfo {
  readonly valid: true;
  readonly storePath: StorePath;
  /** 32 bytes. */
  readonly narHash: Uint8Array;
  /** Bytes. */
  readonly narSize: number;
  /** Sorted, each once. */
  readonly references: readonly StorePath[];
  readonly deriver: StorePath | undefined;
  readonly ca: ContentAddress | undefined;
  readonly signatures: readonly CacheSignature[];
  /** Built on this machine rather than copied. False when not stated. */
  readonly ultimate: boolean;
  /** Seconds since 1970. */
  readonly registrationTime: number | undefined;
}

export type PathInfo = ValidPathInfo | { readonly valid: false; readonly storePath: StorePath };

/** A closure of 100 000 paths takes about 60 MB. */
export const MAX_PATH_INFO_BYTES = 256 << 20;

/** In the order of the text. Throws `NixFormatError` naming path and field. */
export function parsePathInfos(bytes: Uint8Array): PathInfo[] {
  if (bytes.length > MAX_PATH_INFO_BYTES) {
    throw new NixFormatError("path-info", "", `${bytes.length} bytes came, at most ${MAX_PATH_INFO_BYTES} wanted`);
  }
  const json = parseJson(bytes);
  if (Array.isArray(json)) return json.map((item, i) => fromArray(item, `[${i}]`));
  const top = objectAt(json, "");
  // An object keyed by paths cannot have these keys: they are no store paths.
  if (Object.hasOwn(top, "info")) {
    checkStoreDir(top, "");
    return Object.entries(objectAt(top["info"], "info")).map(([base, item]) => pathInfo(pathOf(base, base), item));
  }
  return Object.entries(top).map(([path, item]) => pathInfo(pathOf(path, path), item));
}

function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = utf8Text(bytes);
  } catch {
    throw new NixFormatError("path-info", "", "not UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const position = /position (\d+)/.exec(cause instanceof Error ? cause.message : "")?.[1];
    throw new NixFormatError("path-info", position === undefined ? "" : `character ${position}`, "not JSON");
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fromArray(item: unknown, where: string): PathInfo {
  const fields = objectAt(item, where);
  return pathInfo(pathOf(fields["path"], `${where}.path`), fields);
}

function pathInfo(storePath: StorePath, item: unknown): PathInfo {
  if (item === null) return { valid: false, storePath };
  const where = (field: string) => `${storePath}: ${field}`;
  const fields = objectAt(item, storePath);
  if (fields["valid"] === false) return { valid: false, storePath };
  checkStoreDir(fields, storePath);
  const narHash = hashOf(fields["narHash"], where("narHash"));
  if (narHash.algorithm !== "sha256") throw bad(where("narHash"), narHash.algorithm, "sha256");
  return {
    valid: true,
    storePath,
    narHash: narHash.digest,
    narSize: sizeOf(fields["narSize"], where("narSize")),
    references: sortedPaths(
      listOf(fields["references"], where("references")).map((r) => pathOf(r, where("references"))),
    ),
    deriver: deriverOf(fields["deriver"], where("deriver")),
    ca: contentAddressOf(fields["ca"], where("ca")),
    signatures: listOf(fields["signatures"], where("signatures")).map((s) => signatureOf(s, where("signatures"))),
    ultimate: fields["ultimate"] === true,
    registrationTime: timeOf(fields["registrationTime"], where("registrationTime")),
  };
}

function bad(where: string, came: unknown, wanted: string): NixFormatError {
  const text = came === undefined ? "nothing" : JSON.stringify(came);
  return new NixFormatError(
    "path-info",
    where,
    `${text.length > 80 ? `${text.slice(0, 80)}…` : text} came, ${wanted} wanted`,
  );
}

function objectAt(value: unknown, where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(where, value, "an object");
  return value as Fields;
}

function stringAt(value: unknown, where: string): string {
  if (typeof value !== "string") throw bad(where, value, "a string");
  return value;
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw bad(where, value, "a list");
  return value;
}

function sizeOf(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value) || (value as number) <= 0) throw bad(where, value, "a positive whole number");
  return value as number;
}

function timeOf(value: unknown, where: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value)) throw bad(where, value, "seconds since 1970");
  return value as number;
}

function checkStoreDir(fields: Fields, where: string): void {
  const dir = fields["storeDir"];
  if (dir !== undefined && dir !== STORE_DIR)
    throw bad(where === "" ? "storeDir" : `${where}: storeDir`, dir, STORE_DIR);
}

function pathOf(value: unknown, where: string): StorePath {
  const text = stringAt(value, where);
  return readingAt("path-info", where, () => (text.startsWith("/") ? parseStorePath(text) : storePathOfBaseName(text)));
}

function deriverOf(value: unknown, where: string): StorePath | undefined {
  if (value === undefined || value === null || value === "unknown-deriver") return undefined;
  return pathOf(value, where);
}

function hashOf(value: unknown, where: string): NixHash {
  return readingAt("path-info", where, () => {
    if (typeof value === "string") return parseHash(value);
    const { algorithm, hash } = objectAt(value, where);
    const name = parseAlgorithm(stringAt(algorithm, where));
    const text = stringAt(hash, where);
    return text.startsWith(name) ? parseHash(text) : { algorithm: name, digest: anyDigest(name, text) };
  });
}

const METHODS = ["text", "flat", "nar", "git"] as const;

function contentAddressOf(value: unknown, where: string): ContentAddress | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return readingAt("path-info", where, () => parseContentAddress(value));
  const fields = objectAt(value, where);
  const method = METHODS.find((known) => known === fields["method"]);
  if (method === undefined) throw bad(where, fields["method"], METHODS.join(", "));
  return { method, hash: hashOf(fields["hash"], where) };
}

function signatureOf(value: unknown, where: string): CacheSignature {
  if (typeof value === "string") return readingAt("path-info", where, () => parseCacheSignature(value));
  const { keyName, sig } = objectAt(value, where);
  const text = `${stringAt(keyName, where)}:${stringAt(sig, where)}`;
  return readingAt("path-info", where, () => parseCacheSignature(text));
}
