/** From parsed text to a `ConfigFile`: keys matched, every field checked, all problems told at once. */
import type { z } from "zod";
import { matchKeys, nodeOf } from "./match-keys.ts";
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
  const meta = metaAt(issue.path);
  const value = issue.path.reduce<unknown>(
    (inner, part) =>
      typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[part] : undefined,
    root,
  );
  const wanted = meta?.wanted ?? (issue.path.length === 0 ? "a table" : issue.message);
  if (value === undefined) return { key: keyPath(issue.path), message: `missing; ${wanted} wanted` };
  const came = meta?.secret === true ? "something else" : shownValue(value);
  return { key: keyPath(issue.path), message: `${came} came, ${wanted} wanted` };
}

/** What the schema says about the field at `path`, or about the nearest field around it. */
function metaAt(path: readonly PropertyKey[]): FieldMeta | undefined {
  let schema: z.ZodType = configSchema;
  let meta: FieldMeta | undefined;
  for (const part of path) {
    const node = nodeOf(schema);
    if (node.kind === "leaf") break;
    const inner = node.kind === "object" ? node.shape[String(part)] : node.kind === "list" ? node.item : node.value;
    if (inner === undefined) break;
    schema = inner;
    const found = inner.meta() as FieldMeta | undefined;
    if (found?.wanted !== undefined) meta = found;
  }
  return meta;
}
