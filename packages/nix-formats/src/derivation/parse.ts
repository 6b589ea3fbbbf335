/**
 * Reads a `.drv` file:
 *
 *     Derive([("out","<path>","<algorithm>","<hash>")],[("<drv>",["out"])],["<src>"],"<system>","<builder>",["<arg>"],[("k","v")])
 *     DrvWithVersion("xp-dyn-drv", ...) where an input's outputs may be (["out"],[("out",["x"])])
 *
 * Over bytes, since strings need not be UTF-8. One pass, no white space, no trailing data; depth exists in dynamic
 * outputs only and is bounded. Names that come twice are refused: a map would silently drop one.
 */
import { utf8Text } from "@trustix/crypto";
import { NixFormatError, readingAt, shown } from "../error.ts";
import { parseStorePath, type StorePath } from "../store-path.ts";
import type { Derivation, DerivationOutput, InputOutputs } from "./derivation.ts";

/** Structured attributes of large packages reach hundreds of kB. */
export const MAX_DERIVATION_BYTES = 64 << 20;
const MAX_DYNAMIC_DEPTH = 32;

/** Throws `NixFormatError` naming byte and field. */
export function parseDerivation(bytes: Uint8Array): Derivation {
  if (bytes.length > MAX_DERIVATION_BYTES) {
    throw new NixFormatError("derivation", "", `${bytes.length} bytes came, at most ${MAX_DERIVATION_BYTES} wanted`);
  }
  const scan = new Scanner(bytes);
  let version: string | undefined;
  if (scan.skip("DrvWithVersion(")) {
    version = scan.text("version");
    if (version !== "xp-dyn-drv") scan.fail("version", `${shown(version)} came, "xp-dyn-drv" wanted`);
    scan.expect(",", "version");
  } else if (!scan.skip("Derive(")) {
    scan.fail("start", '"Derive(" or "DrvWithVersion(" wanted');
  }
  const outputs = scan.list("outputs", () => output(scan));
  noneTwice(scan, "outputs", outputs, (item) => item.name);
  scan.expect(",", "outputs");
  const inputDrvs = scan.list("inputDrvs", () => inputDrv(scan, version !== undefined));
  noneTwice(scan, "inputDrvs", inputDrvs, ([path]) => path);
  scan.expect(",", "inputDrvs");
  const inputSrcs = scan.list("inputSrcs", () => scan.path("inputSrcs"));
  noneTwice(scan, "inputSrcs", inputSrcs, (path) => path);
  scan.expect(",", "inputSrcs");
  const system = scan.text("system");
  scan.expect(",", "system");
  const builder = scan.string("builder");
  scan.expect(",", "builder");
  const args = scan.list("args", () => scan.string("args"));
  scan.expect(",", "args");
  const env = scan.list("env", () => variable(scan));
  noneTwice(scan, "env", env, ([name]) => latin1.decode(name));
  scan.expect(")", "env");
  if (!scan.atEnd()) scan.fail("end", "data after the derivation");
  return { version, outputs, inputDrvs, inputSrcs, system, builder, args, env };
}

function output(scan: Scanner): DerivationOutput {
  scan.expect("(", "outputs");
  const name = scan.text("outputs");
  if (!/^[0-9A-Za-z+\-._?=]{1,211}$/.test(name)) scan.fail("outputs", `${shown(name)} is no output name`);
  scan.expect(",", "outputs");
  const path = scan.text("outputs");
  scan.expect(",", "outputs");
  const hashAlgorithm = scan.text("outputs");
  scan.expect(",", "outputs");
  const hash = scan.text("outputs");
  scan.expect(")", "outputs");
  return { name, path: path === "" ? undefined : scan.checked("outputs", path), hashAlgorithm, hash };
}

function inputDrv(scan: Scanner, mayBeDynamic: boolean): readonly [StorePath, InputOutputs] {
  scan.expect("(", "inputDrvs");
  const path = scan.path("inputDrvs");
  scan.expect(",", "inputDrvs");
  const of = inputOutputs(scan, mayBeDynamic ? MAX_DYNAMIC_DEPTH : 0);
  scan.expect(")", "inputDrvs");
  return [path, of];
}

