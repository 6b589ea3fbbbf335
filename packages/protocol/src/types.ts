/**
 * The words of the protocol as types. Values of these types have been checked where bytes came in; inside nobody
 * checks again. Sizes and indices are safe integers: a head that claims more than 2^53 - 1 entries is refused.
 */

import type { MapProof } from "@trustix/merkle";

declare const brand: unique symbol;

/** 64 lower-case hex digits, see `logIdOf`. Made by `parseLogId` and `logIdOf` only. */
export type LogId = string & { readonly [brand]: "LogId" };

/** 32 bytes. */
export type Hash = Uint8Array;

/** What keys and values of a log mean. */
export interface Protocol {
  /** UUID, as on the wire. */
  readonly id: string;
  /** Human name: `nix`, `test`. */
  readonly name: string;
}

/** What a log's operator signs: three trees at one moment. `treeSize` determines the rest. */
export interface LogHead {
  readonly logRoot: Hash;
  readonly treeSize: number;
  readonly mapRoot: Hash;
  readonly mhRoot: Hash;
  readonly mhTreeSize: number;
  /** 64 bytes, Ed25519 over `headDigest`. */
  readonly signature: Uint8Array;
}

/** What the map holds for a key: which value, and where in the log tree it was claimed. */
export interface MapEntry {
  readonly digest: Hash;
  readonly index: number;
}

/** A leaf of the log tree. Leaves of the map-head log have no key and no value digest. */
export interface LogLeaf {
  readonly key: Uint8Array | undefined;
  readonly valueDigest: Hash | undefined;
  readonly leafDigest: Hash;
}

/** A log as peers and users know it. */
export interface LogInfo {
  readonly id: LogId;
  readonly protocol: Protocol;
  /** 32 bytes, Ed25519. */
  readonly publicKey: Uint8Array;
  /** `meta.upstream` names the binary cache that holds the log's outputs. */
  readonly meta: Readonly<Record<string, string>>;
}

/** How one voter answered for one key. Every configured voter ends as exactly one of these. */
export type VoteOutcome = "claims" | "absent" | "unreachable" | "unverifiable" | "stale" | "excluded";

export interface Vote {
  readonly logId: LogId;
  readonly outcome: VoteOutcome;
  /** The value's digest; there if and only if the outcome is `claims`. */
  readonly digest: Hash | undefined;
  /** One sentence for a person; empty when there is nothing to add. */
  readonly reason: string;
}

/** What shows a vote to somebody who was not there. */
export type VoteProof =
  | {
      readonly kind: "log";
      /** Signed by the log's key; what the proofs are under. */
      readonly head: LogHead;
      /** `undefined`: the key is absent, and `mapProof` shows it. */
      readonly entry: MapEntry | undefined;
      readonly mapProof: MapProof;
      /** Audit path of the claim at `entry.index` in the log tree of `head`; empty when absent. */
      readonly logProof: readonly Hash[];
    }
  /** A binary cache's answer as it came, signed by the cache's key. */
  | { readonly kind: "narinfo"; readonly narInfo: Uint8Array };

/** A vote, and what shows it; `proof` is there for `claims`, and for an absence that was proved. */
export interface Testimony {
  readonly vote: Vote;
  readonly proof: VoteProof | undefined;
}
