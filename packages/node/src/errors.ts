/**
 * Everything the node can say no with: a closed list of codes, and the one table from code to RPC code, HTTP status
 * and exit code. A message names the thing, what came and what was wanted; `hint` says what to do.
 */

export const ERROR_CODES = {
  /** The call or its argument is malformed. */
  invalid_argument: { rpc: "invalid_argument", exit: 2 },
  /** The configuration file cannot be used. */
  bad_config: { rpc: "failed_precondition", exit: 2 },
  /** No such log, value, entry or key. */
  not_found: { rpc: "not_found", exit: 1 },
  /** The map root asked for is not (or no longer) held. */
  root_gone: { rpc: "failed_precondition", exit: 1 },
  /** No or wrong credentials. */
  unauthenticated: { rpc: "unauthenticated", exit: 1 },
  /** Good credentials, but not for this; or a socket or folder somebody else owns. */
  permission_denied: { rpc: "permission_denied", exit: 1 },
  /** Over a configured limit. */
  too_large: { rpc: "resource_exhausted", exit: 1 },
  /** Too much at once: the same call may go through in a moment, unlike one that is too large. */
  busy: { rpc: "unavailable", exit: 1 },
  /** A remote or the own store cannot be reached now. */
  unavailable: { rpc: "unavailable", exit: 1 },
  /** Took longer than allowed. */
  deadline: { rpc: "deadline_exceeded", exit: 1 },
  /** Another process holds the state. */
  locked: { rpc: "failed_precondition", exit: 1 },
  /** The voters do not agree enough. */
  undecided: { rpc: "failed_precondition", exit: 3 },
  /** A signature, proof, digest or head that does not check. */
  unverifiable: { rpc: "data_loss", exit: 3 },
  /** A head smaller than one already seen. */
  stale_head: { rpc: "data_loss", exit: 3 },
  /** Two signed heads contradict each other. */
  contradiction: { rpc: "data_loss", exit: 3 },
  /** The store is behind a head that was already published: signing would fork the log. */
  head_behind: { rpc: "failed_precondition", exit: 3 },
  /** Stored data contradicts itself. */
  corrupt: { rpc: "data_loss", exit: 3 },
  /** Disk full, permission, engine failure. */
  storage: { rpc: "unavailable", exit: 1 },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export class NodeError extends Error {
  override name = "NodeError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}
