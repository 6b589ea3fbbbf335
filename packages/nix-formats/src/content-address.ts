/** What `CA:` says: a path that is named by its content. `text:sha256:...`, `fixed:[r:|git:]<algorithm>:...`. */
import { utf8, type Crypto } from "@trustix/crypto";
import { NixFormatError, shown } from "./error.ts";
import { formatHexHash, formatNix32Hash, parseHash, type NixHash } from "./hash.ts";
import { makeStorePath, sortedPaths, type StorePath } from "./store-path.ts";

/** `flat`: the bytes of one file; `nar`: the NAR of a tree; `text`: a text with references; `git`: a git tree. */
export type ContentMethod = "text" | "flat" | "nar" | "git";

export interface ContentAddress {
  readonly method: ContentMethod;
  readonly hash: NixHash;
}

const PREFIXES: readonly (readonly [string, ContentMethod])[] = [
  ["text:", "text"],
  ["fixed:r:", "nar"],
  ["fixed:git:", "git"],
  ["fixed:", "flat"],
];

/** Throws `NixFormatError`. */
export function parseContentAddress(text: string): ContentAddress {
  for (const [prefix, method] of PREFIXES) {
    if (text.startsWith(prefix)) return { method, hash: parseHash(text.slice(prefix.length)) };
  }
  throw new NixFormatError("content address", "", `${shown(text)} came, "text:..." or "fixed:..." wanted`);
}

/** The form of narinfo, with the hash in nix32. */
export function formatContentAddress(address: ContentAddress): string {
  const prefix = PREFIXES.find(([, method]) => method === address.method)![0];
  return prefix + formatNix32Hash(address.hash);
}

/**
 * The one path of something with this content and these references; `undefined` if there can be none: only texts, and
 * trees by the SHA-256 of their NAR, may refer to others. A path that refers to itself is named by another hash than that
 * of its bytes, so a hash does not show its content: none is given for it, because `references` cannot hold it.
 * Throws `NixFormatError` for a wrong name.
 */
export function contentPath(
  crypto: Crypto,
  { method, hash }: ContentAddress,
  references: readonly StorePath[],
  name: string,
): StorePath | undefined {
  const type = (word: string): string => [word, ...sortedPaths(references)].join(":");
  if (method === "text") {
    return hash.algorithm === "sha256" ? makeStorePath(crypto, type("text"), hash.digest, name) : undefined;
  }
  if (method === "nar" && hash.algorithm === "sha256") return makeStorePath(crypto, type("source"), hash.digest, name);
  if (references.length > 0) return undefined;
  const inner = { flat: "", nar: "r:", git: "git:" }[method];
  return makeStorePath(crypto, "output:out", crypto.sha256(utf8(`fixed:out:${inner}${formatHexHash(hash)}:`)), name);
}
