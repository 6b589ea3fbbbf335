/** A configuration as the daemon uses it: every default applied, names resolved, keys read. */
import type { Policy, StandingBounds } from "@trustix/decider";
import type { KeyPair, LogInfo, PublicToken } from "@trustix/protocol";
import type { Limits } from "./limits.ts";

export interface Config {
  /** Where it was read from. */
  readonly path: string;
  /** One sentence each, to be logged at start. */
  readonly warnings: readonly string[];
  readonly storage: "native" | "memory";
  readonly publishers: readonly PublisherConfig[];
  readonly subscribers: readonly SubscriberConfig[];
  /** Binary caches that vote. */
  readonly voters: readonly CacheVoterConfig[];
  /** Nodes asked for every followed log: `http://`, `https://`, `unix://` URLs, each once. */
  readonly remotes: readonly string[];
  /** Nodes asked for the heads they saw, each once. */
  readonly peers: readonly string[];
  /** Who may ask for the heads that were seen here. */
  readonly peerTokens: readonly PublicToken[];
  /** Who may submit and flush, by name. */
  readonly writeTokens: ReadonlyMap<string, PublicToken>;
  /** One for each protocol with rules. */
  readonly deciders: readonly Policy[];
  readonly upstreams: readonly UpstreamConfig[];
  readonly publish: PublishConfig;
  /** As configured; empty: the caller's default. */
  readonly listeners: readonly ListenerConfig[];
  /** User ids beside root and the own whose sockets and spools are trusted. */
  readonly socketOwners: readonly number[];
  readonly pollIntervalMs: number;
  readonly decisionBudgetMs: number;
  readonly flush: { readonly intervalMs: number; readonly items: number };
  readonly retention: { readonly maxAgeMs: number; readonly heads: number };
  readonly limits: Limits;
  /** When dissent makes a builder suspect, and excludes it. */
  readonly standing: StandingBounds;
  /** Of what the cache proxy served. */
  readonly receipts: { readonly keep: boolean; readonly maxAgeMs: number; readonly maxBytes: number };
  /** PEM text of certificates trusted instead of the system's. */
  readonly ca: string | undefined;
  /** Folder of head markers; `undefined` only without publishers. */
  readonly headMarker: string | undefined;
  /** Other folders where markers may be; none where the file names its own. */
  readonly headMarkersElsewhere: readonly string[];
}

export interface LogConfig {
  readonly info: LogInfo;
  /** Unique among publishers, subscribers and voters. */
  readonly name: string;
  /** Who runs it, if that is said. */
  readonly operator: string | undefined;
}

export interface PublisherConfig extends LogConfig {
  /** The table under `signers` whose key signs this log. */
  readonly signer: string;
  /** Where its private key lies. */
  readonly keyFile: string;
  /** Not enumerable, so that printing a configuration never prints it. `undefined` if loaded without keys. */
  readonly keys: KeyPair | undefined;
}

export interface SubscriberConfig extends LogConfig {
  /** Whether the whole log is copied, and whether with its values. */
  readonly copy: "none" | "entries" | "values";
}

/** A binary cache that votes. Its id and its `info` are those of a Nix log with its first key; it is none. */
export interface CacheVoterConfig extends LogConfig {
  /** Where it is asked, without slashes at their ends; at least one. All are the same voter. */
  readonly urls: readonly string[];
  /** Which keys speak for it; at least one, no other voter's. */
  readonly publicKeys: readonly CacheKey[];
  /** Whether its signature counts where another voter's stands beside it. */
  readonly countCopies: boolean;
  readonly recheckAfterMs: number;
  readonly negativeMs: number;
}

/** As Nix writes it: `name:base64`. */
export interface CacheKey {
  readonly name: string;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

export interface UpstreamConfig {
  /** Without a slash at the end. */
  readonly url: string;
  /** `name:base64`, as Nix writes them. */
  readonly publicKeys: readonly string[];
}

export interface PublishConfig {
  /** Globs on the name of a store path (without hash); empty: everything. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export type ListenerAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface ListenerConfig {
  /** As written. */
  readonly url: string;
  readonly address: ListenerAddress;
  readonly private: boolean;
  readonly metrics: boolean;
  /** `host` or `host:port`. */
  readonly names: readonly string[];
  readonly allowUnsignedReads: boolean;
  readonly allowReplayableTokens: boolean;
}
