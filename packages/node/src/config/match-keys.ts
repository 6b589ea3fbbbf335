/**
 * Keys of a file brought to the schema's spelling, whatever their case, and keys that no schema knows refused with the
 * nearest that it does. Keys that people choose (names of signers, protocols, meta) stay as they are.
 */
import type { z } from "zod";
import { nearest } from "./nearest.ts";
import { isShown, keyPath, type Problem } from "./problems.ts";

/** What a schema node is, wrappers taken off. */
export type Node =
  | { readonly kind: "object"; readonly shape: Readonly<Record<string, z.ZodType>> }
  | { readonly kind: "list"; readonly item: z.ZodType }
  | { readonly kind: "record"; readonly value: z.ZodType }
  | { readonly kind: "leaf"; readonly schema: z.ZodType };

interface Def {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly shape?: Record<string, z.ZodType>;
}

export function nodeOf(schema: z.ZodType): Node {
  const def = schema.def as unknown as Def;
  if (def.innerType !== undefined) return nodeOf(def.innerType);
  if (def.type === "object") return { kind: "object", shape: def.shape! };
  if (def.type === "array") return { kind: "list", item: def.element! };
  if (def.type === "record") return { kind: "record", value: def.valueType! };
  return { kind: "leaf", schema };
}

/** Names that JavaScript objects react to; no key of ours or of anybody's is called so. */
const UNSAFE = new Set(["__proto__", "constructor", "prototype"]);

/** A copy of `value` in the schema's spelling; what does not fit it is left for validation. */
export function matchKeys(schema: z.ZodType, value: unknown, problems: Problem[], path: PropertyKey[] = []): unknown {
  const node = nodeOf(schema);
  if (node.kind === "leaf") return value;
  if (node.kind === "list") {
    return Array.isArray(value) ? value.map((item, i) => matchKeys(node.item, item, problems, [...path, i])) : value;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if (value instanceof Date) {
    // An object without keys to a schema: it would stand for a table with every default.
    if (node.kind === "object") problems.push({ key: keyPath(path), message: "a date came, a table wanted" });
    return value;
  }
  const out: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (UNSAFE.has(key)) {
      problems.push({ key: keyPath([...path, key]), message: "this cannot be a key" });
      continue;
    }
    if (node.kind === "record") {
      out[key] = matchKeys(node.value, inner, problems, [...path, key]);
      continue;
    }
    const known = Object.keys(node.shape).find((name) => name.toLowerCase() === key.toLowerCase());
    if (known === undefined) problems.push(unknownKey(key, Object.keys(node.shape), path, isShown(problems)));
    else if (Object.hasOwn(out, known)) {
      problems.push({ key: keyPath([...path, known]), message: `given twice, once as ${JSON.stringify(key)}` });
    } else out[known] = matchKeys(node.shape[known]!, inner, problems, [...path, known]);
  }
  return out;
}

function unknownKey(key: string, known: readonly string[], path: readonly PropertyKey[], isShown: boolean): Problem {
  const near = isShown ? nearest(key, known) : undefined;
  return {
    key: keyPath([...path, key]),
    message:
      near === undefined ? `no such key; known here are ${known.join(", ")}` : `no such key; did you mean ${near}?`,
    ...(near !== undefined && { hint: `write ${keyPath([...path, near])}` }),
  };
}
