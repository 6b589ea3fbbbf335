/** What the server serves: the parts of the daemon, as the seams of the node name them. */
import type { Crypto } from "@trustix/crypto";
import type { Policy } from "@trustix/decider";
import type { LogId } from "@trustix/protocol";
import type {
  Builders,
  Clock,
  Decide,
  EvidenceStore,
  Follower,
  LogReader,
  Mirror,
  Publisher,
  Receipts,
  SignedCalls,
  Simulate,
  Tokens,
  Values,
  VotingCache,
} from "../model.ts";

/** A log of this node: its readers' side and its one writer. */
export interface PublishedLog {
  readonly name: string;
  readonly reader: Omit<LogReader, "claims">;
  readonly publisher: Publisher;
}

export interface ServerParts {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly limits: ServerLimits;
  /** Shown by `NodeExt.Status`. */
  readonly version: string;
  /** Shown too: the file, and milliseconds since 1970. */
  readonly configuration: { readonly file: string; readonly readAt: number };
  readonly published: ReadonlyMap<LogId, PublishedLog>;
  readonly values: Values;
  /** Of every log that is here, those that only the node's own user knows of as well. */
  readonly allValues: Values;
  /** Voters that are no logs. */
  readonly caches: readonly VotingCache[];
  readonly follower: Pick<Follower, "logs" | "value" | "seenHeads">;
  /** Proofs of misbehaviour. */
  readonly evidence: EvidenceStore;
  /** What the configuration calls those who are believed with a key. */
  readonly namesOf: (publicKey: Uint8Array) => readonly string[];
  /** Followed logs that are copied here. */
  readonly mirror: Pick<Mirror, "status" | "reader">;
  /** What decisions are made by; names the voters. */
  readonly policies: readonly Policy[];
  readonly builders: Pick<Builders, "standings" | "overrides" | "override">;
  readonly decide: Decide;
  readonly simulate: Simulate;
  readonly receipts: Receipts;
  /** Another text after each start and whenever votes of followed logs, or the policy, may come out differently. */
  readonly generation: () => string;
  /** Whose calls are believed. */
  readonly tokens: Tokens;
  readonly signedCalls: SignedCalls;
}

/** What the server takes from strangers at most. The configuration's table of limits is one of these. */
export interface ServerLimits {
  /** Bytes of a request's body, after decompression. */
  readonly messageBytes: number;
  /** Bytes of an answer's body, before compression. */
  readonly answerBytes: number;
  /** Bytes of all request headers together. */
  readonly headerBytes: number;
  /** Items of one Submit call. */
  readonly submitItems: number;
  /** Leaves in one answer. */
  readonly entries: number;
  /** Digests in one GetValues call. */
  readonly values: number;
  /** Calls being answered at once, over all listeners. */
  readonly calls: number;
  /** Open connections of one listener. */
  readonly connections: number;
  /** Streams of one HTTP/2 connection. */
  readonly streams: number;
  /** Milliseconds for a call, its answer included. */
  readonly callMs: number;
  /** Milliseconds until a request's headers are there. */
  readonly headerMs: number;
  /** Milliseconds from then until its body is there. */
  readonly bodyMs: number;
  /** Milliseconds a connection may be idle between calls. */
  readonly idleMs: number;
}

/** What figures are made of. */
export interface MeasuredParts extends Pick<ServerParts, "published" | "policies" | "clock"> {
  readonly follower: Pick<ServerParts["follower"], "logs">;
  readonly mirror: Pick<ServerParts["mirror"], "status">;
  readonly builders: Pick<ServerParts["builders"], "standings">;
}
