/**
 * What a source file reaches out to: the modules it imports and the ambient globals it uses. Read from the syntax tree
 * (the parser of rolldown, which knows TypeScript), so comments and strings never count.
 */
import { parseAst } from "rolldown/parseAst";

export interface Reach {
  /** The specifier, `node:fs`, or the name of the global. */
  readonly to: string;
  /** 1-based. */
  readonly line: number;
}

export interface FileReach {
  readonly imports: readonly Reach[];
  /** Names of `AMBIENT` used here and bound nowhere in this file. */
  readonly ambient: readonly Reach[];
  /** `async` functions and `await`. */
  readonly async: readonly Reach[];
}

/** What pure code must be handed instead of taking: time, randomness, timers, the process, the network, Node's types. */
export const AMBIENT: ReadonlySet<string> = new Set(
  `Date Math.random process performance setTimeout setInterval setImmediate queueMicrotask fetch console crypto Buffer
   require globalThis`.split(/\s+/),
);

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [field: string]: unknown;
}

/** Throws on a file that is not TypeScript. */
export function reachOf(path: string, text: string): FileReach {
  const program = parseAst(text, { lang: path.endsWith("ts") ? "ts" : "js" }, path) as unknown as Node;
  const imports: Reach[] = [];
  const used: Reach[] = [];
  const async: Reach[] = [];
  const bound = new Set<string>();
  const at = (node: Node, to: string): Reach => ({ to, line: lineOf(text, node.start) });

  visit(program, (node, parent, field) => {
    const source = sourceOf(node);
    if (source !== undefined) imports.push(at(node, source));
    if (node.type === "AwaitExpression" || node["async"] === true) async.push(at(node, "async"));
    if (node.type === "MemberExpression" && isRandom(node)) used.push(at(node, "Math.random"));
    for (const name of namesBoundBy(node)) bound.add(name);
    const name = String(node["name"]);
    if (node.type === "Identifier" && AMBIENT.has(name) && isReference(parent, field)) used.push(at(node, name));
  });
  return { imports, ambient: used.filter(({ to }) => !bound.has(to)), async };
}

/** The module a node imports or exports from, also `import("x")` in an expression or a type. */
function sourceOf(node: Node): string | undefined {
  if (!/^(Import|ExportNamed|ExportAll|TSImport)(Declaration|Expression|Type)$/.test(node.type)) return undefined;
  const source = node["source"] as Node | null;
  return source !== null && typeof source["value"] === "string" ? source["value"] : undefined;
}

function isRandom(node: Node): boolean {
  const [object, property] = [node["object"] as Node, node["property"] as Node];
  return object["name"] === "Math" && (property["name"] === "random" || property["value"] === "random");
}

/** The names that a node declares: variables, parameters, functions, classes, imports, types. */
function namesBoundBy(node: Node): readonly string[] {
  const { type, id, params, param, local } = node;
  const patterns = [id, local, param, ...(Array.isArray(params) ? params : [])];
  const declares = /^(VariableDeclarator|CatchClause|Import\w*Specifier|TS(TypeAlias|Interface|Enum)Declaration)$/.test(
    type,
  );
  return declares || /Function|Class/.test(type) ? patterns.filter(isNode).flatMap(namesInPattern) : [];
}

/** `a`, `[a, b]`, `{ a, k: b }`, `a = 1`, `...a`, and the `private a` of a constructor. */
function namesInPattern(pattern: Node): readonly string[] {
  if (pattern.type === "Identifier") return [String(pattern["name"])];
  const { left, argument, parameter, value, elements, properties } = pattern;
  const parts = [left, argument, parameter, value, elements, properties].flat();
  return parts.filter(isNode).flatMap(namesInPattern);
}

/** Uses the name's value or type; false for property names and labels. */
function isReference(parent: Node | undefined, field: string): boolean {
  if (parent === undefined) return false;
  if (parent.type === "MemberExpression") return field === "object" || parent["computed"] === true;
  if (field === "key") return parent["computed"] === true;
  return !/^(Labeled|Break|Continue)Statement$|^(Im|Ex)portSpecifier$|^TS(NamedTupleMember|QualifiedName|TypePredicate)$/.test(
    parent.type,
  );
}

function visit(node: Node, see: (node: Node, parent: Node | undefined, field: string) => void): void {
  const walk = (value: unknown, parent: Node | undefined, field: string): void => {
    if (Array.isArray(value)) for (const item of value) walk(item, parent, field);
    else if (isNode(value)) {
      see(value, parent, field);
      for (const [name, child] of Object.entries(value)) walk(child, value, name);
    }
  };
  walk(node, undefined, "");
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i !== -1 && i < offset; i = text.indexOf("\n", i + 1)) line++;
  return line;
}
