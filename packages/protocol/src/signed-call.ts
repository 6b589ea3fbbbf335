/**
 * Signed calls: a token's signature over one call to one node, good once and for minutes. The header says all that is signed:
 *
 *     Trustix-Signed-Call: v1 NAME PROCEDURE AUDIENCE TIME NONCE BODY SIGNATURE
 *
 *     NAME       the token's name, base64 of UTF-8
 *     PROCEDURE  full path of the call, `/trustix_rpc.v1.LogRPC/Submit`
 *     AUDIENCE   the node as the caller names it: `host:port`, or `local` on a unix socket
 *     TIME       milliseconds since 1970 by the caller's clock, decimal
 *     NONCE      16 random bytes, base64: no two calls of one token have the same
 *     BODY       SHA-256 of the request's body before any Content-Encoding, base64
 *     SIGNATURE  base64 of Ed25519 by the token's key over `trustix-signed-call`, a line feed, and the value of the header up to the space
 *                before the signature
 *
 * ASCII, single spaces, one spelling for one value. Nothing that the existing token signs begins like this: that is
 * `name:procedure`, and a name has no line feed.
 */
import { fromBase64, toBase64, utf8, utf8Text, type Crypto } from "@trustix/crypto";
import { bytesOf } from "./bounds.ts";
import { ProtocolError, shown } from "./errors.ts";
import { parseName, type PrivateToken, type TokenLookup } from "./tokens.ts";

export const SIGNED_CALL_HEADER = "Trustix-Signed-Call";

/** Longer headers are refused unread: a name of 255 characters takes up to 1020, the rest about 500. */
export const MAX_SIGNED_CALL = 2048;

/** Milliseconds that a call's time and the node's clock may be apart, either way. */
export const CALL_WINDOW_MS = 300_000;

export const NONCE_BYTES = 16;

/** The audience of a call over a unix socket. */
export const LOCAL_AUDIENCE = "local";

/** What was signed; that it fits the call at hand is for the server to say. */
export interface SignedCall {
  /** The token's. */
  readonly name: string;
  readonly procedure: string;
  readonly audience: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  /** SHA-256 of the body. */
  readonly bodyDigest: Uint8Array;
}

/** The header's value. Throws `malformed` for a call that no header can say. */
export function signCall(crypto: Crypto, token: PrivateToken, call: Omit<SignedCall, "name">): string {
  const { procedure, audience, time, nonce, bodyDigest } = call;
  const name = toBase64(utf8(parseName(token.name)));
  const text = ["v1", name, procedure, audience, time, toBase64(nonce), toBase64(bodyDigest)].join(" ");
  const header = `${text} ${toBase64(crypto.ed25519Sign(token.seed, signedBytes(text)))}`;
  parse(header);
  return header;
}

/**
 * What a header says, signed by one of `tokens`. Throws `malformed` for a header that is none, `unknown` for a name not
 * in `tokens`, `mismatch` for a signature that is not that token's.
 */
export function openSignedCall(crypto: Crypto, tokens: TokenLookup, header: string): SignedCall {
  const { call, text, signature } = parse(header);
  const token = tokens.get(call.name);
  if (token === undefined) throw new ProtocolError("unknown", `token ${shown(call.name)} is not known to this node`);
  if (!crypto.ed25519Verify(token.publicKey, signedBytes(text), signature)) {
    throw new ProtocolError(
      "mismatch",
      `token ${shown(call.name)}: the call is not signed by the key that this node has under that name`,
    );
  }
  return call;
}

function signedBytes(text: string): Uint8Array {
  return utf8(`trustix-signed-call\n${text}`);
}

function parse(header: string): { call: SignedCall; text: string; signature: Uint8Array } {
  if (header.length > MAX_SIGNED_CALL) throw malformed(`${header.length} characters came, at most ${MAX_SIGNED_CALL}`);
  const fields = header.split(" ");
  const [version, name, procedure, audience, time, nonce, body, signature] = fields;
  if (version !== "v1" || fields.length !== 8) throw malformed('"v1" and 7 fields, single spaces between them,');
  // Bounded so that it is a time which can be shown.
  if (!/^(0|[1-9][0-9]{0,14})$/.test(time!)) throw malformed("TIME in milliseconds since 1970, decimal,");
  if (!/^\/[\w.]{1,200}\/\w{1,100}$/.test(procedure!)) throw malformed("PROCEDURE of the form /package.Service/Method");
  if (!/^[!-~]{1,300}$/.test(audience!)) throw malformed("AUDIENCE of 1 to 300 characters");
  const call = {
    name: readName(name!),
    procedure: procedure!,
    audience: audience!,
    time: Number(time),
    nonce: readBytes("NONCE", nonce!, NONCE_BYTES),
    bodyDigest: readBytes("BODY", body!, 32),
  };
  const text = header.slice(0, header.lastIndexOf(" "));
  return { call, text, signature: readBytes("SIGNATURE", signature!, 64) };
}

function readName(field: string): string {
  let name: string;
  try {
    name = utf8Text(fromBase64(field));
  } catch (cause) {
    throw malformed("NAME as base64 of UTF-8", cause);
  }
  return parseName(name);
}

function readBytes(what: string, field: string, length: number): Uint8Array {
  try {
    return bytesOf(`${SIGNED_CALL_HEADER}: ${what}`, fromBase64(field), length);
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw malformed(`${what} in base64`, cause);
  }
}

function malformed(wanted: string, cause?: unknown): ProtocolError {
  const message = `${SIGNED_CALL_HEADER}: ${wanted} wanted`;
  return new ProtocolError("malformed", message, cause === undefined ? undefined : { cause });
}
