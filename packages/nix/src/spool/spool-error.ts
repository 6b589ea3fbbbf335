/** How the spool says no. An item that cannot be used is not an error: it goes to `bad/` with a reason. */
export type SpoolErrorCode =
  /** Somebody else owns the folder, or may write to it. */
  | "unsafe"
  /** Another worker drains it. */
  | "locked"
  /** It cannot be made or read. */
  | "unusable";

export class SpoolError extends Error {
  override name = "SpoolError";
  readonly code: SpoolErrorCode;
  readonly hint: string | undefined;
  constructor(code: SpoolErrorCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}
