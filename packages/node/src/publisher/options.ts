/** What a publisher is built from, and its limits with their defaults. */
import type { Crypto } from "@trustix/crypto";
import type { SparseMapOptions } from "@trustix/merkle";
import type { LogHead } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import type { PublishedLog } from "../logs/published-log.ts";
import type { Clock } from "../model.ts";
import type { HeadMarker, MarkedPlace } from "./head-marker.ts";

export interface PublisherOptions {
  readonly store: Store;
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** The log's place in the store, and where its heads are shown to readers. */
  readonly published: PublishedLog;
  /** 32 bytes; its public half is the log's key. */
  readonly seed: Uint8Array;
  /** The log and its values are for the node's own user alone. Default: they are published. */
  readonly isPrivate?: boolean;
  /** `undefined` only for a log that nobody else sees, or whose store does not outlive the process. */
  readonly marker: HeadMarker | undefined;
  /** Where else a marker of this log may be: read like it before every signing, never written. */
  readonly markersElsewhere?: readonly MarkedPlace[];
  /**
   * The newest head of this log that anybody else is known to hold, or of each of them: all are compared with the store.
   * Called before every signing: it must answer from memory or in little time. What it rejects with, and heads not
   * signed by the log's key, count as no answer.
   */
  readonly newestElsewhere?: () => Promise<LogHead | readonly LogHead[] | undefined>;
  /** Told what went wrong where nobody waits for the result: flushes by timer. */
  readonly onFault?: (error: unknown) => void;
  readonly limits?: Partial<PublisherLimits>;
  /** Memory and shape of the map, unless its own defaults will do. */
  readonly map?: SparseMapOptions;
}

export interface PublisherLimits {
  /** Milliseconds that an item waits before it is flushed; 0: only when asked. */
  readonly flushEveryMs: number;
  /** So many waiting items are flushed at once. */
  readonly flushAtItems: number;
  /** The most under one head (but always a whole group commit). */
  readonly maxFlushItems: number;
  readonly maxFlushBytes: number;
  /** Waiting or being accepted; more is `busy`. */
  readonly maxWaitingItems: number;
  readonly maxWaitingBytes: number;
  readonly maxValueBytes: number;
  /** Heads stay provable while they are younger, or among the last so many. */
  readonly retainMs: number;
  readonly retainHeads: number;
}

export const DEFAULT_LIMITS: PublisherLimits = {
  flushEveryMs: 1000,
  flushAtItems: 10_000,
  maxFlushItems: 65_536,
  maxFlushBytes: 32 << 20,
  maxWaitingItems: 500_000,
  maxWaitingBytes: 256 << 20,
  maxValueBytes: 1 << 20,
  retainMs: 7 * 24 * 3600 * 1000,
  retainHeads: 1000,
};
