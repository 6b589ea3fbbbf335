/** How this package says no: what was read, where in it, what came and what was wanted. Input is never echoed at length. */

/** Malformed or over a limit. The message is whole: a person needs no stack to act on it. */
export class NixFormatError extends Error {
  override name = "NixFormatError";
  /** The format that was read: `narinfo`, `nar`, `derivation`, `store path`, ... */
  readonly what: string;
  /** Place in it: `line 3 (References)`, `byte 120`, `args[2]`; empty when the whole text is meant. */
  readonly where: string;
  constructor(what: string, where: string, why: string, options?: ErrorOptions) {
    super(where === "" ? `${what}: ${why}` : `${what}: ${where}: ${why}`, options);
    this.what = what;
    this.where = where;
  }
}

/** A foreign text as it may stand in a message: quoted, control characters escaped, at most 80 characters of it. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** Runs `read`; an error of another format gets `what` and `where` of the place it was called from. */
export function readingAt<T>(what: string, where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof NixFormatError) || error.what === what) throw error;
    throw new NixFormatError(what, where, error.message, { cause: error });
  }
}
