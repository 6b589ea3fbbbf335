/** Two answers of one binary cache key that exclude each other. */
import type { Crypto } from "@trustix/crypto";
import { NixFormatError, fingerprintOf, parseNarInfo, verifyFacts } from "@trustix/nix-formats";
import type { NarInfo } from "@trustix/nix-formats";
import type { CacheContradiction } from "./evidence.ts";

/** Longer narinfo files (some 1800 references) are not kept as evidence. */
export const MAX_EVIDENCE_NARINFO_BYTES = 128 << 10;

/**
 * Why this shows nothing against the holder of `publicKey`; `undefined`: it convicts. Throws `NixFormatError` for what
 * is no narinfo.
 */
export function whyNarInfosAgree(
  crypto: Crypto,
  publicKey: Uint8Array,
  { narInfos }: CacheContradiction,
): string | undefined {
  if (narInfos.some((bytes) => bytes.length > MAX_EVIDENCE_NARINFO_BYTES)) return "a narinfo in it is too long";
  const [first, second] = [parseNarInfo(narInfos[0]), parseNarInfo(narInfos[1])];
  if (first.storePath !== second.storePath) return "its narinfo files are of two store paths";
  if (!isSignedBy(crypto, publicKey, first)) return "its first narinfo is not signed by the key";
  if (!isSignedBy(crypto, publicKey, second)) return "its second narinfo is not signed by the key";
  // The fingerprint is exactly the facts, and what is signed.
  return fingerprintOf(first) === fingerprintOf(second) ? "its narinfo files state the same facts" : undefined;
}

/** The store path that the two answers are about; `undefined` where there is none to be read. */
export function storePathOf({ narInfos }: CacheContradiction): string | undefined {
  try {
    return parseNarInfo(narInfos[0]).storePath;
  } catch (error) {
    if (error instanceof NixFormatError) return undefined;
    throw error;
  }
}

/** A key's name is whatever a configuration calls it: what counts is who made the signature. */
function isSignedBy(crypto: Crypto, publicKey: Uint8Array, info: NarInfo): boolean {
  return info.signatures.some((signature) => verifyFacts(crypto, { name: signature.name, publicKey }, info, signature));
}
