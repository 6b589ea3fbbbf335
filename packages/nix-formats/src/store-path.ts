/**
 * Store paths `/nix/store/<32 nix32 characters>-<name>`. A `StorePath` has been checked; its byte order is the order of
 * base names, because the folder before them is always the same. Only the store folder `/nix/store` exists here: another
 * one gives other paths, and no public log or cache speaks of those.
 */
import { toHex, utf8, type Crypto } from "@trustix/crypto";
import { NixFormatError, shown } from "./error.ts";
import { fromNix32, toNix32 } from "./nix32.ts";

declare const brand: unique symbol;

/** A full store path. Made by the functions of this file only. */
export type StorePath = string & { readonly [brand]: "StorePath" };

export const STORE_DIR = "/nix/store";

/** Nix refuses longer names. */
const MAX_NAME = 211;
const NAME = /^[0-9A-Za-z+\-._?=]+$/;
const HASH_PART = /^[0-9a-df-np-sv-z]{32}$/;

/** Throws `NixFormatError` for anything but one whole store path: sub-paths are refused. */
export function parseStorePath(text: string): StorePath {
  if (!text.startsWith(`${STORE_DIR}/`)) {
    throw new NixFormatError("store path", "", `${shown(text)} came, a path below ${STORE_DIR} wanted`);
  }
  return storePathOfBaseName(text.slice(STORE_DIR.length + 1));
}

/** The store path with this base name, as narinfo has it in `References`. Throws `NixFormatError`. */
export function storePathOfBaseName(base: string): StorePath {
  const hashPart = base.slice(0, 32);
  if (!HASH_PART.test(hashPart) || base[32] !== "-") {
    throw new NixFormatError("store path", "", `${shown(base)} came, 32 nix32 characters, "-" and a name wanted`);
  }
  checkName(base.slice(33));
  return `${STORE_DIR}/${base}` as StorePath;
}

function checkName(name: string): void {
  if (name.length === 0 || name.length > MAX_NAME) {
    throw new NixFormatError("store path", "name", `${name.length} characters came, 1 to ${MAX_NAME} wanted`);
  }
  if (!NAME.test(name)) {
    throw new NixFormatError("store path", "name", `${shown(name)} came, letters, digits and +-._?= wanted`);
  }
  if (name === "." || name === ".." || name.startsWith(".-") || name.startsWith("..-")) {
    throw new NixFormatError("store path", "name", `${shown(name)} is not allowed`);
  }
}

/** Whether `text` is the hash part of a store path: 32 nix32 characters. */
export function isHashPart(text: string): boolean {
  return HASH_PART.test(text);
}

/** The base name: what narinfo writes. */
export function baseNameOf(path: StorePath): string {
  return path.slice(STORE_DIR.length + 1);
}

/** The 32 characters that name the path's narinfo file. */
export function hashPartOf(path: StorePath): string {
  return path.slice(STORE_DIR.length + 1, STORE_DIR.length + 33);
}

/** The 20 bytes that the hash part stands for. */
export function hashPartBytes(hashPart: string): Uint8Array {
  return fromNix32(hashPart, 20);
}

/** What follows the hash part. */
export function nameOf(path: StorePath): string {
  return path.slice(STORE_DIR.length + 34);
}

/** Each path once, in the order that fingerprints and claims want. */
export function sortedPaths(paths: Iterable<StorePath>): StorePath[] {
  return [...new Set(paths)].sort();
}

/**
 * The path of something in the store: `type` is `text`, `source` or `output:<id>`, with `:<path>` for each reference and
 * `:self`; `inner` are the 32 bytes of the inner hash. Throws `NixFormatError` for a wrong name.
 */
export function makeStorePath(crypto: Crypto, type: string, inner: Uint8Array, name: string): StorePath {
  checkName(name);
  const digest = crypto.sha256(utf8(`${type}:sha256:${toHex(inner)}:${STORE_DIR}:${name}`));
  const folded = new Uint8Array(20);
  for (let i = 0; i < digest.length; i++) folded[i % 20]! ^= digest[i]!;
  return `${STORE_DIR}/${toNix32(folded)}-${name}` as StorePath;
}

/** The path of a text that refers to `references`: how derivations are named. `name` has its `.drv`. */
export function textPath(
  crypto: Crypto,
  content: Uint8Array,
  references: readonly StorePath[],
  name: string,
): StorePath {
  const type = ["text", ...sortedPaths(references)].join(":");
  return makeStorePath(crypto, type, crypto.sha256(content), name);
}
