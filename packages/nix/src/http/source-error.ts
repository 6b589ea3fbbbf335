/** Why an upstream did not supply what was asked of it. Never reaches a client: the next source is tried, else it is a 404. */

export type SourceErrorKind =
  /** No answer in time, no connection, a 5xx or 429, a body that broke off: may be better later. */
  | "unreachable"
  /** It says it does not have it (404, 410, 403). */
  | "absent"
  /** It answered what is no narinfo, or not of the path that was asked for. */
  | "malformed"
  /** A redirect or URL that is not followed. */
  | "forbidden"
  /** The bytes are not those decided on: never asked again for them. */
  | "mismatch"
  /** It has the bytes in a form that is not understood here. */
  | "unsupported"
  /** What it has could not be compressed again here: not its fault. */
  | "recompression"
  /** Left alone after it failed. */
  | "resting";

export class SourceError extends Error {
  override name = "SourceError";
  readonly kind: SourceErrorKind;
  constructor(kind: SourceErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Any error as one of these; what is unknown counts as `unreachable`. */
export function asSourceError(error: unknown, doing: string): SourceError {
  if (error instanceof SourceError) return error;
  const why = error instanceof Error ? error.message || error.name : String(error);
  return new SourceError("unreachable", `${doing}: ${why}`, { cause: error });
}
