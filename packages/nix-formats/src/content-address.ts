/** What `CA:` says: a path that is named by its content. `text:sha256:...`, `fixed:[r:|git:]<algorithm>:...`. */
import { NixFormatError, shown } from "./error.ts";
import { formatNix32Hash, parseHash, type NixHash } from "./hash.ts";

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
