/**
 * node:crypto behind the `Crypto` interface.
 *
 * `sha256Into` goes through a latin1 string: the digest as a string costs about 270 ns for a tree node where the
 * Buffer form costs 1000 to 1300 ns (Node 24, measured), because the Buffer's allocation costs more than the hash.
 */
import { createHash, createPrivateKey, createPublicKey, hash, randomBytes, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { Crypto } from "@trustix/crypto";

declare global {
  interface Buffer {
    /** There since Node's beginnings; the published types leave it out. */
    latin1Write(text: string, offset: number, length: number): number;
  }
}

const PKCS8_SEED_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_KEY_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** Parsed keys, so that a key used again costs no parsing; bounded because peers choose public keys. */
const CACHED_KEYS = 256;

/** A fresh Ed25519 seed from the system's random source: 32 bytes. */
export function randomSeed(): Uint8Array {
  return new Uint8Array(randomBytes(32));
}

/** One instance a process is enough; it holds nothing but a small cache of parsed keys. */
export function nodeCrypto(): Crypto {
  const privateKeys = new Map<string, KeyObject>();
  const publicKeys = new Map<string, KeyObject>();
  /** Trees write to the same array again and again: wrapping it each time costs 60 ns. */
  let wrapped: { of: Uint8Array; buffer: Buffer } | undefined;
  return {
    sha256(data) {
      const out = Buffer.allocUnsafeSlow(32);
      out.latin1Write(hash("sha256", data, "binary"), 0, 32);
      return new Uint8Array(out.buffer, out.byteOffset, 32);
    },
    sha256Into(data, out, offset) {
      if (wrapped?.of !== out) wrapped = { of: out, buffer: Buffer.from(out.buffer, out.byteOffset, out.byteLength) };
      wrapped.buffer.latin1Write(hash("sha256", data, "binary"), offset, 32);
    },
    sha256Stream() {
      const running = createHash("sha256");
      return {
        update: (chunk) => void running.update(chunk),
        digest: () => new Uint8Array(running.digest()),
      };
    },
    ed25519Sign(seed, message) {
      if (seed.length !== 32) throw new RangeError(`an Ed25519 seed has 32 bytes, got ${seed.length}`);
      return new Uint8Array(sign(null, message, cached(privateKeys, seed, parsePrivate)));
    },
    ed25519Verify(publicKey, message, signature) {
      if (publicKey.length !== 32 || signature.length !== 64) return false;
      return verify(null, message, cached(publicKeys, publicKey, parsePublic), signature);
    },
    ed25519PublicKey(seed) {
      if (seed.length !== 32) throw new RangeError(`an Ed25519 seed has 32 bytes, got ${seed.length}`);
      const spki = createPublicKey(cached(privateKeys, seed, parsePrivate)).export({ format: "der", type: "spki" });
      return new Uint8Array(spki.subarray(spki.length - 32));
    },
  };
}

function parsePrivate(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_SEED_PREFIX, seed]), format: "der", type: "pkcs8" });
}

function parsePublic(key: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_KEY_PREFIX, key]), format: "der", type: "spki" });
}

function cached(cache: Map<string, KeyObject>, bytes: Uint8Array, parse: (bytes: Uint8Array) => KeyObject): KeyObject {
  const id = Buffer.from(bytes).toString("binary");
  const known = cache.get(id);
  if (known) return known;
  const parsed = parse(bytes);
  if (cache.size >= CACHED_KEYS) cache.delete(cache.keys().next().value!);
  cache.set(id, parsed);
  return parsed;
}
