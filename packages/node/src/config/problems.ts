/** What is wrong with a configuration: all of it at once, each with the place, what came and what was wanted. */
import { NodeError } from "../errors.ts";

export interface Problem {
  /** `publishers[0].signer`; empty for the file as a whole. */
  readonly key: string;
  readonly message: string;
  readonly hint?: string;
}

/** Messages stay readable when a file is wrong from top to bottom. */
const MAX_SHOWN = 8;

/** A `bad_config` error with one line a problem. */
export function configError(file: string, problems: readonly Problem[], cause?: unknown): NodeError {
  const lines = problems.slice(0, MAX_SHOWN).map(({ key, message }) => [file, key, message].filter(Boolean).join(": "));
  if (problems.length > MAX_SHOWN) lines.push(`${file}: and ${problems.length - MAX_SHOWN} more`);
  const hint = problems.find((problem) => problem.hint !== undefined)?.hint;
  return new NodeError("bad_config", lines.join("\n"), { cause, ...(hint !== undefined && { hint }) });
}

/** `["publishers", 0, "meta", "a b"]` as `publishers[0].meta."a b"`. */
export function keyPath(path: readonly PropertyKey[]): string {
  let out = "";
  for (const part of path) {
    if (typeof part === "number") out += `[${part}]`;
    else {
      const text = String(part);
      out += `${out === "" ? "" : "."}${/^[A-Za-z0-9_-]+$/.test(text) ? text : JSON.stringify(text)}`;
    }
  }
  return out;
}

/** A value as it may stand in a message: short, one line. */
export function shownValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return value instanceof Date ? "a date" : "a table";
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  return String(value);
}
