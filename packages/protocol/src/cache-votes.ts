/**
 * Binary caches as voters: what those who ask them and the node that counts them say to each other. A cache is known by
 * the id of a Nix log with its first key.
 */
import type { LogId, Testimony } from "./types.ts";

/** A narinfo as it came. Times are milliseconds since 1970. */
export interface KeptAnswer {
  readonly narInfo: Uint8Array;
  readonly firstSeen: number;
  /** When one with the same facts and signer last came. */
  readonly confirmedAt: number;
}

/** What is kept of one cache for one store path. */
export interface KeptVoice {
  /** The first signed answer of its own places, whoever signed it. */
  readonly own: KeptAnswer | undefined;
  /** The first narinfo that its key was seen to have signed, wherever it was. Claims are written once: it never changes. */
  readonly claim: KeptAnswer | undefined;
  /** When its own places last answered, whatever they said; 0: never. */
  readonly checkedAt: number;
  /** When its key was first seen to have signed other facts than those of `claim`; 0: never. */
  readonly changedAt: number;
}

/** What a cache's key claims for a path. */
export interface CacheClaim {
  /** In canonical form. */
  readonly value: Uint8Array;
  /** Whether it is a vote, rather than a copy of somebody else's. */
  readonly counts: boolean;
}

export interface VoiceUpdate {
  readonly voter: LogId;
  readonly voice: KeptVoice;
  /** `undefined`: its key signed nothing for the path. */
  readonly claim: CacheClaim | undefined;
}

/** Different facts for one path, signed by one voter. */
export interface SecondAnswer {
  readonly voter: LogId;
  /** 32 bytes, the key that signed both; `undefined`: two keys of the voter did. */
  readonly publicKey: Uint8Array | undefined;
  /** The one that counts comes first. */
  readonly narInfos: readonly [Uint8Array, Uint8Array];
}

/** Where what caches said is kept. */
export interface CacheMemory {
  /** Of every configured cache that something is kept of. Sees what was kept before. */
  recall(storePath: string): Promise<ReadonlyMap<LogId, KeptVoice>>;
  /** Resolves when all of it would survive power loss. Calls for one path are serial. */
  keep(storePath: string, updates: readonly VoiceUpdate[], seconds: readonly SecondAnswer[]): Promise<void>;
  /** Everything that is kept, path by path. */
  all(): AsyncIterable<ReadonlyMap<LogId, KeptVoice>>;
}

/** A claim as a cache made it. Times are milliseconds since 1970. */
export interface SeenClaim {
  /** In canonical form. */
  readonly value: Uint8Array;
  readonly firstSeen: number;
  /** When a narinfo that shows it last came. */
  readonly confirmedAt: number;
}

export interface CacheVote extends Testimony {
  /** There if and only if the outcome is `claims`. */
  readonly claim: SeenClaim | undefined;
}

export interface CachePlace {
  /** Without credentials. */
  readonly url: string;
  /** Left alone for a while after it failed. */
  readonly resting: boolean;
}

/** The configured caches, asked. */
export interface CacheVoters {
  has(id: LogId): boolean;
  /**
   * Casts one vote of each for a path. Resolves when all are cast, or `signal` is aborted: nothing is cast after that. Never
   * rejects; for what is no store path every vote is `unverifiable`.
   */
  vote(key: Uint8Array, cast: (vote: CacheVote) => void, signal: AbortSignal): Promise<void>;
  /** Judges again everything that is kept, as the configuration is now. Rejects with what the memory rejects with. */
  review(signal: AbortSignal): Promise<void>;
  places(id: LogId): readonly CachePlace[];
  /** Ends what goes on in the background. */
  close(): Promise<void>;
}

/** Makes the voters of a node that has this memory. */
export type OpenCacheVoters = (memory: CacheMemory) => CacheVoters;
