/** The bytes of a configuration file to its parsed, unchecked content: TOML or JSON, as the file's name says. */
import { extname } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { NodeError } from "../errors.ts";
import { configError, keyPath } from "./problems.ts";
import { findRepeatedKey } from "./repeated-key.ts";
import type { Files } from "../node-files.ts";
import { isRefusedByPermissions, permissionHint } from "../permission-hint.ts";

/** A configuration is written by hand: a mebibyte is somebody's mistake. */
const MAX_BYTES = 1 << 20;

/** Throws `bad_config`. */
export async function readConfigText(files: Files, path: string): Promise<unknown> {
  const parse = PARSERS[extname(path).toLowerCase()];
  if (parse === undefined) {
    const problem = `the name ends in ${JSON.stringify(extname(path))}, .toml or .json wanted`;
    throw configError(path, [{ key: "", message: problem, hint: "the ending says how the file is read" }]);
  }
  const bytes = await readBytes(files, path);
  const text = decode(path, bytes);
  return parse(path, text);
}

/** Throws `bad_config` that says why a file cannot be read. */
export async function readBytes(files: Files, path: string, key = ""): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await files.readFile(path, MAX_BYTES);
  } catch (cause) {
    const hint = isRefusedByPermissions(cause) ? await permissionHint(files, path) : undefined;
    const code = (cause as NodeJS.ErrnoException).code;
    throw configError(path, [{ key, ...unreadable(code, cause), ...(hint !== undefined && { hint }) }], cause);
  }
  if (bytes.length > MAX_BYTES) throw configError(path, [{ key, message: `more than ${MAX_BYTES} bytes came` }]);
  return bytes;
}

function unreadable(code: string | undefined, cause: unknown): { message: string; hint?: string } {
  switch (code) {
    case "ENOENT":
      return { message: "there is no such file", hint: "`trustix init` makes a working configuration" };
    case "EACCES":
    case "EPERM":
      return { message: "it may not be read by this user" };
    case "EISDIR":
      return { message: "it is a folder, a file was wanted" };
    default:
      return { message: `it cannot be read: ${cause instanceof Error ? cause.message : String(cause)}` };
  }
}

function decode(path: string, bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 3)).toString("hex");
  if (start === "efbbbf" || start.startsWith("fffe") || start.startsWith("feff")) {
    const message = `it starts with a byte order mark (${start === "efbbbf" ? "UTF-8" : "UTF-16"})`;
    throw configError(path, [{ key: "", message, hint: "save it as UTF-8 without a byte order mark" }]);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw configError(path, [{ key: "", message: "it is not UTF-8 text" }], cause);
  }
}

type Parser = (path: string, text: string) => unknown;

const PARSERS: Readonly<Record<string, Parser>> = { ".toml": fromToml, ".json": fromJson };

function fromToml(path: string, text: string): unknown {
  try {
    return parseToml(text, { unsafeKeyBehaviour: "throw", maxDepth: 32 });
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    // The parser's message goes on with the lines around; the first line says what is wrong.
    const what = cause.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    throw configError(`${path}:${cause.line}:${cause.column}`, [{ key: "", message: what }]);
  }
}

function fromJson(path: string, text: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const at = /\(line (\d+) column (\d+)\)/.exec(cause.message);
    const place = at === null ? path : `${path}:${at[1]}:${at[2]}`;
    // What follows quotes the file.
    const what = cause.message.replace(/,? (\.\.\.|"|in JSON at).*$/s, "");
    throw configError(place, [{ key: "", message: `not JSON: ${what}` }]);
  }
  const repeated = findRepeatedKey(text);
  if (repeated === undefined) return parsed;
  const { key, line, column } = repeated;
  throw configError(`${path}:${line}:${column}`, [{ key: keyPath([key]), message: "given twice in one table" }]);
}

/** True for the error this folder throws. */
export function isConfigError(error: unknown): error is NodeError {
  return error instanceof NodeError && error.code === "bad_config";
}
