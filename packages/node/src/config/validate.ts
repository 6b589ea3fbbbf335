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
  const { meta, depth } = metaAt(issue.path);
  const value = issue.path.reduce<unknown>(
    (inner, part) =>
      typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[part] : undefined,
    root,
  );
  const wanted = meta?.wanted ?? issue.message;
  // The nearest described field can be the list around the item that is wrong.
  const where =
    depth < issue.path.length && typeof issue.path.at(-1) === "number" ? ` (item ${String(issue.path.at(-1))})` : "";
  if (value === undefined) return { key: keyPath(issue.path), message: `missing; ${wanted} wanted` };
  const came = meta?.secret === true ? "something else" : shownValue(value);
  return { key: keyPath(issue.path), message: `${came} came${where}, ${wanted} wanted` };
}

/** What the schema says about the field at `path`, or about the nearest field around it. */
function metaAt(path: readonly PropertyKey[]): { meta: FieldMeta | undefined; depth: number } {
  let schema: z.ZodType = configSchema;
  let meta: FieldMeta | undefined;
  let depth = 0;
  for (const [i, part] of path.entries()) {
    const node = nodeOf(schema);
    if (node.kind === "leaf") break;
    const inner = node.kind === "object" ? node.shape[String(part)] : node.kind === "list" ? node.item : node.value;
    if (inner === undefined) break;
    schema = inner;
    const found = inner.meta() as FieldMeta | undefined;
    if (found?.wanted !== undefined) {
      meta = found;
      depth = i + 1;
    }
  }
  return { meta, depth };
}
