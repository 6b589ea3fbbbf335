/** Every key of the configuration, for the reference page and for module options: made from the schema, never by hand. */
import type { z } from "zod";
import { nodeOf } from "./match-keys.ts";
import { configSchema, type FieldMeta } from "./schema.ts";

export interface ConfigKey {
  /** `publishers[].publicKey.key`, `signers.NAME.type`, `decider."PROTOCOL"[].engine`. */
  readonly key: string;
  /** What a value looks like. */
  readonly type: string;
  /** As TOML; `undefined`: the key is required or its absence has a meaning of its own. */
  readonly default: string | undefined;
  readonly required: boolean;
  readonly description: string;
  /** How changing it can hurt. */
  readonly danger: string | undefined;
}

export function configReference(): ConfigKey[] {
  return Object.entries(configSchema.shape).flatMap(([name, schema]) => describe(name, schema));
}

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  decider: '"PROTOCOL"',
  policy: '"PROTOCOL"',
  signers: "NAME",
  meta: "KEY",
  weights: "VOTER",
};

function describe(key: string, schema: z.ZodType): ConfigKey[] {
  const meta = schema.meta() as FieldMeta | undefined;
  const { required, value } = defaultOf(schema);
  const own: ConfigKey[] =
    meta === undefined
      ? []
      : [{ key, type: meta.wanted, default: value, required, description: meta.description, danger: meta.danger }];
  return meta?.again === true ? own : [...own, ...below(key, schema)];
}

function below(key: string, schema: z.ZodType): ConfigKey[] {
  const node = nodeOf(schema);
  switch (node.kind) {
    case "object":
      return Object.entries(node.shape).flatMap(([name, inner]) => describe(`${key}.${name}`, inner));
    case "list":
      return below(`${key}[]`, node.item);
    case "record":
      return below(`${key}.${PLACEHOLDERS[key.split(".").at(-1)!] ?? "NAME"}`, node.value);
    case "leaf":
      return [];
  }
}

function defaultOf(schema: z.ZodType): { required: boolean; value: string | undefined } {
  const def = schema.def as unknown as { type: string; defaultValue?: unknown; innerType?: z.ZodType };
  if (def.type === "optional") return { required: false, value: undefined };
  if (def.type === "prefault") return { required: false, value: undefined };
  if (def.type !== "default") return { required: true, value: undefined };
  const value = def.defaultValue;
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return { required: false, value: undefined };
  return { required: false, value: JSON.stringify(value) };
}
