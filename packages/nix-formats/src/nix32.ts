/**
 * Nix32: base 32 with Nix's own alphabet (no e, o, t, u) and its own order: the first character holds the highest bits
 * of the *last* byte. Not RFC 4648. 20 bytes are 32 characters, 32 bytes are 52.
 *
 * Reading is strict: spare bits must be zero, so one text stands for one value.
 */
import { NixFormatError, shown } from "./error.ts";

const ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz";
const DIGITS = new Int8Array(128).fill(-1);
for (let i = 0; i < 32; i++) DIGITS[ALPHABET.charCodeAt(i)] = i;

/** Characters that `bytes` bytes take. */
export function nix32Length(bytes: number): number {
  return Math.ceil((bytes * 8) / 5);
}

export function toNix32(bytes: Uint8Array): string {
  let out = "";
  for (let n = nix32Length(bytes.length) - 1; n >= 0; n--) {
    const bit = n * 5;
    const i = bit >> 3;
    const shift = bit & 7;
    out += ALPHABET[((bytes[i]! >> shift) | ((bytes[i + 1] ?? 0) << (8 - shift))) & 31]!;
  }
  return out;
}

/** The `length` bytes in `text`. Throws `NixFormatError` for another length, a foreign character or spare bits. */
export function fromNix32(text: string, length: number): Uint8Array {
  const wanted = nix32Length(length);
  if (text.length !== wanted) {
    throw new NixFormatError("nix32", "", `${text.length} characters came, ${wanted} wanted`);
  }
  const out = new Uint8Array(length);
  for (let at = 0; at < wanted; at++) {
    const code = text.charCodeAt(at);
    const digit = code < 128 ? DIGITS[code]! : -1;
    if (digit < 0) throw new NixFormatError("nix32", `character ${at}`, `${shown(text[at]!)} is not in the alphabet`);
    const bit = (wanted - 1 - at) * 5;
    const i = bit >> 3;
    const shifted = digit << (bit & 7);
    out[i]! |= shifted & 255;
    const carried = shifted >> 8;
    if (carried === 0) continue;
    if (i + 1 >= length) throw new NixFormatError("nix32", `character ${at}`, "bits are set after the last byte");
    out[i + 1]! |= carried;
  }
  return out;
}