function inputOutputs(scan: Scanner, depth: number): InputOutputs {
  const names = () => {
    const outputs = scan.list("inputDrvs", () => scan.text("inputDrvs"));
    noneTwice(scan, "inputDrvs", outputs, (name) => name);
    return outputs;
  };
  if (!scan.skip("(")) return { outputs: names(), dynamic: [] };
  if (depth === 0) scan.fail("inputDrvs", "dynamic outputs that may not stand here or are nested too deeply");
  const outputs = names();
  scan.expect(",", "inputDrvs");
  const dynamic = scan.list("inputDrvs", (): readonly [string, InputOutputs] => {
    scan.expect("(", "inputDrvs");
    const name = scan.text("inputDrvs");
    scan.expect(",", "inputDrvs");
    const inner = inputOutputs(scan, depth - 1);
    scan.expect(")", "inputDrvs");
    return [name, inner];
  });
  noneTwice(scan, "inputDrvs", dynamic, ([name]) => name);
  scan.expect(")", "inputDrvs");
  return { outputs, dynamic };
}

function variable(scan: Scanner): readonly [Uint8Array, Uint8Array] {
  scan.expect("(", "env");
  const name = scan.string("env");
  scan.expect(",", "env");
  const value = scan.string("env");
  scan.expect(")", "env");
  return [name, value];
}

function noneTwice<T>(scan: Scanner, field: string, items: readonly T[], key: (item: T) => string): void {
  const seen = new Set<string>();
  for (const item of items) {
    const name = key(item);
    if (seen.has(name)) scan.fail(field, `${shown(name)} comes twice`);
    seen.add(name);
  }
}

/** One character for each byte, so that different bytes give different texts. */
const latin1 = new TextDecoder("latin1");

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ESCAPED = new Map<number, number>([
  [QUOTE, QUOTE],
  [BACKSLASH, BACKSLASH],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
]);

class Scanner {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  fail(field: string, why: string): never {
    throw new NixFormatError("derivation", `byte ${this.#at} (${field})`, why);
  }

  atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Steps over `text` if it is next. */
  skip(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.#bytes[this.#at + i] !== text.charCodeAt(i)) return false;
    this.#at += text.length;
    return true;
  }

  expect(text: string, field: string): void {
    if (this.skip(text)) return;
    const byte = this.#bytes[this.#at];
    const came = byte === undefined ? "the end" : shown(String.fromCharCode(byte));
    this.fail(field, `${came} came, ${shown(text)} wanted`);
  }

  list<T>(field: string, item: () => T): T[] {
    this.expect("[", field);
    const items: T[] = [];
    if (this.skip("]")) return items;
    for (;;) {
      items.push(item());
      if (this.skip("]")) return items;
      this.expect(",", field);
    }
  }

  string(field: string): Uint8Array {
    this.expect('"', field);
    const end = this.#stringEnd(field);
    const out = new Uint8Array(end - this.#at);
    let length = 0;
    while (this.#at < end) {
      const byte = this.#bytes[this.#at]!;
      if (byte === BACKSLASH) {
        const escaped = ESCAPED.get(this.#bytes[this.#at + 1]!);
        if (escaped === undefined) this.fail(field, 'an escape other than \\" \\\\ \\n \\r \\t');
        out[length++] = escaped;
        this.#at += 2;
      } else {
        if (byte === 0x0a || byte === 0x0d || byte === 0x09) this.fail(field, "an unescaped newline, return or tab");
        out[length++] = byte;
        this.#at++;
      }
    }
    this.#at++;
    return out.slice(0, length);
  }

  #stringEnd(field: string): number {
    for (let i = this.#at; i < this.#bytes.length; i++) {
      const byte = this.#bytes[i];
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) return i;
    }
    return this.fail(field, "a string that does not end");
  }

  text(field: string): string {
    const start = this.#at;
    try {
      return utf8Text(this.string(field));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#at = start;
      return this.fail(field, "not UTF-8");
    }
  }

  path(field: string): StorePath {
    return this.checked(field, this.text(field));
  }

  checked(field: string, path: string): StorePath {
    return readingAt("derivation", `byte ${this.#at} (${field})`, () => parseStorePath(path));
  }
}
