/** The hash part of a Nix store path: what a binary cache is asked for, 32 digits of Nix's base 32, 20 bytes. */
import { HASH_PART_BYTES } from "./keys.ts";

const DIGITS = "0123456789abcdfghijklmnpqrsvwxyz";
/** A store path is far shorter; longer keys are not scanned. */
const MAX_PATH_BYTES = 4096;
const STORE_PATH = new RegExp(`^/(?:[^/]+/)+([${DIGITS}]{32})-[^/]+$`);

/** The 20 bytes of the hash part of `key`, `undefined` when the key is not a full store path. */
export function hashPartOf(key: Uint8Array): Uint8Array | undefined {
  if (key.length > MAX_PATH_BYTES) return undefined;
  const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
  const digits = STORE_PATH.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const part = new Uint8Array(HASH_PART_BYTES);
  // The last digit holds the lowest bits of the first byte.
  for (let n = 0; n < digits.length; n++) {
    const value = DIGITS.indexOf(digits[digits.length - 1 - n]!);
    const byte = (n * 5) >> 3;
    const shift = (n * 5) & 7;
    part[byte]! |= (value << shift) & 255;
    if (shift > 3) part[byte + 1]! |= value >> (8 - shift);
  }
  return part;
}
