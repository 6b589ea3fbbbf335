/**
 * Ed25519 keys as files hold them: base64 of `seed || publicKey` (64 bytes) for the private one, of 32 bytes for the
 * public one. White space around is ignored. Messages never show a private key.
 */
import { concatBytes, equalBytes, fromBase64, toBase64, type Crypto } from "@trustix/crypto";
import { ProtocolError, shown } from "./errors.ts";

export interface KeyPair {
  /** 32 bytes, RFC 8032. */
  readonly seed: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** Longer texts are refused before they are decoded. */
const MAX_KEY_TEXT = 1024;

/** Throws `malformed`; `mismatch` if the public half does not belong to the seed. */
export function parsePrivateKey(crypto: Crypto, text: string): KeyPair {
  return keyPairOf(crypto, decode("private key", text, false));
}

/** The text of a private key file, without a newline. */
export function formatPrivateKey(keys: KeyPair): string {
  return toBase64(concatBytes(keys.seed, keys.publicKey));
}

/** 32 bytes. Throws `malformed`. */
export function parsePublicKey(text: string): Uint8Array {
  const bytes = decode("public key", text, true);
  if (bytes.length !== 32) {
    throw new ProtocolError("malformed", `public key: ${bytes.length} bytes came, 32 wanted${hintFor(bytes.length)}`);
  }
  return bytes;
}

export function formatPublicKey(publicKey: Uint8Array): string {
  return toBase64(publicKey);
}

/** The pair of a 32-byte seed. */
export function keyPairOfSeed(crypto: Crypto, seed: Uint8Array): KeyPair {
  return { seed, publicKey: crypto.ed25519PublicKey(seed) };
}

/** Parts of the 64-byte form. Throws `malformed` or `mismatch`. */
export function keyPairOf(crypto: Crypto, bytes: Uint8Array): KeyPair {
  if (bytes.length !== 64) {
    const hint = bytes.length === 32 ? " (a public key?)" : "";
    throw new ProtocolError("malformed", `private key: ${bytes.length} bytes came, 64 wanted${hint}`);
  }
  const keys = keyPairOfSeed(crypto, bytes.slice(0, 32));
  if (!equalBytes(keys.publicKey, bytes.subarray(32))) {
    throw new ProtocolError("mismatch", "private key: its public half does not belong to its seed");
  }
  return keys;
}

function decode(what: string, text: string, show: boolean): Uint8Array {
  const trimmed = text.length > MAX_KEY_TEXT ? text : text.trim();
  if (trimmed.length > MAX_KEY_TEXT) {
    throw new ProtocolError("malformed", `${what}: ${trimmed.length} characters came, base64 of a key wanted`);
  }
  try {
    return fromBase64(trimmed);
  } catch (cause) {
    // The cause quotes a character of the text, so it is kept for public keys only.
    const came = show ? `${shown(trimmed)} came, ` : "";
    throw new ProtocolError("malformed", `${what}: ${came}base64 wanted`, show ? { cause } : undefined);
  }
}

function hintFor(length: number): string {
  return length === 64 ? " (a private key? keep it secret)" : "";
}
