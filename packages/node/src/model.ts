/**
 * The seams between the parts of the daemon. `daemon.ts`, and `recover-log.ts` for a log that lost entries, build the
 * parts and hand each what it needs through these interfaces; no part imports another part's folder.
 *
 *   logs/        stored layout, readers of published logs, values        implements LogReader, Values
 *   publisher/   queue, flush, write rule, head marker                   implements Publisher
 *   evidence/    proofs of misbehaviour, kept and taken in               implements EvidenceStore
 *   subscriber/  follows remotes' heads                                  implements Follower
 *   mirror/      copies followed logs in full                            implements Mirror
 *   claims/      what each voter is known to claim                       used by mirror/ and decide/
 *   standing/    how far each voter is trusted                           implements Builders
 *   caches/      what binary caches that vote said                       implements CacheMemory
 *   decide/      gathers votes, runs deciders                            implements Decide
 *   simulate/    a policy over everything that is claimed                implements Simulate
 *   access/      known tokens, signed calls that were made               implements Tokens, SignedCalls
 *   server/      listeners, RPC routes, limits, who may call             uses all of the above
 *   config/      one schema                                              used by daemon.ts only
 *   fsck/        recomputes everything from the stored entries           uses logs/
 */
import type { Evidence, LogAtRemote } from "@trustix/client";
import type { Outcome, Override, Policy, Standing, Voter } from "@trustix/decider";
import type { MapProof } from "@trustix/merkle";
import type {
  CachePlace,
  Hash,
  LogHead,
  LogId,
  LogInfo,
  LogLeaf,
  MapEntry,
  PublicToken,
  SignedCall,
  Testimony,
  TokenLookup,
  Vote,
  VoteProof,
} from "@trustix/protocol";

/** What anybody may read of one log. All reads answer under durable, published heads only. */
export interface LogReader {
  readonly info: LogInfo;
  head(): Promise<LogHead>;
  /** Empty for `first` 0 or `first == second`. Throws `invalid_argument` beyond the tree or backwards. */
  consistencyProof(first: number, second: number): Promise<Hash[]>;
  auditProof(index: number, treeSize: number): Promise<Hash[]>;
  /** `start..finish` inclusive; `finish == start - 1` is empty. Throws `too_large` over the configured range. */
  entries(start: number, finish: number): Promise<LogLeaf[]>;
  /** Proof of presence or absence under `mapRoot`. Throws `root_gone` for a root that is not retained. */
  mapValue(key: Uint8Array, mapRoot: Hash): Promise<MapValue>;
  /** What the log claims for the keys with these map paths under the newest head, without proof, in their order. */
  claims(paths: readonly Hash[]): Promise<(MapEntry | undefined)[]>;
  mhConsistencyProof(first: number, second: number): Promise<Hash[]>;
  mhAuditProof(index: number, treeSize: number): Promise<Hash[]>;
  mhEntries(start: number, finish: number): Promise<LogLeaf[]>;
  /** The key (a full store path) whose hash part is these 20 bytes; `undefined` when no claim has it. */
  keyByHashPart(hashPart: Uint8Array): Promise<Uint8Array | undefined>;
}

export interface MapValue {
  /** `undefined`: the key is absent and `proof` shows it. */
  readonly entry: MapEntry | undefined;
  readonly proof: MapProof;
}

export interface Values {
  /** In the order of `digests`. */
  getMany(digests: readonly Hash[]): Promise<(Uint8Array | undefined)[]>;
}

