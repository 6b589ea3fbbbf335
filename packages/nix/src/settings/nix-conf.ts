/**
 * The text of a nix.conf, as Nix reads it: one statement a line, `#` begins a comment, words separated by white space.
 *
 *     name = word word      extra-name = word      include file      !include file
 *
 * Nothing is thrown: what Nix would refuse is a statement of the kind `illegal`.
 */

/** A line of a file, or of the variable NIX_CONFIG. */
export interface Origin {
  /** Its path; `NIX_CONFIG` for the variable. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** As it stands there, without white space at its ends. */
  readonly text: string;
}

export type Statement =
  | { readonly kind: "setting"; readonly name: string; readonly words: readonly string[]; readonly from: Origin }
  /** `optional`: a file that is not there is left out. */
  | { readonly kind: "include"; readonly path: string; readonly optional: boolean; readonly from: Origin }
  | { readonly kind: "illegal"; readonly from: Origin };

/** More lines than any real file has: the rest is left out. */
const MAX_LINES = 100_000;

export function parseNixConf(text: string, file: string): Statement[] {
  return text.split("\n", MAX_LINES).flatMap((line, i) => statementOf(line, { file, line: i + 1, text: line.trim() }));
}

function statementOf(line: string, from: Origin): Statement[] {
  const words = line
    .replace(/#.*$/s, "")
    .split(/[ \t\r]+/)
    .filter((word) => word !== "");
  const [name, second, ...rest] = words;
  if (name === undefined) return [];
  if (name === "include" || name === "!include") {
    if (second === undefined || rest.length > 0) return [{ kind: "illegal", from }];
    return [{ kind: "include", path: second, optional: name === "!include", from }];
  }
  return second === "=" ? [{ kind: "setting", name, words: rest, from }] : [{ kind: "illegal", from }];
}
