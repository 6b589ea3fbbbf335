/**
 * A log of this node's own, of what a binary cache's key signed. It belongs to the node's user: it is signed with a key that
 * is made for it and kept beside the store, nobody else is told of it, and it has no vote.
 */
import { type Crypto, toBase64 } from "@trustix/crypto";
import { logIdOf, NIX, type KeyPair, type LogId, type LogInfo } from "@trustix/protocol";
import type { LogReader, Publisher } from "../model.ts";

export interface LocalLog {
  /** Whose statements it holds. */
  readonly voter: LogId;
  /** The voter's in the claims table. */
  readonly serial: number;
  readonly reader: LogReader;
  readonly publisher: Pick<Publisher, "submit" | "flush">;
}

/** Its meta names the cache, and its first key. */
export function localLogInfo(
  crypto: Crypto,
  keys: KeyPair,
  cache: { readonly name: string; readonly info: LogInfo },
): LogInfo {
  const { publicKey } = keys;
  const meta = { cache: cache.name, "cache-key": toBase64(cache.info.publicKey) };
  return { id: logIdOf(crypto, { protocol: NIX, publicKey }), protocol: NIX, publicKey, meta };
}
