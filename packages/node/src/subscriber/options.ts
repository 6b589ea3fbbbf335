/** What a follower is opened with, what it tells of, and what it is. */
import type { RpcTransport } from "@trustix/client";
import type { Crypto } from "@trustix/crypto";
import type { LogHead, LogId, LogInfo } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import type { Clock, EvidenceStore, Follower } from "../model.ts";

export interface FollowerOptions {
  readonly crypto: Crypto;
  readonly store: Store;
  /** Where proofs against logs are kept, whoever found them. */
  readonly evidence: Pick<EvidenceStore, "keep" | "import" | "against" | "onKept">;
  /** Until when proof against a log is forgiven, in milliseconds since 1970; asked whenever it matters. */
  readonly pardonedUntil?: ((logId: LogId) => number | undefined) | undefined;
  readonly clock: Clock;
  /** 0..1, for jitter. */
  readonly random: () => number;
  readonly logs: readonly { readonly info: LogInfo; readonly name: string }[];
  /** One for each remote; closed with the follower. */
  readonly remotes: readonly RpcTransport[];
  /** Nodes that heads are compared with; closed with the follower. Default: none. */
  readonly peers?: readonly RpcTransport[] | undefined;
  /** Milliseconds between polls of a remote, and of a peer. Default 30 minutes. */
  readonly intervalMs?: number | undefined;
  /** Milliseconds for one call of a poll. Default 20 000. */
  readonly pollTimeoutMs?: number | undefined;
  /** Milliseconds for one call of a vote. Default 2000. */
  readonly voteTimeoutMs?: number | undefined;
  /** Told of everything a person may want to read about. */
  readonly onEvent?: ((event: FollowerEvent) => void) | undefined;
}

export type FollowerEvent =
  | { readonly kind: "taken"; readonly logId: LogId; readonly remote: string; readonly head: LogHead }
  | { readonly kind: "unreachable" | "refused"; readonly logId: LogId; readonly remote: string; readonly why: string }
  /** A peer cannot be asked, or says no. */
  | { readonly kind: "peer_fails"; readonly peer: string; readonly why: string }
  /** Stored state could not be written: the head is not taken. */
  | { readonly kind: "failed"; readonly logId: LogId; readonly remote: string; readonly why: string };

/** A follower whose votes can be cached: they come out the same while `revision` stays. */
export interface CacheableFollower extends Follower {
  /** Grows whenever a held head changes or a log is caught lying. */
  revision(): number;
}

export const DEFAULT_POLL_INTERVAL_MS = 30 * 60 * 1000;
