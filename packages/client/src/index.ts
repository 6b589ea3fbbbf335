/**
 * L2. Calls to nodes, and reads of logs that are verified before anybody sees them.
 *
 * `httpTransport` carries calls; `logClient` asks for heads, growth, claims and values of one log, and checks
 * signatures, proofs and digests; `Evidence` is proof that a key signed two things that exclude each other.
 *
 * @example
 * const transport = httpTransport("https://log.example");
 * const client = logClient({ crypto, transport, log: info });
 * const got = await client.head();
 */
export type { CallOptions, RpcTransport } from "./transport.ts";
export { DEFAULT_TIMEOUT_MS } from "./transport.ts";
export { httpTransport, type HeadersFor, type HttpTransportOptions, type SentCall } from "./http-transport.ts";
export { signCalls, type CallSigner } from "./sign-calls.ts";
export { parseRemoteUrl, RemoteUrlError, type RemoteAddress } from "./remote-url.ts";
export { RPC_CODES, RpcError, type RpcCode, type RpcErrorDetail, type RpcErrorOrigin } from "./rpc-error.ts";
export { checkSocketOwner, type SocketOwners } from "./socket-owner.ts";
export { logClient, type HeadResult, type LogAtRemote, type LogClient, type ValueResult } from "./log-client.ts";
export type { GrowthResult } from "./check-growth.ts";
export {
  readEntries,
  readMapHeadLeaves,
  readSomeValues,
  readValues,
  type EntriesResult,
  type MapHeadLeavesResult,
  type RemoteEntry,
  type SomeValues,
  type ValuesResult,
} from "./read-entries.ts";
export type { ClaimResult } from "./read-claim.ts";
export { readLeaf, type LeafResult } from "./read-leaf.ts";
export { readSeenHeads, type SeenHeadsResult } from "./read-seen-heads.ts";
export { troubleOf, type Trouble } from "./trouble.ts";

// Evidence.
export {
  accusesLog,
  type CacheContradiction,
  type Contradiction,
  type EntryContradiction,
  type Evidence,
  type EvidenceKind,
  type HeadContradiction,
  type LoggedEntry,
} from "./evidence/evidence.ts";
export { checkEvidence } from "./evidence/check-evidence.ts";
export { describeEvidence, evidenceSubject } from "./evidence/describe-evidence.ts";
export { MAX_EVIDENCE_BYTES, readEvidence, writeEvidence } from "./evidence/evidence-file.ts";
export { headsContradict, sameHead } from "./evidence/head-contradictions.ts";
export { MAX_EVIDENCE_NARINFO_BYTES } from "./evidence/cache-contradictions.ts";
