/** What a mirror is built from, and what it tells of. */
import type { Crypto } from "@trustix/crypto";
import type { SparseMapOptions } from "@trustix/merkle";
import type { LogHead, LogId, LogInfo } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import type { Room } from "../free-room.ts";
import type { LogKeys } from "../logs/keys.ts";
import type { Clock, Follower } from "../model.ts";

export interface MirrorOptions {
  readonly crypto: Crypto;
  readonly store: Store;
  readonly clock: Clock;
  readonly logs: readonly MirrorLogOptions[];
  readonly follower: Pick<Follower, "logs" | "sources" | "onChange" | "convict">;
  /** Milliseconds for one call. Default 20 000. */
  readonly timeoutMs?: number | undefined;
  /** Entries that are stored in one batch at most. Default 16 384. */
  readonly chunkEntries?: number | undefined;
  /** Asked before each batch. Default: there is always room. */
  readonly room?: Room | undefined;
  /** Shape of the maps, unless their own defaults will do. */
  readonly map?: Pick<SparseMapOptions, "leavesPerSubtree"> | undefined;
  readonly onEvent?: ((event: MirrorEvent) => void) | undefined;
}

export interface MirrorLogOptions {
  readonly info: LogInfo;
  readonly keys: LogKeys;
  /** Whether values come along. */
  readonly eager: boolean;
}

export type MirrorEvent =
  | {
      readonly kind: "progress";
      readonly logId: LogId;
      readonly entries: number;
      readonly target: number;
      /** Entries a second. */
      readonly rate: number;
    }
  | { readonly kind: "served"; readonly logId: LogId; readonly head: LogHead }
  | { readonly kind: "stuck" | "lie"; readonly logId: LogId; readonly why: string }
  /** Something of ours went wrong. */
  | { readonly kind: "failed"; readonly logId: LogId; readonly error: unknown };
