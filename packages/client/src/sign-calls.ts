/**
 * Signed calls for a transport: each time a call is sent, a signature of its own over what is sent and to whom.
 *
 * @example
 * const transport = httpTransport(url, { headersFor: signCalls({ crypto, token, now: Date.now, nonce }) });
 */
import type { Crypto } from "@trustix/crypto";
import { SIGNED_CALL_HEADER, signCall, type PrivateToken } from "@trustix/protocol";
import type { HeadersFor } from "./http-transport.ts";

export interface CallSigner {
  readonly crypto: Crypto;
  readonly token: PrivateToken;
  /** Milliseconds since 1970. The node refuses a call whose time is minutes from its own. */
  readonly now: () => number;
  /** 16 bytes from the system's random source. */
  readonly nonce: () => Uint8Array;
}

export function signCalls({ crypto, token, now, nonce }: CallSigner): HeadersFor {
  return (procedure, { audience, body }) => {
    const call = { procedure, audience, time: now(), nonce: nonce(), bodyDigest: crypto.sha256(body) };
    return { [SIGNED_CALL_HEADER]: signCall(crypto, token, call) };
  };
}
