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
const MAX_NAMES = 20;
const MAX_TEXT = 60;
const PRIVATE_KEY = /[A-Za-z0-9+/]{86}==/g;

/** A `bad_config` error with one line a problem. */
export function configError(file: string, problems: readonly Problem[], cause?: unknown): NodeError {
  const shown = problems.slice(0, MAX_SHOWN);
  const lines = shown.map(({ key, message }) => printable([file, key, message].filter(Boolean).join(": ")));
  if (problems.length > MAX_SHOWN) lines.push(`${file}: and ${problems.length - MAX_SHOWN} more`);
  const hint = problems.find((problem) => problem.hint !== undefined)?.hint;
  return new NodeError("bad_config", lines.join("\n"), { cause, ...(hint !== undefined && { hint: printable(hint) }) });
}

/** Whether one more problem would still be shown: what only serves its text, and costs time, is left out otherwise. */
export function isShown(problems: readonly Problem[]): boolean {
  return problems.length < MAX_SHOWN;
}

/** One line, whatever the file held. A private key that was pasted in a wrong place must not come back in a message. */
function printable(text: string): string {
  return withoutKeys(text).replace(/[\u0000-\u001f\u007f]/g, (c) => JSON.stringify(c).slice(1, -1));
}

function withoutKeys(text: string): string {
  return text.replace(PRIVATE_KEY, "(a private key)");
}

/** True for the text of a private key, with anything around it. */
export function holdsPrivateKey(text: string): boolean {
  return text.search(PRIVATE_KEY) >= 0;
}

/** `["publishers", 0, "meta", "a b"]` as `publishers[0].meta."a b"`. */
export function keyPath(path: readonly PropertyKey[]): string {
  let out = "";
  for (const part of path) {
    if (typeof part === "number") out += `[${part}]`;
    else {
      const text = short(String(part));
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
  if (typeof value === "string") return JSON.stringify(short(value));
  return String(value);
}

/** Names as they may stand in a message: the first of them. */
export function shownNames(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  return `${names.slice(0, MAX_NAMES).join(", ")}${more}`;
}

/** The key is taken out before the text is cut: its first half is the secret. */
function short(text: string): string {
  const safe = withoutKeys(text);
  return safe.length > MAX_TEXT ? `${safe.slice(0, MAX_TEXT)}…` : safe;
}
