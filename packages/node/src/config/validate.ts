/** From parsed text to a `ConfigFile`: keys matched, every field checked, all problems told at once. */
import type { z } from "zod";
import { matchKeys, nodeOf, type Node } from "./match-keys.ts";
import { keyPath, shownValue, type Problem } from "./problems.ts";
import { configSchema, type ConfigFile, type FieldMeta } from "./schema.ts";

export function validate(parsed: unknown): { file: ConfigFile } | { problems: Problem[] } {
  const problems: Problem[] = [];
  const matched = matchKeys(configSchema, parsed, problems);
  const result = configSchema.safeParse(matched);
  if (!result.success) problems.push(...result.error.issues.map((issue) => explain(issue, matched)));
  return problems.length > 0 ? { problems } : { file: result.data! };
}

function explain(issue: z.core.$ZodIssue, root: unknown): Problem {
  const { meta, node } = fieldAt(issue.path);
  const value = issue.path.reduce<unknown>(
    (inner, part) =>
      typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[part] : undefined,
    root,
  );
  const key = keyPath(issue.path);
  const wanted = meta?.wanted ?? (issue.path.length === 0 ? "a table" : issue.message);
  if (value === undefined) return { key, message: `missing; ${wanted} wanted` };
  const came = meta?.secret === true ? "something else" : shownValue(value);
  if (node?.kind !== "list" || Array.isArray(value)) return { key, message: `${came} came, ${wanted} wanted` };
  const list = wanted.startsWith("a list") ? wanted : `a list of ${wanted}`;
  return { key, message: `${came} came, ${list} wanted`, ...hintForList(key, node.item, value, came) };
}

/** One item where a list of such was wanted: what was meant is clear. */
function hintForList(key: string, item: z.ZodType, value: unknown, came: string): { hint?: string } {
  const isTable = typeof value === "object" && value !== null;
  if (nodeOf(item).kind === "object") return isTable ? { hint: `in TOML each starts with [[${key}]]` } : {};
  if (typeof value !== "string") return {};
  return { hint: `a list stands in brackets: [${came.startsWith('"') ? came : '"..."'}]` };
}

interface Field {
  /** What the schema says about the field, or about the nearest one around it. */
  readonly meta: FieldMeta | undefined;
  /** `undefined` for a place that the schema does not have. */
  readonly node: Node | undefined;
}

function fieldAt(path: readonly PropertyKey[]): Field {
  let schema: z.ZodType = configSchema;
  let meta: FieldMeta | undefined;
  for (const part of path) {
    const node = nodeOf(schema);
    if (node.kind === "leaf") return { meta, node: undefined };
    const inner = node.kind === "object" ? node.shape[String(part)] : node.kind === "list" ? node.item : node.value;
    if (inner === undefined) return { meta, node: undefined };
    schema = inner;
    const found = inner.meta() as FieldMeta | undefined;
    if (found?.wanted !== undefined) meta = found;
  }
  return { meta, node: nodeOf(schema) };
}
