/**
 * The log tree (RFC 6962) over tiles: growing it, proofs at any size, strict checks, entry bundles.
 *
 * @example
 * const tree = drive(LogTree.open(crypto, prefix, 0), answer);
 * const records = tree.append(leafHash(crypto, data)); // write these
 * const proof = drive(auditProof(crypto, prefix, 0, tree.size), answer);
 * verifyInclusion(crypto, { index: 0, size: tree.size, leaf: leafHash(crypto, data), root: tree.root(), proof });
 */
export { LogProofError, LogTreeError } from "./errors.ts";
export type { LogProofReason, LogTreeErrorCode } from "./errors.ts";
export { EMPTY_ROOT, entryLeafHash, entryLeafHashInto, leafHash, nodeHash } from "./hashes.ts";
export { TILE_WIDTH, tileKey } from "./tiles.ts";
export { LogTree } from "./tree.ts";
export { auditProof, consistencyProof, rootAt } from "./proofs.ts";
export { TileNodes } from "./tile-nodes.ts";
export { verifyConsistency, verifyInclusion } from "./verify.ts";
export type { ConsistencyClaim, InclusionClaim } from "./verify.ts";
export { inclusionDetour, inclusionFromConsistency, leafInDetour } from "./inclusion-from-consistency.ts";
export type { InclusionDetour } from "./inclusion-from-consistency.ts";
export { rewriteDetour, rootShownBy } from "./rewrite-evidence.ts";
export type { RewriteDetour } from "./rewrite-evidence.ts";
export {
  BUNDLE_ENTRIES,
  MAX_KEY_BYTES,
  appendToBundle,
  bundleChanges,
  bundleKey,
  decodeBundle,
  encodeBundle,
} from "./bundles.ts";
export type { LogEntry } from "./bundles.ts";
