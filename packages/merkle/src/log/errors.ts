/** What the log tree says no with: a proof that does not hold, or records and arguments that cannot be. */

/** Why a proof was refused; a closed list, for tables and metrics. */
export type LogProofReason =
  /** Sizes or indices that no tree has, or a second size below the first. */
  | "bad_range"
  /** A hash that is not 32 bytes. */
  | "bad_hash"
  /** More or fewer nodes than the sizes call for. */
  | "wrong_length"
  /** The nodes do not lead to the root. */
  | "wrong_root"
  /** A node that must be a known leaf is another one. */
  | "wrong_leaf";

/** A proof that does not show what it should. The message says what was wanted and what came. */
export class LogProofError extends Error {
  override name = "LogProofError";
  readonly reason: LogProofReason;
  constructor(reason: LogProofReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export type LogTreeErrorCode =
  /** A size, index or range outside the tree. */
  | "out_of_range"
  /** A stored tile or bundle is not there. */
  | "missing_record"
  /** A stored tile or bundle that cannot be one. */
  | "bad_record"
  /** An entry or leaf that cannot be stored. */
  | "bad_entry";

/** Arguments or records that a log tree cannot be made of. */
export class LogTreeError extends Error {
  override name = "LogTreeError";
  readonly code: LogTreeErrorCode;
  constructor(code: LogTreeErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
