/**
 * Signatures of binary caches. What is signed is the fingerprint
 * `1;<path>;sha256:<nix32>;<narSize>;<full references, sorted, comma joined>`: neither URL nor deriver nor CA.
 *
 * Texts: a key is `name:base64(32 bytes)`, a secret key `name:base64(64 bytes: seed, public key)`, a signature
 * `name:base64(64 bytes)`. Nix looks keys up by name; nothing authenticates a name, so who counts voters goes by key.
 */
import { concatBytes, equalBytes, fromBase64, TextFormError, toBase64, utf8, type Crypto } from "@trustix/crypto";
import { NixFormatError, shown } from "./error.ts";
import { formatNix32Hash, sha256Hash } from "./hash.ts";
import { sortedPaths, type StorePath } from "./store-path.ts";

export interface CachePublicKey {
  readonly name: string;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

export interface CacheSecretKey extends CachePublicKey {
  /** 32 bytes, RFC 8032. */
  readonly seed: Uint8Array;
}

export interface CacheSignature {
  readonly name: string;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** The facts that a signature covers. */
export interface SignedFacts {
  readonly storePath: StorePath;
  /** 32 bytes. */
  readonly narHash: Uint8Array;
  /** Bytes. */
  readonly narSize: number;
  /** Any order; the fingerprint sorts. */
  readonly references: readonly StorePath[];
}

const MAX_NAME = 128;
/** Visible ASCII without `:`, so that a name cannot break a header line or a log line. */
const NAME = /^[!-9;-~]+$/;

/** Throws `NixFormatError`; `what` names the kind of text in it. */
function parseNamed(what: string, text: string, length: number): { name: string; bytes: Uint8Array } {
  const colon = text.indexOf(":");
  const name = text.slice(0, Math.max(colon, 0));
  if (!isKeyName(name)) {
    // Never echoed: it may be a secret key.
    throw new NixFormatError(what, "name", `"name:base64" wanted, with a name of 1 to ${MAX_NAME} visible characters`);
  }
  const digits = text.slice(colon + 1);
  if (digits.length !== Math.ceil(length / 3) * 4) {
    throw new NixFormatError(
      what,
      shown(name),
      `${digits.length} base64 characters came, those of ${length} bytes wanted`,
    );
  }
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(digits);
  } catch (cause) {
    if (!(cause instanceof TextFormError)) throw cause;
    throw new NixFormatError(what, shown(name), "not base64");
  }
  if (bytes.length !== length) {
    throw new NixFormatError(what, shown(name), `${bytes.length} bytes came, ${length} wanted`);
  }
  return { name, bytes };
}

/** Whether `name` may name a key. */
export function isKeyName(name: string): boolean {
  return name.length > 0 && name.length <= MAX_NAME && NAME.test(name);
}

/** Reads `name:base64(32 bytes)`; white space around is ignored. Throws `NixFormatError`. */
export function parsePublicCacheKey(text: string): CachePublicKey {
  const { name, bytes } = parseNamed("cache key", text.trim(), 32);
  return { name, publicKey: bytes };
}

/** Reads `name:base64(64 bytes)`. Throws `NixFormatError`, also when the public half is not the seed's; never shows it. */
export function parseSecretCacheKey(crypto: Crypto, text: string): CacheSecretKey {
  const { name, bytes } = parseNamed("secret cache key", text.trim(), 64);
  const seed = bytes.slice(0, 32);
  const publicKey = bytes.slice(32);
  if (!equalBytes(crypto.ed25519PublicKey(seed), publicKey)) {
    throw new NixFormatError("secret cache key", shown(name), "its public half does not belong to its seed");
  }
  return { name, seed, publicKey };
}

/** Throws `NixFormatError`. */
export function parseCacheSignature(text: string): CacheSignature {
  const { name, bytes } = parseNamed("signature", text, 64);
  return { name, signature: bytes };
}

export function formatPublicCacheKey(key: CachePublicKey): string {
  return `${key.name}:${toBase64(key.publicKey)}`;
}

/** The secret: for the key file only. */
export function formatSecretCacheKey(key: CacheSecretKey): string {
  return `${key.name}:${toBase64(concatBytes(key.seed, key.publicKey))}`;
}

export function formatCacheSignature(signature: CacheSignature): string {
  return `${signature.name}:${toBase64(signature.signature)}`;
}

/** The text that is signed. */
export function fingerprintOf(facts: SignedFacts): string {
  const hash = formatNix32Hash(sha256Hash(facts.narHash));
  return `1;${facts.storePath};${hash};${facts.narSize};${sortedPaths(facts.references).join(",")}`;
}

/** The signature Nix would make of these facts with this key. */
export function signFacts(crypto: Crypto, key: CacheSecretKey, facts: SignedFacts): CacheSignature {
  return { name: key.name, signature: crypto.ed25519Sign(key.seed, utf8(fingerprintOf(facts))) };
}

/** Whether the holder of `key` signed exactly these facts. The names must agree too, as Nix demands. */
export function verifyFacts(
  crypto: Crypto,
  key: CachePublicKey,
  facts: SignedFacts,
  signature: CacheSignature,
): boolean {
  return (
    signature.name === key.name && crypto.ed25519Verify(key.publicKey, utf8(fingerprintOf(facts)), signature.signature)
  );
}

/** Those of `signatures` over these facts that one of `keys` made, each key once. */
export function verifiedSignatures(
  crypto: Crypto,
  keys: readonly CachePublicKey[],
  facts: SignedFacts,
  signatures: readonly CacheSignature[],
): CacheSignature[] {
  return keys.flatMap((key) => signatures.find((signature) => verifyFacts(crypto, key, facts, signature)) ?? []);
}
