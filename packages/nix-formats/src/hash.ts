/**
 * Hashes in all the forms Nix writes them: `sha256:<nix32>` (narinfo, fingerprint), `sha256:<hex>`,
 * `sha256:<base64>`, `sha256-<base64>` (SRI, JSON). One type inside; the algorithm is always named, because the length
 * alone would let a reader guess.
 */
import { fromBase64, fromHex, TextFormError, toBase64, toHex } from "@trustix/crypto";
import { NixFormatError, shown } from "./error.ts";
import { fromNix32, nix32Length, toNix32 } from "./nix32.ts";

const SIZES = { md5: 16, sha1: 20, sha256: 32, sha512: 64 } as const;

export type HashAlgorithm = keyof typeof SIZES;

export interface NixHash {
  readonly algorithm: HashAlgorithm;
  /** 16, 20, 32 or 64 bytes, as the algorithm has it. */
  readonly digest: Uint8Array;
}

/** The longest accepted text: `sha512:` and 128 hex digits. */
const MAX_TEXT = 135;

/** Reads any of the forms above. Throws `NixFormatError`. */
export function parseHash(text: string): NixHash {
  const end = text.search(/[:-]/);
  if (end < 0 || text.length > MAX_TEXT) {
    throw new NixFormatError("hash", "", `${shown(text)} came, "sha256:..." or "sha256-..." wanted`);
  }
  const algorithm = parseAlgorithm(text.slice(0, end));
  const digest = text.slice(end + 1);
  return { algorithm, digest: text[end] === "-" ? base64Digest(algorithm, digest) : anyDigest(algorithm, digest) };
}

/** The same, and it must be SHA-256: the only algorithm of NAR hashes. Returns the 32 bytes. */
export function parseSha256(text: string): Uint8Array {
  const { algorithm, digest } = parseHash(text);
  if (algorithm !== "sha256") throw new NixFormatError("hash", "", `${algorithm} came, sha256 wanted`);
  return digest;
}

/** Throws `NixFormatError` for a name that is not md5, sha1, sha256 or sha512. */
export function parseAlgorithm(name: string): HashAlgorithm {
  if (!Object.hasOwn(SIZES, name)) {
    throw new NixFormatError("hash", "", `algorithm ${shown(name)} came, md5, sha1, sha256 or sha512 wanted`);
  }
  return name as HashAlgorithm;
}

/** A digest without its algorithm, told apart by length: hex, nix32, base64. Throws `NixFormatError`. */
export function anyDigest(algorithm: HashAlgorithm, text: string): Uint8Array {
  const size = SIZES[algorithm];
  if (text.length === size * 2) return digestBy("hex", fromHex, text);
  if (text.length === nix32Length(size)) return fromNix32(text, size);
  return base64Digest(algorithm, text);
}

function base64Digest(algorithm: HashAlgorithm, text: string): Uint8Array {
  const size = SIZES[algorithm];
  const wanted = Math.ceil(size / 3) * 4;
  if (text.length !== wanted) {
    throw new NixFormatError(
      "hash",
      "",
      `a ${algorithm} digest of ${text.length} characters came, ${size} bytes wanted`,
    );
  }
  const digest = digestBy("base64", fromBase64, text);
  if (digest.length !== size) {
    throw new NixFormatError("hash", "", `a ${algorithm} digest of ${digest.length} bytes came, ${size} wanted`);
  }
  return digest;
}

function digestBy(form: string, read: (text: string) => Uint8Array, text: string): Uint8Array {
  try {
    return read(text);
  } catch (cause) {
    if (!(cause instanceof TextFormError)) throw cause;
    throw new NixFormatError("hash", form, cause.message, { cause });
  }
}

/** `sha256:<nix32>`: the form of narinfo and fingerprint. */
export function formatNix32Hash(hash: NixHash): string {
  return `${hash.algorithm}:${toNix32(hash.digest)}`;
}

/** `sha256-<base64>`: the form of JSON, of `trustix` claims and of receipts. */
export function formatSriHash(hash: NixHash): string {
  return `${hash.algorithm}-${toBase64(hash.digest)}`;
}

/** `sha256:<hex>`: the form of the store's database and of store path fingerprints. */
export function formatHexHash(hash: NixHash): string {
  return `${hash.algorithm}:${toHex(hash.digest)}`;
}

export function sha256Hash(digest: Uint8Array): NixHash {
  return { algorithm: "sha256", digest };
}
