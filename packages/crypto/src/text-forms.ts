/**
 * Hex and base64 (RFC 4648, standard alphabet, padded). Reading is strict: one text for one value, so that
 * two spellings never name the same key, digest or signature.
 */

/** A text that is not strict hex or base64; the message says what came and what was wanted. */
export class TextFormError extends Error {
  override name = "TextFormError";
}

/** Codes of the two digits of each byte. */
const DIGITS = Array.from({ length: 256 }, (_, i) => Array.from(i.toString(16).padStart(2, "0"), codeOf)).flat();
/** Bytes at a time: each digit is an argument of one call. */
const AT_ONCE = 4096;

function codeOf(digit: string): number {
  return digit.charCodeAt(0);
}

/** Lower-case hex. In one piece: joined digit by digit, a digest costs four times as much, and again as a key of a map. */
export function toHex(bytes: Uint8Array): string {
  if (bytes.length > AT_ONCE) return toHex(bytes.subarray(0, AT_ONCE)) + toHex(bytes.subarray(AT_ONCE));
  const codes: number[] = [];
  for (const byte of bytes) codes.push(DIGITS[2 * byte]!, DIGITS[2 * byte + 1]!);
  return String.fromCharCode(...codes);
}

/** Reads hex of either case. Throws `TextFormError`. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new TextFormError(`hex has an odd number of digits (${text.length})`);
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) {
    const high = hexDigit(text, 2 * i);
    const low = hexDigit(text, 2 * i + 1);
    out[i] = high * 16 + low;
  }
  return out;
}

function hexDigit(text: string, at: number): number {
  const c = text.charCodeAt(at);
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 97 && c <= 102) return c - 87;
  if (c >= 65 && c <= 70) return c - 55;
  throw new TextFormError(`hex digit wanted at position ${at}, got ${JSON.stringify(text[at])}`);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const SEXTETS = new Int16Array(128).fill(-1);
for (let i = 0; i < 64; i++) SEXTETS[ALPHABET.charCodeAt(i)] = i;

/** Padded base64. */
export function toBase64(bytes: Uint8Array): string {
  let out = "";
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const n = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    out += ALPHABET[n >> 18]! + ALPHABET[(n >> 12) & 63]! + ALPHABET[(n >> 6) & 63]! + ALPHABET[n & 63]!;
  }
  if (i + 1 === bytes.length) {
    const n = bytes[i]! << 16;
    out += `${ALPHABET[n >> 18]!}${ALPHABET[(n >> 12) & 63]!}==`;
  } else if (i + 2 === bytes.length) {
    const n = (bytes[i]! << 16) | (bytes[i + 1]! << 8);
    out += `${ALPHABET[n >> 18]!}${ALPHABET[(n >> 12) & 63]!}${ALPHABET[(n >> 6) & 63]!}=`;
  }
  return out;
}

/** Reads padded base64 with zero trailing bits and nothing else in it. Throws `TextFormError`. */
export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw new TextFormError(`base64 has ${text.length} characters, not a multiple of 4`);
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < digits; i++) {
    const code = text.charCodeAt(i);
    const sextet = code < 128 ? SEXTETS[code]! : -1;
    if (sextet < 0) throw new TextFormError(`base64 digit wanted at position ${i}, got ${JSON.stringify(text[i])}`);
    held = ((held << 6) | sextet) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (held >> bits) & 255;
    }
  }
  if ((held & ((1 << bits) - 1)) !== 0) throw new TextFormError("base64 has bits set after its last byte");
  return out;
}
