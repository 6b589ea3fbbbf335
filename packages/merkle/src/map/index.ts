/**
 * The sparse map: growing it, proofs of presence and absence under every retained version, strict checks.
 * See `sparse-map.ts` for an example.
 */
export { MapProofError, SparseMapError } from "./errors.ts";
export type { MapProofReason, SparseMapErrorCode } from "./errors.ts";
export { EMPTY_MAP_ROOT, mapLeafHash } from "./map-hashes.ts";
export type { MapLeaf } from "./leaves.ts";
export { verifyAbsence, verifyPresence } from "./verify.ts";
export type { MapProof } from "./verify.ts";
export { SparseMap } from "./sparse-map.ts";
export type { SparseMapOptions } from "./state.ts";
export type { MapVersion } from "./version.ts";
export type { Applied } from "./apply.ts";
export { absenceBeside } from "./prove.ts";
export type { MapAnswer } from "./prove.ts";
export { checkMapRecords, mapVersionInPages } from "./check-records.ts";
