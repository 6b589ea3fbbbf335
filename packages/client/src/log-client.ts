/**
 * One log at one remote, every answer checked before it is returned. A remote is only a place to ask: what counts is
 * what the log's key signed, so a replica is as good as the log's own node.
 *
 * Nothing here throws for what a remote does. Outcomes that differ in what they mean are told apart: not reached,
 * answered with an error, answered with something that does not check, or caught in a contradiction.
 *
 * @example
 * const client = logClient({ crypto, transport, log: info });
 * const got = await client.head();
 * if (got.kind === "head") await client.claim(key, got.head);
 */
import type { Crypto } from "@trustix/crypto";
import type { Hash, LogHead, LogInfo } from "@trustix/protocol";
import { headFromWire, verifyHead } from "@trustix/protocol";
import { LogAPI, NodeAPI } from "@trustix/proto";
import { equalBytes, toHex } from "@trustix/crypto";
import { checkGrowth } from "./check-growth.ts";
import type { GrowthResult } from "./check-growth.ts";
import { readClaim } from "./read-claim.ts";
import type { ClaimResult } from "./read-claim.ts";
import { troubleOf } from "./trouble.ts";
import type { Trouble } from "./trouble.ts";
import type { CallOptions, RpcTransport } from "./transport.ts";

export type HeadResult = { readonly kind: "head"; readonly head: LogHead } | Trouble;
export type ValueResult = { readonly kind: "value"; readonly value: Uint8Array } | Trouble;

export interface LogClient {
  /** The remote's name. */
  readonly url: string;
  /** The newest head this remote has, signed by the log's key. */
  head(options?: CallOptions): Promise<HeadResult>;
  /**
   * Whether `to` grew out of `from` (`undefined`: first contact) in both trees, and names the map root that its own
   * map-head log ends with. Both heads must be validly signed.
   */
  checkGrowth(from: LogHead | undefined, to: LogHead, options?: CallOptions): Promise<GrowthResult>;
  /** What the log says of `key` under `head`, in its map and in its log tree, with the proofs checked. */
  claim(key: Uint8Array, head: LogHead, options?: CallOptions): Promise<ClaimResult>;
  /** The bytes behind a digest. */
  value(digest: Hash, options?: CallOptions): Promise<ValueResult>;
}

/** What the reads need to know. */
export interface LogAtRemote {
  readonly crypto: Crypto;
  readonly transport: RpcTransport;
  readonly log: Pick<LogInfo, "id" | "publicKey">;
}

export function logClient(at: LogAtRemote): LogClient {
  return {
    url: at.transport.url,
    head: (options) => readHead(at, options),
    checkGrowth: (from, to, options) => checkGrowth(at, from, to, options),
    claim: (key, head, options) => readClaim(at, key, head, options),
    value: (digest, options) => readValue(at, digest, options),
  };
}

async function readHead(at: LogAtRemote, options?: CallOptions): Promise<HeadResult> {
  try {
    const head = headFromWire(await at.transport.unary(LogAPI.method.getHead, { LogID: at.log.id }, options));
    if (!verifyHead(at.crypto, at.log.publicKey, head)) {
      return { kind: "unverifiable", why: `its head of size ${head.treeSize} is not signed by the log's key` };
    }
    return { kind: "head", head };
  } catch (error) {
    return troubleOf(error);
  }
}

async function readValue(at: LogAtRemote, digest: Hash, options?: CallOptions): Promise<ValueResult> {
  try {
    const call = { ...options, gzip: true };
    const { Value: value } = await at.transport.unary(NodeAPI.method.getValue, { Digest: digest }, call);
    const got = at.crypto.sha256(value);
    if (!equalBytes(got, digest)) {
      return { kind: "unverifiable", why: `asked for value ${toHex(digest)} it sent one of digest ${toHex(got)}` };
    }
    return { kind: "value", value };
  } catch (error) {
    return troubleOf(error);
  }
}
