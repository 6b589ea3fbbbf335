/** What the sparse map says no with: a proof that does not hold, or arguments and records that cannot be. */

/** Why a proof was refused; a closed list, for tables and metrics. */
export type MapProofReason =
  /** A path, root, value hash or side node that is not 32 bytes, or a count that is no count. */
  | "bad_shape"
  /** More than 256 side nodes. */
  | "too_deep"
  /** A mask of the wrong length, with bits behind its end, or that disagrees with the count of side nodes. */
  | "bad_mask"
  /** A placeholder sent as a side node: proofs have one form. */
  | "not_canonical"
  /** Leaf data of another length or that does not begin with the byte 0. */
  | "bad_leaf_data"
  /** Leaf data in a proof of presence. */
  | "unwanted_leaf_data"
  /** Leaf data of the very path that is said to be absent. */
  | "own_leaf_data"
  /** Leaf data of a path that does not lie where the proof ends. */
  | "foreign_leaf_data"
  /** The side nodes do not lead to the root. */
  | "wrong_root";

/** A proof that does not show what it should. The message says what was wanted and what came. */
export class MapProofError extends Error {
  override name = "MapProofError";
  readonly reason: MapProofReason;
  constructor(reason: MapProofReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export type SparseMapErrorCode =
  /** An argument outside its domain: lengths, indices that do not grow, versions that do not grow. */
  | "bad_argument"
  /** A leaf for a path that has one. A key is written once; old roots rest on it. */
  | "path_exists"
  /** A page of an older version is not stored: the version was retired. */
  | "version_gone"
  /** A record of the current version is not there. */
  | "missing_record"
  /** A stored record that cannot be one, or that does not hash to what stands above it. */
  | "bad_record";

/** Arguments or records that a sparse map cannot be made of. */
export class SparseMapError extends Error {
  override name = "SparseMapError";
  readonly code: SparseMapErrorCode;
  constructor(code: SparseMapErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
