/** What lower layers throw, in the node's own codes. One table, so that every caller says the same. */
import { LogTreeError, SparseMapError } from "@trustix/merkle";
import { StorageError } from "@trustix/storage";
import { type ErrorCode, NodeError } from "../errors.ts";

const STORAGE_CODES = {
  locked: "locked",
  closed: "unavailable",
  corrupt: "corrupt",
  missing: "not_found",
  io: "storage",
} as const satisfies Record<StorageError["code"], ErrorCode>;

/** `error` as a `NodeError`; `what` says what was being done. Errors of unknown kind pass through: they are bugs. */
export function nodeErrorOf(error: unknown, what: string): unknown {
  if (error instanceof StorageError)
    return new NodeError(STORAGE_CODES[error.code], `${what}: ${error.message}`, { cause: error });
  if (error instanceof LogTreeError) {
    const code = error.code === "out_of_range" ? "invalid_argument" : "corrupt";
    return new NodeError(code, `${what}: ${error.message}`, { cause: error });
  }
  if (error instanceof SparseMapError) {
    const code = error.code === "version_gone" ? "root_gone" : "corrupt";
    return new NodeError(code, `${what}: ${error.message}`, { cause: error });
  }
  return error;
}
