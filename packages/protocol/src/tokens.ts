/**
 * Write tokens. A token is `name:base64(key)`; the private one holds the 64-byte Ed25519 key, the public one 32 bytes.
 * A call carries `Trustix-Token: {"name":"...","sig":"base64 of Ed25519(name ":" procedure)"}`, where the procedure is
 * the full path of the call.
 *
 * Weakness: the signature covers no body and no time, so whoever sees one header can replay it. Local sockets only,
 * unless the operator says otherwise.
 */
import { fromBase64, toBase64, utf8, utf8Text, type Crypto } from "@trustix/crypto";
import { ProtocolError, shown } from "./errors.ts";
import { goJsonString } from "./go-json.ts";
import { formatPrivateKey, formatPublicKey, parsePrivateKey, parsePublicKey, type KeyPair } from "./keys.ts";

export const TOKEN_HEADER = "Trustix-Token";

/** Longer headers are refused unread; a name of 255 characters makes a header of about 400 bytes. */
export const MAX_TOKEN_HEADER = 4096;
const MAX_NAME = 255;

export interface PrivateToken extends KeyPair {
  readonly name: string;
}

export interface PublicToken {
  readonly name: string;
  readonly publicKey: Uint8Array;
}

/** Tokens by name; a `Map` is one. */
export type TokenLookup = Pick<ReadonlyMap<string, PublicToken>, "get">;

/** Throws `malformed` or `mismatch`; never shows the key. */
export function parsePrivateToken(crypto: Crypto, text: string): PrivateToken {
  const { name, key } = split(text);
  return inToken(name, () => ({ name, ...parsePrivateKey(crypto, key) }));
}

/** Throws `malformed`. */
export function parsePublicToken(text: string): PublicToken {
  const { name, key } = split(text);
  return inToken(name, () => ({ name, publicKey: parsePublicKey(key) }));
}

export function formatPrivateToken(token: PrivateToken): string {
  return `${parseName(token.name)}:${formatPrivateKey(token)}`;
}

export function formatPublicToken(token: PublicToken): string {
  return `${parseName(token.name)}:${formatPublicKey(token.publicKey)}`;
}

/** A token's name: 1 to 255 characters without a colon or control characters. Throws `malformed`. */
export function parseName(name: string): string {
  // control characters are what is refused
  if (name.length === 0 || name.length > MAX_NAME || /[:\u0000-\u001f\u007f]/.test(name)) {
    throw new ProtocolError(
      "malformed",
      `token name: ${shown(name)} came, 1 to ${MAX_NAME} characters without ":" wanted`,
    );
  }
  return name;
}

/**
 * The header's value for a call of `procedure` (`/package.Service/Method`): UTF-8 bytes, one character per byte, as
 * HTTP programs want header values. (Node's HTTP/2 client is the exception: it encodes strings as UTF-8 itself.)
 */
export function tokenHeader(crypto: Crypto, token: PrivateToken, procedure: string): string {
  const signature = crypto.ed25519Sign(token.seed, signedBytes(token.name, procedure));
  const json = `{"name":${goJsonString(token.name)},"sig":"${toBase64(signature)}"}`;
  return String.fromCharCode(...utf8(json));
}

/**
 * The name of the token that signed this call. `header` has one character per byte. Throws `malformed` for a header that is
 * none, `unknown` for a name not in `tokens`, `mismatch` for a bad signature: all three are an unauthenticated call.
 */
export function verifyTokenHeader(crypto: Crypto, tokens: TokenLookup, header: string, procedure: string): string {
  const { name, signature } = parseHeader(header);
  const token = tokens.get(name);
  if (token === undefined) throw new ProtocolError("unknown", `token ${shown(name)} is not known to this node`);
  if (!crypto.ed25519Verify(token.publicKey, signedBytes(name, procedure), signature)) {
    const what = `not signed for ${procedure} by the key that this node has under that name`;
    throw new ProtocolError("mismatch", `token ${shown(name)}: ${what}`);
  }
  return name;
}

function parseHeader(header: string): { name: string; signature: Uint8Array } {
  if (header.length > MAX_TOKEN_HEADER) {
    throw new ProtocolError(
      "malformed",
      `${TOKEN_HEADER}: ${header.length} bytes came, at most ${MAX_TOKEN_HEADER} wanted`,
    );
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8Text(Uint8Array.from(header, (c) => c.charCodeAt(0))));
  } catch (cause) {
    throw new ProtocolError("malformed", `${TOKEN_HEADER}: JSON in UTF-8 wanted`, { cause });
  }
  const { name, sig } = (typeof parsed === "object" && parsed !== null ? parsed : {}) as Record<string, unknown>;
  if (typeof name !== "string" || typeof sig !== "string") {
    throw new ProtocolError("malformed", `${TOKEN_HEADER}: {"name":"...","sig":"..."} wanted`);
  }
  try {
    return { name, signature: fromBase64(sig) };
  } catch (cause) {
    throw new ProtocolError("malformed", `${TOKEN_HEADER}: sig is not base64`, { cause });
  }
}

function signedBytes(name: string, procedure: string): Uint8Array {
  return utf8(`${name}:${procedure}`);
}

function split(text: string): { name: string; key: string } {
  const trimmed = text.length > 2 * MAX_TOKEN_HEADER ? "" : text.trim();
  const colon = trimmed.indexOf(":");
  if (colon <= 0) throw new ProtocolError("malformed", 'token: "name:base64 of a key" wanted');
  return { name: parseName(trimmed.slice(0, colon)), key: trimmed.slice(colon + 1) };
}

function inToken<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ProtocolError(error.code, `token ${shown(name)}: ${error.message}`, { cause: error.cause });
  }
}
