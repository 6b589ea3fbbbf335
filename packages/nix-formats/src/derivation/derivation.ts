/** A derivation as its `.drv` file has it, and its way back to exactly those bytes. */
import { compareBytes, concatBytes, utf8, utf8Text, type Crypto } from "@trustix/crypto";
import { joinBytes } from "../join-bytes.ts";
import { sortedPaths, textPath, type StorePath } from "../store-path.ts";

export interface DerivationOutput {
  readonly name: string;
  /** `undefined`: only known after the build (floating, deferred and impure outputs). */
  readonly path: StorePath | undefined;
  /** `sha256`, `r:sha256`, `git:...`; empty when the output is not content-addressed. */
  readonly hashAlgorithm: string;
  /** Base 16 for a fixed output, `impure`, or empty. */
  readonly hash: string;
}

/** Which outputs of an input are used; `dynamic` are outputs of derivations that an output itself holds. */
export interface InputOutputs {
  readonly outputs: readonly string[];
  readonly dynamic: readonly (readonly [output: string, of: InputOutputs])[];
}

export interface Derivation {
  /** The version that a `DrvWithVersion` names, `undefined` for a plain `Derive`. */
  readonly version: string | undefined;
  readonly outputs: readonly DerivationOutput[];
  readonly inputDrvs: readonly (readonly [path: StorePath, of: InputOutputs])[];
  readonly inputSrcs: readonly StorePath[];
  readonly system: string;
  /** Bytes, as the arguments and the environment: they need not be UTF-8. */
  readonly builder: Uint8Array;
  readonly args: readonly Uint8Array[];
  /** In the order of the file: sorted by name. */
  readonly env: readonly (readonly [name: Uint8Array, value: Uint8Array])[];
}

/** The bytes of an environment variable; `undefined` when it is not set. */
export function envBytes(derivation: Derivation, name: string): Uint8Array | undefined {
  const wanted = utf8(name);
  return derivation.env.find(([key]) => compareBytes(key, wanted) === 0)?.[1];
}

/** The same as text; `undefined` also when it is not UTF-8. */
export function envText(derivation: Derivation, name: string): string | undefined {
  const bytes = envBytes(derivation, name);
  if (bytes === undefined) return undefined;
  try {
    return utf8Text(bytes);
  } catch {
    return undefined;
  }
}

/** The bytes of the `.drv` file. */
export function printDerivation(derivation: Derivation): Uint8Array {
  const outputs = derivation.outputs.map(({ name, path, hashAlgorithm, hash }) =>
    group("()", [name, path ?? "", hashAlgorithm, hash].map(quotedText)),
  );
  const inputs = derivation.inputDrvs.map(([path, of]) => group("()", [quotedText(path), inputOutputs(of)]));
  const env = derivation.env.map(([name, value]) => group("()", [quoted(name), quoted(value)]));
  const fields = [
    ...(derivation.version === undefined ? [] : [quotedText(derivation.version)]),
    group("[]", outputs),
    group("[]", inputs),
    group("[]", derivation.inputSrcs.map(quotedText)),
    quotedText(derivation.system),
    quoted(derivation.builder),
    group("[]", derivation.args.map(quoted)),
    group("[]", env),
  ];
  return concatBytes(utf8(derivation.version === undefined ? "Derive" : "DrvWithVersion"), group("()", fields));
}

function inputOutputs(of: InputOutputs): Uint8Array {
  const names = group("[]", of.outputs.map(quotedText));
  if (of.dynamic.length === 0) return names;
  const dynamic = of.dynamic.map(([output, inner]) => group("()", [quotedText(output), inputOutputs(inner)]));
  return group("()", [names, group("[]", dynamic)]);
}

const COMMA = utf8(",");

function group(brackets: "()" | "[]", items: readonly Uint8Array[]): Uint8Array {
  const separated = items.flatMap((item, i) => (i === 0 ? [item] : [COMMA, item]));
  return joinBytes([utf8(brackets[0]!), ...separated, utf8(brackets[1]!)]);
}

const ESCAPES = new Map<number, number>([
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x0a, 0x6e],
  [0x0d, 0x72],
  [0x09, 0x74],
]);

function quotedText(text: string): Uint8Array {
  return quoted(utf8(text));
}

function quoted(bytes: Uint8Array): Uint8Array {
  const out: number[] = [0x22];
  for (const byte of bytes) {
    const escape = ESCAPES.get(byte);
    if (escape === undefined) out.push(byte);
    else out.push(0x5c, escape);
  }
  out.push(0x22);
  return Uint8Array.from(out);
}

/** The store path that a `.drv` file with these bytes has; `name` is its base name's part, with `.drv`. */
export function derivationPath(crypto: Crypto, bytes: Uint8Array, derivation: Derivation, name: string): StorePath {
  const references = sortedPaths([...derivation.inputSrcs, ...derivation.inputDrvs.map(([path]) => path)]);
  return textPath(crypto, bytes, references, name);
}