export interface SubmitItem {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface RefusedClaim {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Digest of the value that stands; of the first queued value when refused at submit before its flush. */
  readonly standing: Hash;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly foundAt: "submit" | "flush";
}

export interface RefusedPage {
  /** In the order of their keys' hashes: those of one key are together. */
  readonly claims: readonly RefusedClaim[];
  /** Where the next page begins; `undefined` when this is the last. */
  readonly next: Uint8Array | undefined;
}

export interface PublisherStatus {
  readonly waiting: number;
  readonly refused: number;
  /** Why nothing is being signed; `undefined` when all is well. */
  readonly stopped: string | undefined;
  readonly lastFlush: number | undefined;
}

/** The one writer of one log. */
export interface Publisher {
  readonly info: LogInfo;
  /** Resolves once every accepted item would survive power loss; refused keys are named. */
  submit(items: readonly SubmitItem[]): Promise<{ readonly refused: readonly Uint8Array[] }>;
  /** Everything accepted before the call is under a signed durable head when it resolves. Adds nothing: signs nothing. */
  flush(): Promise<LogHead>;
  /** The refused claims after a page's `next`, or the first. Throws `invalid_argument` for another place. */
  refused(after?: Uint8Array): Promise<RefusedPage>;
  status(): PublisherStatus;
  /**
   * For the end of the process: nothing is flushed any more but the batch that is being computed. Callers of `flush`
   * whose items are not in it get `unavailable`; their items, and what is submitted from now on, wait in the queue.
   */
  endFlushing(): void;
  /** Ends flushing, answers submits under way and waits for the last batch. */
  close(): Promise<void>;
}

export type Reachability =
  | { readonly state: "unknown" }
  | { readonly state: "reachable"; readonly since: number }
  | { readonly state: "unreachable"; readonly since: number; readonly why: string }
  | { readonly state: "refused"; readonly since: number; readonly why: string };

/** A log this node subscribes to, as last verified. */
export interface FollowedLog {
  readonly info: LogInfo;
  readonly name: string;
  readonly head: LogHead | undefined;
  /** Milliseconds since 1970 when a valid head equal to or newer than `head` last came from the log. */
  readonly headSeenAt: number | undefined;
  /** What its key signed against itself; nobody is asked for it any more. */
  readonly against: Conviction | undefined;
  /** As each did for this log when it was last asked. */
  readonly remotes: readonly { readonly url: string; readonly reachability: Reachability }[];
}

/** Proof that a log's key signed what excludes itself. */
export interface Conviction {
  /** A sentence. */
  readonly why: string;
  /** Milliseconds since 1970 when it was found. */
  readonly time: number;
}

/** How a log of which no head is held votes. */
export interface NoHead {
  /** `unverifiable`: heads came, and none that checks and fits. */
  readonly outcome: "unreachable" | "unverifiable";
  readonly why: string;
}

export type EvidenceOrigin = "found" | "imported";

/** Proof that a key signed what cannot be true; it was checked. */
export interface KeptEvidence {
  /** SHA-256 of the file, hex. */
  readonly id: string;
  readonly evidence: Evidence;
  /** Milliseconds since 1970 when it was kept. */
  readonly time: number;
  readonly origin: EvidenceOrigin;
  /** Of the file. */
  readonly bytes: number;
}

export interface Kept {
  /** Of the proof that is kept: another one, if that is about the same. */
  readonly id: string;
  /** Milliseconds since 1970 when that was kept; now, if this one is not. */
  readonly time: number;
  /** `known`: it, or another about the same, was kept before. `enough`: it is not, for there are so many of its kind. */
  readonly outcome: "kept" | "known" | "enough";
}

export interface EvidencePage {
  /** By accused key, then by kind. */
  readonly items: readonly KeptEvidence[];
  /** Where the next page begins; `undefined` when this is the last. */
  readonly next: Uint8Array | undefined;
}

/** Proofs of misbehaviour, kept for good. */
export interface EvidenceStore {
  /** Resolves once it would survive power loss. Throws `unverifiable` for what does not convict, `too_large`, `storage`. */
  keep(evidence: Evidence, origin: EvidenceOrigin): Promise<Kept>;
  /**
   * Keeps a file that somebody else brought, if it convicts a key that is configured here. Throws `invalid_argument` for
   * what is no such file, `unverifiable`, `not_found`.
   */
  import(file: Uint8Array): Promise<Kept>;
  /** All against one key, checked again. Throws `corrupt`. */
  against(publicKey: Uint8Array): Promise<readonly KeptEvidence[]>;
  /** After a page's `next`, or the first. */
  list(after?: Uint8Array): Promise<EvidencePage>;
  /** The file with this id, as it can be handed on. */
  file(id: string): Promise<Uint8Array | undefined>;
  /** Calls for each proof that is kept anew. Returns what ends it. */
  onKept(call: (kept: KeptEvidence) => void): () => void;
  /** Resolves when nothing is being written: the store may be closed. */
  settled(): Promise<void>;
}

export interface Follower {
  logs(): readonly FollowedLog[];
  /** Polls now; resolves when every remote answered or failed. */
  pollNow(logId?: LogId): Promise<void>;
  /**
   * One vote: the claim proved in map and log tree under the held head, or its absence; one head refresh when the root is
   * gone. Never throws: what went wrong is the vote's outcome and reason.
   */
  vote(logId: LogId, key: Uint8Array, signal: AbortSignal): Promise<Testimony>;
  /** The bytes behind a digest, asked of the logs that claim it, checked. `undefined` when nobody can be asked. */
  value(digest: Hash, from: readonly LogId[], signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Milliseconds since 1970 when a head at least as new as the held one last came; `undefined` while none is held. */
  headSeenAt(logId: LogId): number | undefined;
  /** For peers: heads of the log that its key signed, the held one first, then those not shown to fit. Throws `not_found`. */
  seenHeads(logId: LogId): readonly LogHead[];
  /** Why nothing is taken from this log any more; `undefined` while it is trusted to keep one history. */
  against(logId: LogId): Conviction | undefined;
  /** Throws `not_found`. */
  whyNoHead(logId: LogId): NoHead;
  /** Where the log may be read, best place first; empty while none is worth asking. Throws `not_found`. */
  sources(logId: LogId): readonly LogAtRemote[];
  /** Calls after each change of a held head, and after a conviction. Returns what ends it. */
  onChange(call: (logId: LogId) => void): () => void;
  /**
   * Keeps proof against a log that a reader of the whole log found; resolves once it is stored and the log has no say any
   * more. Throws `not_found`, and `unverifiable` for what does not convict the log's key.
   */
  convict(logId: LogId, evidence: Evidence): Promise<void>;
  close(): Promise<void>;
}

/** What a mirrored log claims for a key, under the head that is served. */
export interface MirrorClaim {
  readonly digest: Hash;
  /** Of the entry that makes the claim. */
  readonly index: number;
  /** Milliseconds since 1970 when this node first had it. */
  readonly firstSeen: number;
}

/** How far the copy of a log is. */
export interface MirrorStatus {
  /** What answers are given under; `undefined` while the first copy is made. */
  readonly served: LogHead | undefined;
  /** Milliseconds since 1970 when it was found to fit. */
  readonly servedAt: number | undefined;
  /** Entries that are stored. */
  readonly entries: number;
  /** Entries whose values are here; `undefined` when values are asked for on demand. */
  readonly valued: number | undefined;
  /** Values that no place had, at most 10 000 counted; they are asked for again with each new head. */
  readonly missing: number;
  /** Entries of the head to be reached; `undefined` while none is held. */
  readonly target: number | undefined;
  /** Milliseconds since 1970 when the held head went beyond the served one; `undefined` when they are one. */
  readonly behindSince: number | undefined;
  /** Entries a second; 0 when nothing is being copied. */
  readonly rate: number;
  /** What keeps it from going on; `undefined` when all is well. */
  readonly why: string | undefined;
  /** Whether that is what came and does not check, rather than that nothing came. */
  readonly isWrong: boolean;
  /** The log's signed head does not fit its own entries. */
  readonly isLie: boolean;
}

/** Proofs and entries of a mirrored log under its served head. */
export type MirrorReader = Pick<LogReader, "head" | "mapValue" | "auditProof" | "entries" | "keyByHashPart">;

/** Followed logs that are copied in full. Nothing it answers makes a request. */
export interface Mirror {
  has(logId: LogId): boolean;
  /** Whether its values are here as well, so that nobody need be asked for them. */
  hasValues(logId: LogId): boolean;
  /** Grows whenever another head is served. */
  revision(): number;
  /** What these mirrored logs claim for the key with this map path, in their order. Throws `storage`, `corrupt`. */
  claims(path: Hash, ids: readonly LogId[]): Promise<(MirrorClaim | undefined)[]>;
  /** Resolves when each of these logs serves the head that is held, or will not soon, or `signal` is aborted. */
  caughtUp(ids: readonly LogId[], signal: AbortSignal): Promise<void>;
  /** `undefined` for a log that is not mirrored. */
  status(logId: LogId): MirrorStatus | undefined;
  reader(logId: LogId): MirrorReader | undefined;
}

/** A binary cache that votes, see docs/design/cache-voters.md. */
export interface VotingCache {
  readonly logId: LogId;
  readonly name: string;
  places(): readonly CachePlace[];
  /** This node's own log of what its keys signed: for the node's user, and for nobody else. */
  readonly log: LogReader;
}

/** How far each configured voter is trusted, see docs/design/standing.md. */
export interface Builders {
  /** Grows whenever a standing changes. */
  revision(): number;
  /** One for each configured voter. */
  standings(): readonly Standing[];
  /** Why the voter counts for nothing; `undefined` while it counts. */
  excluded(logId: LogId): string | undefined;
  /** What the user said of voters, oldest first. */
  overrides(): readonly Override[];
  /** Resolves with the voter's standing, once what the user says is durable. Throws `not_found`, `invalid_argument`. */
  override(override: Omit<Override, "at">): Promise<Standing>;
  /** The voter gave another answer for a key than before. `path`: H(key). */
  addSecondAnswer(voter: LogId, key: string, path: Hash): Promise<void>;
  /** There are new claims, or proofs: standings are computed anew soon. */
  changed(): void;
}

export interface Decision {
  readonly digest: Hash;
  readonly value: Uint8Array;
  /** 0..100. */
  readonly confidence: number;
  /** The logs that claim `digest`. */
  readonly logIds: readonly LogId[];
}

export interface DecideReport {
  /** `undefined`: undecided, see `reason`. */
  readonly decision: Decision | undefined;
  readonly votes: readonly Vote[];
  /** One sentence: which rule decided, or why none did. */
  readonly reason: string;
}

/** How one voter answered, and what of it counted. */
export interface VoterAnswer {
  /** As it counted. */
  readonly vote: Vote;
  /** As it was cast: an excluded voter, or one whose head is too old, may have claimed something. */
  readonly cast: Vote;
  /** What shows `cast`; `undefined` for what can only be asserted. */
  readonly proof: VoteProof | undefined;
  /** Milliseconds since 1970 when this node first had the claim; `undefined` where that is not kept. */
  readonly firstSeen: number | undefined;
}

/** A decision, and everything it came from. */
export interface Explanation {
  readonly policy: Policy;
  readonly key: Uint8Array;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly outcome: Outcome;
  readonly report: DecideReport;
  /** One for each voter, in the policy's order. */
  readonly answers: readonly VoterAnswer[];
  /** Claimed values by the hex of their digests, those that could be had. */
  readonly values: ReadonlyMap<string, Uint8Array>;
  /** Milliseconds since 1970 up to which time alone does not undo the decision; Infinity: it does not. */
  readonly until: number;
}

/** Receipts of this node. */
export interface Receipts {
  /** 32 bytes: whose signature they carry. */
  readonly publicKey: Uint8Array;
  /** A receipt file. Throws `unavailable` when a claim cannot be shown just now. */
  seal(explanation: Explanation): Uint8Array;
}

export interface Decide {
  /** Throws `not_found` for an unknown protocol, `failed_precondition`-like `bad_config` for one without deciders. */
  decide(protocol: string, key: Uint8Array, signal: AbortSignal): Promise<DecideReport>;
  /**
   * The same, made anew and with all that shows it. `waitUntil`: an undecided answer is waited for as long as the policy
   * says, and so that the answer is there by then (milliseconds since 1970); `undefined`: not at all. Throws as `decide`.
   */
  explain(
    protocol: string,
    key: Uint8Array,
    options: { readonly waitUntil: number | undefined; readonly signal: AbortSignal },
  ): Promise<Explanation>;
  /**
   * Many keys, without proofs: the first of `keys`, in their order, as many as are decided in `withinMs`, and at least one
   * if there is one. Throws as `decide`.
   */
  decideMany(
    protocol: string,
    keys: readonly Uint8Array[],
    limits: { readonly withinMs: number; readonly signal: AbortSignal },
  ): Promise<ManyDecisions>;
}

export interface ManyDecisions {
  readonly policy: Policy;
  readonly decisions: readonly KeyDecision[];
}

export interface KeyDecision {
  readonly outcome: Outcome;
  /** One for each voter, in the policy's order, as it counted; the digests are those of opinions. */
  readonly votes: readonly Vote[];
  /** What the opinions say, in canonical form, by the hex of their digests: those that could be had. */
  readonly values: ReadonlyMap<string, Uint8Array>;
}

/** What a policy would decide of everything that is known here to be claimed, without asking anybody. */
export interface Simulate {
  /** One page. Throws `not_found` for an unknown protocol, `invalid_argument` for another place or policy. */
  page(request: SimulateQuestion, signal: AbortSignal): Promise<SimulatedPage>;
}

export interface SimulateQuestion {
  /** Its name or id. */
  readonly protocol: string;
  /** `undefined`: the one that is configured. */
  readonly policy: Policy | undefined;
  /** `next` of the page before. */
  readonly after: Uint8Array | undefined;
  /** Every path by itself, too. */
  readonly each: boolean;
  /** Bytes of the answer, about. */
  readonly maxBytes: number;
}

export interface SimulatedPage {
  /** Of both policies, by name. */
  readonly voters: readonly SimulatedVoter[];
  /** Paths judged. */
  readonly count: number;
  readonly groups: readonly SimulatedGroup[];
  /** Empty unless they were asked for. */
  readonly paths: readonly SimulatedPath[];
  /** `undefined`: this was the last page. */
  readonly next: Uint8Array | undefined;
  /** 0..1, about. */
  readonly done: number;
  /** Paths whose claims could not be compared as facts, because their values are not here. */
  readonly uncompared: number;
}

export interface SimulatedVoter {
  readonly voter: Voter;
  readonly known: "all" | "some" | "nothing";
  /** Why nothing is known of it, or nothing counts. */
  readonly why: string | undefined;
  /** On this page. */
  readonly claims: number;
}

/** Paths on which the same voters hold the same views. */
export interface SimulatedGroup {
  /** Tells groups apart. */
  readonly pattern: string;
  readonly count: number;
  readonly example: SimulatedPath;
}

export type SimulatedChange = "same" | "still-undecided" | "newly-decided" | "no-longer-decided" | "other-value";

export interface SimulatedPath {
  /** `undefined`: neither value nor entry says it. */
  readonly key: Uint8Array | undefined;
  /** H(key). */
  readonly path: Hash;
  readonly change: SimulatedChange;
  /** By the configured policy. */
  readonly now: Outcome;
  /** By the one that is tried. */
  readonly tried: Outcome;
}

/** What the holder of a token may do: `owner` manages tokens, `writer` submits and flushes, `peer` is told of heads. */
export type Role = "owner" | "writer" | "peer";

export interface KnownToken extends PublicToken {
  readonly roles: ReadonlySet<Role>;
}

/** A token as `trustix token list` shows it. */
export interface ListedToken extends KnownToken {
  readonly from: TokenOrigin;
  /** Refused although the configuration has it. */
  readonly revoked: boolean;
}

/** The node's own, of the configuration, or added while it ran. */
export type TokenOrigin = "own" | "configuration" | "added";

/** Whose calls are believed. Asked at every call, so that a change counts at once. */
export interface Tokens extends TokenLookup {
  get(name: string): KnownToken | undefined;
  list(): readonly ListedToken[];
  /** Resolves once it is known durably. Throws `invalid_argument` if another key has the name. */
  add(token: PublicToken): Promise<void>;
  /** Its holder is refused from now on, after restarts too. Throws `not_found`; `invalid_argument` for the node's own. */
  revoke(name: string): Promise<void>;
}

/** Which signed calls were made: each is good once, and only while its time is near this node's. */
export interface SignedCalls {
  /** Throws `unauthenticated`, with both times. */
  checkTime(call: SignedCall): void;
  /** Resolves once it is durable that the call was made. Throws `unauthenticated`, `busy`, `storage`. */
  take(call: SignedCall): Promise<void>;
}

/** Time, as an argument. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls once after `ms`; the handle cancels. Does not keep the process alive. */
  after(ms: number, call: () => void): { cancel(): void };
}
