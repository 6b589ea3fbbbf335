/**
 * Log ids. A log is what its key signs for one protocol, so the id is a digest of both and nothing else:
 * `hex(H("protocol:" id ";mode:" decimal ";keyType:" type ";pubKey:" raw ";"))`.
 */
import { concatBytes, toHex, utf8, type Crypto } from "@trustix/crypto";
import { ProtocolError, shown } from "./errors.ts";
import type { LogId, Protocol } from "./types.ts";

export interface LogIdentity {
  readonly protocol: Protocol;
  /** Raw. */
  readonly publicKey: Uint8Array;
  /** 0 ("Log"), the only mode there is. */
  readonly mode?: number;
  /** "ed25519", the only type there is. */
  readonly keyType?: string;
}

/** The id of the log that `publicKey` signs for `protocol`. */
export function logIdOf(crypto: Crypto, identity: LogIdentity): LogId {
  const { protocol, publicKey, mode = 0, keyType = "ed25519" } = identity;
  const text = `protocol:${protocol.id};mode:${mode};keyType:${keyType};pubKey:`;
  return toHex(crypto.sha256(concatBytes(utf8(text), publicKey, utf8(";")))) as LogId;
}

/** Throws `malformed` unless `text` is 64 lower-case hex digits. */
export function parseLogId(text: string): LogId {
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new ProtocolError("malformed", `log id: ${shown(text)} came, 64 lower-case hex digits wanted`);
  }
  return text as LogId;
}
