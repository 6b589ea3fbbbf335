/**
 * L1. The protocol's words as types, its canonical encodings, and the way between wire messages and those types.
 * Every golden vector of the existing programs is a test here. Pure: SHA-256 and Ed25519 come
 * in as an argument.
 *
 * @example
 * const id = logIdOf(crypto, { protocol: parseProtocol("nix"), publicKey });
 * const head = headFromWire(decode(LogHeadSchema, bytes, 4096));
 * if (!verifyHead(crypto, publicKey, head)) throw new Error("not signed by the log's key");
 */
// The words.
export type {
  Hash,
  LogHead,
  LogId,
  LogInfo,
  LogLeaf,
  MapEntry,
  Protocol,
  Testimony,
  Vote,
  VoteOutcome,
  VoteProof,
} from "./types.ts";
export { ProtocolError, type ProtocolErrorCode } from "./errors.ts";
export type {
  CacheClaim,
  CacheMemory,
  CachePlace,
  CacheVote,
  CacheVoters,
  KeptAnswer,
  KeptVoice,
  OpenCacheVoters,
  SecondAnswer,
  SeenClaim,
  VoiceUpdate,
} from "./cache-votes.ts";

// Logs and protocols.
export { findProtocol, NIX, parseProtocol, protocolFromWire, PROTOCOLS, TEST } from "./protocols.ts";
export { logIdOf, parseLogId, type LogIdentity } from "./log-id.ts";
export { headDigest, headPreimage, signHead, verifyHead, type UnsignedHead } from "./head.ts";

// Claims.
export {
  logLeafDigest,
  mapEntryBytes,
  mapPath,
  mapValueHash,
  MAX_MAP_ENTRY_BYTES,
  parseMapEntry,
  valueDigestOf,
} from "./map-entry.ts";
export { canonicalNixValue, encodeNixValue, MAX_NIX_VALUE_BYTES, parseNixValue, type NixValue } from "./nix-value.ts";

// Checks of what came from outside.
export { bytesOf, sizeOf } from "./bounds.ts";

// Keys and tokens.
export {
  formatPrivateKey,
  formatPublicKey,
  keyPairOfSeed,
  parsePrivateKey,
  parsePublicKey,
  type KeyPair,
} from "./keys.ts";
export {
  formatPrivateToken,
  formatPublicToken,
  MAX_TOKEN_HEADER,
  parsePrivateToken,
  parsePublicToken,
  TOKEN_HEADER,
  tokenHeader,
  verifyTokenHeader,
  type PrivateToken,
  type PublicToken,
  type TokenLookup,
} from "./tokens.ts";
export {
  CALL_WINDOW_MS,
  LOCAL_AUDIENCE,
  MAX_SIGNED_CALL,
  NONCE_BYTES,
  openSignedCall,
  SIGNED_CALL_HEADER,
  signCall,
  type SignedCall,
} from "./signed-call.ts";

// The wire.
export { checkRequired, decode, encode } from "./codec.ts";
export {
  headFromWire,
  headToWire,
  leafFromWire,
  leafToWire,
  logFromWire,
  logToWire,
  mapProofFromWire,
  mapProofToWire,
  MAX_KEY_BYTES,
  proofFromWire,
} from "./wire.ts";
export { undecidedFromWire, undecidedToWire, voteFromWire, voteToWire, type Undecided } from "./vote-wire.ts";
