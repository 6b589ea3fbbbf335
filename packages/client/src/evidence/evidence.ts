/**
 * Proof that the holder of a key signed things that cannot both be true. Only what the accused signed counts: every kind
 * is checked from the public key, what it signed, and hashes that verify under that, by anybody, offline. An answer that
 * merely does not verify is never evidence: anyone on the wire could have made it.
 *
 * The accused is a key. A head does not name its log's protocol, so nothing in here could prove one; a key signs one log.
 */
import type { MapProof } from "@trustix/merkle";
import type { Hash, LogHead } from "@trustix/protocol";

export type Evidence = { readonly publicKey: Uint8Array } & Contradiction;

/** What was signed that excludes itself, in the order of docs/design/evidence.md. */
export type Contradiction = HeadContradiction | EntryContradiction | CacheContradiction;

/** Heads that exclude each other, or one that excludes itself. */
export type HeadContradiction =
  /** Two heads of one size that differ. */
  | { readonly kind: "same_size"; readonly first: LogHead; readonly second: LogHead }
  /** Every signing appends a map head, yet the larger tree has no more of them. */
  | { readonly kind: "map_heads_missing"; readonly first: LogHead; readonly second: LogHead }
  /** The larger log tree (or map-head log) does not begin with the smaller one; `proof` as `rewriteDetour` says. */
  | {
      readonly kind: "log_rewritten" | "map_heads_rewritten";
      readonly first: LogHead;
      readonly second: LogHead;
      readonly proof: readonly Hash[];
      readonly leafZero: Hash | undefined;
    }
  /** The last leaf of the map-head log is not the head's map root; `proof` as `lastMapHead` reads it. */
  | { readonly kind: "map_root"; readonly first: LogHead; readonly proof: readonly Hash[] };

/** A map and a log tree under one head that exclude each other. */
export type EntryContradiction =
  /** The map names an entry for the key, and the log tree holds another leaf there, or ends before it. */
  | {
      readonly kind: "map_entry_differs";
      readonly head: LogHead;
      readonly key: Uint8Array;
      /** The bytes that the map commits to, in the one form that the protocol writes. */
      readonly entry: Uint8Array;
      readonly mapProof: MapProof;
      /** The leaf at the entry's index; `undefined` where the log ends before it. */
      readonly leaf: Hash | undefined;
      /** Audit path of `leaf`; empty without one. */
      readonly logProof: readonly Hash[];
    }
  /** A key is written once, and the log tree holds it twice. The smaller index comes first. */
  | {
      readonly kind: "key_twice";
      readonly head: LogHead;
      readonly key: Uint8Array;
      readonly entries: readonly [LoggedEntry, LoggedEntry];
    }
  /** The log tree holds an entry of the key, and the map proves that it has none. */
  | {
      readonly kind: "key_missing_in_map";
      readonly head: LogHead;
      readonly key: Uint8Array;
      readonly entry: LoggedEntry;
      readonly mapProof: MapProof;
    };

/** An entry of the log tree for a key that stands beside it, proved. */
export interface LoggedEntry {
  /** Of the value. */
  readonly digest: Hash;
  readonly index: number;
  /** Audit path in the log tree of the head. */
  readonly logProof: readonly Hash[];
}

/**
 * Two narinfo files of one store path whose facts differ (NAR hash, NAR size, set of references), each with a signature
 * by the key, whatever name the key goes by. What is not signed in them (URL, deriver) proves nothing.
 */
export interface CacheContradiction {
  readonly kind: "cache_key_signed_two";
  /** As they came. */
  readonly narInfos: readonly [Uint8Array, Uint8Array];
}

export type EvidenceKind = Contradiction["kind"];

/** Whether a kind accuses a log's key, rather than a binary cache's. */
export function accusesLog(kind: EvidenceKind): boolean {
  return kind !== "cache_key_signed_two";
}
