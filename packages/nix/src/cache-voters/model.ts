/** What binary caches that vote are made of, and their bounds. */
import type { Crypto } from "@trustix/crypto";
import type { CachePublicKey } from "@trustix/nix-formats";
import type { CacheMemory, LogId } from "@trustix/protocol";
import type { Clock } from "../clock.ts";

export interface CacheVoterConfig {
  /** That of a Nix log with the first key. */
  readonly id: LogId;
  readonly name: string;
  /** Places of one voter; a user name and password in one are sent to its host only. */
  readonly urls: readonly string[];
  /** No two voters share one. */
  readonly publicKeys: readonly CachePublicKey[];
  /** Whether its signature counts at its own places although another voter's stands beside it. */
  readonly countCopies: boolean;
  /** Milliseconds after which an answer is asked for again, in the background. */
  readonly recheckAfterMs: number;
  /** Milliseconds for which it is not asked again for what it does not have. */
  readonly negativeMs: number;
}

export interface CacheVotersOptions {
  readonly voters: readonly CacheVoterConfig[];
  readonly memory: CacheMemory;
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Milliseconds for an answer; less than whoever counts the votes waits. Default 1800. */
  readonly budgetMs?: number;
  /** An answer that was confirmed longer ago is asked for again before it is given. Default: none is. */
  readonly maxAgeMs?: number | undefined;
  /** As for the proxy. Default: public addresses only. */
  readonly allowAddress?: (address: string) => boolean;
  /** Told what went wrong where nobody waits for it: the memory, or a defect. */
  readonly onFault: (error: unknown) => void;
  /** Told when a place is left alone, and when it answers again. */
  readonly onState?: (name: string, place: string, resting: boolean) => void;
}

/** Its claim, some 1.4 times as long, must fit into a log. */
export const MAX_VOTED_NARINFO_BYTES = 512 << 10;

export const DEFAULT_BUDGET_MS = 1800;
