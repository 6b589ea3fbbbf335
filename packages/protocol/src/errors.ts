/** How this package says no: a closed list of codes; the text names the field, what came and what was wanted. */

export type ProtocolErrorCode =
  /** Bytes or text that are not of the wanted form. */
  | "malformed"
  /** A required field is absent. */
  | "missing_field"
  /** Over a size limit. */
  | "too_large"
  /** A protocol, mode or key type that is not known here. */
  | "unknown"
  /** A signature, digest or derived value that does not match. */
  | "mismatch";

export class ProtocolError extends Error {
  override name = "ProtocolError";
  readonly code: ProtocolErrorCode;
  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A foreign text as it may stand in a message: quoted, control characters escaped, at most 80 characters of it. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
