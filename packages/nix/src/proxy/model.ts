/**
 * What the proxy is given and what it may not exceed. It decides nothing itself: `decide` says what a path's facts are,
 * upstreams only supply bytes that have exactly those facts.
 */
import type { CachePublicKey, CacheSecretKey } from "@trustix/nix-formats";
import type { Crypto } from "@trustix/crypto";
import type { PolicyMode } from "@trustix/decider";
import type { VoteOutcome } from "@trustix/protocol";
import type { Clock } from "../clock.ts";
import type { Explanation } from "../explanation/explanation.ts";
import type { ReceiptFolder } from "../receipts/receipt-folder.ts";
import type { Programs } from "./programs.ts";

/** How one voter answered, in words for a person. */
export interface ProxyVote {
  /** The voter's configured name. */
  readonly voter: string;
  readonly outcome: VoteOutcome;
  /** What it claims, SRI; there if the outcome is `claims` and the value could be had. */
  readonly narHash?: string | undefined;
  /** One sentence, may be empty. */
  readonly reason: string;
  /** `name:base64`, when the voter is a cache key: its signature over the facts it claims. */
  readonly signature?: string | undefined;
}

/** What the voters say of a path, and what the policy makes of that. */
export type ProxyDecision = {
  /** One sentence: which rule decided, or why none did. */
  readonly reason: string;
  readonly votes: readonly ProxyVote[];
  /** What is done with decisions. Default `enforce`. */
  readonly mode?: PolicyMode;
  /**
   * The upstream's own answer is served if a key that is configured for it signed it: where nothing is decided, and under
   * `observe` whatever is decided. Default false.
   */
  readonly letThrough?: boolean;
  /** A receipt file that shows it. */
  readonly receipt?: Uint8Array | undefined;
} & (
  | {
      readonly state: "decided";
      /** The canonical value of the Nix protocol: path, NAR hash, size, references. */
      readonly value: Uint8Array;
      /** Milliseconds since 1970 up to which time alone does not undo it; absent: it does not. */
      readonly until?: number | undefined;
    }
  | { readonly state: "undecided" }
);

/** Asks the voters. Gives up when `signal` aborts. What it throws is logged and counts as undecided. */
export type DecidePath = (storePath: string, signal: AbortSignal) => Promise<ProxyDecision>;

/** Everything that is behind a decision made now, for a person. Gives up when `signal` aborts. */
export type ExplainPath = (storePath: string, signal: AbortSignal) => Promise<Explanation>;

/** Whether the one who decides answered when it was last looked at. */
export type DeciderState =
  | { readonly state: "answers" }
  | { readonly state: "not asked yet" }
  /** `since`: milliseconds since 1970; `why`: one line. */
  | { readonly state: "away"; readonly since: number; readonly why: string };

/** A binary cache that NARs are taken from. */
export interface UpstreamConfig {
  /** `http` or `https`; a user name and password in it are sent to this host only. */
  readonly url: string;
  /** Keys whose signatures are kept, and whose signature is needed for a path that the policy lets through. */
  readonly publicKeys: readonly CachePublicKey[];
}

/** Where the proxy reports; pino's loggers have this shape. */
export interface ProxyLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ProxyLimits {
  /** Until an upstream has answered a narinfo, or the head of a NAR. Milliseconds. */
  readonly upstreamBudget: number;
  /** Until `decide` has answered. Milliseconds. */
  readonly decideBudget: number;
  /** And beyond that where the policy waits for what is undecided. Milliseconds. */
  readonly waitBudget: number;
  /** A NAR's body may pause this long, upstream as well as at the client. Milliseconds. */
  readonly stall: number;
  /** Until a client has sent its request's head. Milliseconds. */
  readonly requestHead: number;
  /** An undecided or unknown path is asked again after this. Milliseconds. */
  readonly undecided: number;
  /** What an upstream said is asked again after this. Milliseconds. */
  readonly narinfoAge: number;
  /** Connections of clients at once; more are closed at once. */
  readonly connections: number;
  /** Connections to one upstream. */
  readonly upstreamConnections: number;
  /** Decompressions at once; more wait. */
  readonly decoders: number;
  /** Recompressions at once; more wait. */
  readonly encoders: number;
  /** Bytes of a client's request head. */
  readonly requestHeadBytes: number;
  /** Bytes of an upstream's narinfo, decompressed. */
  readonly narinfoBytes: number;
  /** Bytes of a NAR; a larger one is not served. */
  readonly narBytes: number;
  /** Bytes held back at the end of a NAR until its hash is checked: up to this, a wrong NAR is replaced unseen. */
  readonly heldBytes: number;
  /** Bytes that each cache in memory may take. */
  readonly cacheBytes: number;
  /** Paths that wait to be decided ahead. */
  readonly aheadQueue: number;
  /** Paths decided ahead at once. */
  readonly aheadAtOnce: number;
  /** An upstream is left alone this long after it failed, doubling up to sixteen times of it. Milliseconds. */
  readonly breakerRest: number;
}

export const PROXY_LIMITS: ProxyLimits = {
  upstreamBudget: 2000,
  decideBudget: 4000,
  waitBudget: 0,
  stall: 30_000,
  requestHead: 10_000,
  undecided: 10_000,
  narinfoAge: 600_000,
  connections: 512,
  upstreamConnections: 64,
  decoders: 16,
  // The threads that Node's zlib has: more would only slow down what is passed through.
  encoders: 4,
  requestHeadBytes: 8192,
  narinfoBytes: 1 << 20,
  narBytes: 2 ** 37,
  // Most paths are smaller: of those a client never notices that a source was wrong.
  heldBytes: 1 << 18,
  cacheBytes: 32 << 20,
  aheadQueue: 10_000,
  aheadAtOnce: 8,
  breakerRest: 5000,
};

export interface ProxyOptions {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: ProxyLog;
  readonly decide: DecidePath;
  /** Changes whenever a held head or the policy changes: until then a decision holds. */
  readonly generation: () => number;
  /** For `/healthz`, which leaves it out where nobody can say. Nothing else depends on it. */
  readonly decider?: () => DeciderState;
  /** The path with this hash part (32 characters), where the logs are mirrored. In light mode there is none. */
  readonly pathByHashPart?: (hashPart: string) => Promise<string | undefined>;
  /** For `/explain`, which is not there without it. */
  readonly explain?: ExplainPath;
  /** Where receipts of what is served are kept. */
  readonly receipts?: ReceiptFolder;
  /** In order of preference. */
  readonly upstreams: readonly UpstreamConfig[];
  /** Signs every answer. */
  readonly signingKey: CacheSecretKey;
  /** `Priority` of `nix-cache-info`; default 30, which clients ask before cache.nixos.org (40). */
  readonly priority?: number;
  readonly limits?: Partial<ProxyLimits>;
  /**
   * Whether an address other than the upstream's own may be connected to, for absolute URLs and redirects. Default:
   * public addresses only.
   */
  readonly allowAddress?: (address: string) => boolean;
  /** Programs that compress and decompress; default: those found in `PATH`. */
  readonly programs?: Programs;
}
