/**
 * The rules of imports, as one function from the repository to what is wrong with it. npm workspaces link every package
 * for every other, so an undeclared or upward import compiles and runs: nothing but this check refuses it.
 */
import { builtinModules } from "node:module";
import { posix } from "node:path";
import { type FileReach, reachOf } from "./imports-of.ts";
import type { Package, Repository, SourceFile } from "./repository.ts";

export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Imports within one layer. Each has its reason; everything else goes down. */
const BESIDE: ReadonlyMap<string, readonly string[]> = new Map([
  // The vocabulary of layer 0: what a hash is, how bytes are written as text.
  ["@trustix/merkle", ["@trustix/crypto"]],
  ["@trustix/nix-formats", ["@trustix/crypto"]],
]);

/**
 * Packages whose folders are parts that meet only through the files beside them (`model.ts`, `errors.ts`). `edges` are
 * the imports from folder to folder that are meant (fsck reads what the publisher wrote; logs/ and claims/ know how things are stored); `builders` are the files that put the parts together.
 */
const PARTS: ReadonlyMap<string, { builders: readonly string[]; edges: Readonly<Record<string, readonly string[]>> }> =
  new Map([
    [
      "@trustix/node",
      {
        builders: ["daemon.ts", "open-caches.ts", "tell-of-events.ts", "recover-log.ts", "index.ts"],
        edges: {
          publisher: ["logs"],
          access: ["logs"],
          evidence: ["logs"],
          claims: ["logs"],
          mirror: ["logs", "claims"],
          caches: ["logs", "claims"],
          standing: ["logs", "claims"],
          simulate: ["claims"],
          fsck: ["logs", "publisher", "mirror", "claims", "standing", "evidence", "caches"],
        },
      },
    ],
  ]);

const BUILTIN: ReadonlySet<string> = new Set(builtinModules);

export function layerProblems(repository: Repository): readonly Problem[] {
  return [
    ...repository.packages.flatMap((from) => upwardDependencies(from, repository)),
    ...repository.packages.flatMap((of) => otherVersion(of, repository)),
    ...repository.files.flatMap((file) => problemsOf(file, repository)),
  ];
}

/** A dependency may be declared only if it may be imported. */
function upwardDependencies(from: Package, { packages }: Repository): readonly Problem[] {
  return packages
    .filter((to) => from.dependencies.has(to.name) && !mayImport(from, to))
    .map((to) => ({ path: `${from.folder}/package.json`, line: 1, message: upward(from, to) }));
}

/** Everything is released together, and the version that is printed is one of these. */
function otherVersion({ folder, version }: Package, { version: wanted }: Repository): readonly Problem[] {
  if (version === wanted) return [];
  return [
    { path: `${folder}/package.json`, line: 1, message: `version ${version} is not that of the root, ${wanted}` },
  ];
}

function mayImport(from: Package, to: Package): boolean {
  return to.layer < from.layer || (BESIDE.get(from.name) ?? []).includes(to.name);
}

function upward(from: Package, to: Package): string {
  return `${from.name} (layer ${from.layer}) must not depend on ${to.name} (layer ${to.layer}): imports go down`;
}

function problemsOf(file: SourceFile, repository: Repository): readonly Problem[] {
  const owner = repository.packages.find(({ folder }) => file.path.startsWith(`${folder}/`));
  const isSource = owner !== undefined && file.path.startsWith(`${owner.folder}/src/`);
  const reach = reachOf(file.path, file.text);
  const messages = [
    ...reach.imports.map(({ to, line }) => ({ line, message: importProblem(to, file, owner, isSource, repository) })),
    ...(isSource && owner.layer === 0 ? impurities(reach, owner) : []),
  ];
  return messages.flatMap(({ line, message }) => (message === undefined ? [] : [{ path: file.path, line, message }]));
}

/** What is wrong with importing `to`; `undefined` when it is allowed. */
function importProblem(
  to: string,
  file: SourceFile,
  owner: Package | undefined,
  isSource: boolean,
  repository: Repository,
): string | undefined {
  if (to.startsWith(".")) return relativeProblem(to, file, owner, isSource);
  if (isBuiltin(to)) return isSource && owner?.layer === 0 ? `layer 0 is pure: no ${to}` : undefined;
  const [name, subpath] = splitSpecifier(to);
  const target = repository.packages.find((candidate) => candidate.name === name);
  if (target === undefined) return isDeclared(name, owner, isSource, repository) ? undefined : undeclared(name, owner);
  if (!target.exports.has(subpath)) return `${to} is not among the exports of ${name}`;
  if (!isSource || owner === undefined || owner === target) return undefined; // tests and tools may use any package
  if (!mayImport(owner, target)) return upward(owner, target);
  return owner.dependencies.has(name) ? undefined : undeclared(name, owner);
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith("node:") || BUILTIN.has(specifier);
}

/** `@a/b/c/d` is package `@a/b`, export `./c/d`. */
function splitSpecifier(specifier: string): readonly [name: string, subpath: string] {
  const parts = specifier.split("/");
  const length = specifier.startsWith("@") ? 2 : 1;
  return [parts.slice(0, length).join("/"), ["." as string].concat(parts.slice(length)).join("/")];
}

function isDeclared(name: string, owner: Package | undefined, isSource: boolean, repository: Repository): boolean {
  if (owner?.dependencies.has(name) === true) return true;
  // A package for development (layer 9) is never shipped, so what it needs is for development too.
  if (isSource && owner?.layer !== 9) return false;
  if (owner?.devDependencies.has(name) === true || repository.rootDependencies.has(name)) return true;
  return owner === undefined && repository.packages.some(({ dependencies }) => dependencies.has(name));
}

function undeclared(name: string, owner: Package | undefined): string {
  return `${name} is not declared in ${owner === undefined ? "" : `${owner.folder}/`}package.json`;
}

/** Relative imports stay in their package; source never imports tests; parts of one package meet only where they should. */
function relativeProblem(
  to: string,
  file: SourceFile,
  owner: Package | undefined,
  isSource: boolean,
): string | undefined {
  if (owner === undefined) return undefined; // tools of the checkout know it all
  const target = posix.join(posix.dirname(file.path), to);
  if (!target.startsWith(`${owner.folder}/`)) return `${to} leaves ${owner.folder}: import the package by its name`;
  if (!isSource) return undefined;
  if (target === `${owner.folder}/package.json`) return undefined; // its version
  if (!target.startsWith(`${owner.folder}/src/`)) return `${to} leaves src: what ships must not need tests`;
  return partProblem(file.path, target, owner);
}

function partProblem(from: string, to: string, owner: Package): string | undefined {
  const parts = PARTS.get(owner.name);
  if (parts === undefined) return undefined;
  const source = `${owner.folder}/src/`.length;
  const [fromPart, toPart] = [from, to]
    .map((path) => path.slice(source).split("/"))
    .map(([first, ...rest]) => (rest.length === 0 ? { file: first } : { folder: first }));
  if (fromPart?.file !== undefined && parts.builders.includes(fromPart.file)) return undefined;
  if (toPart?.file !== undefined)
    return parts.builders.includes(toPart.file)
      ? `only outsiders import ${toPart.file}, which builds the parts`
      : undefined;
  const [folder, target] = [fromPart?.folder, toPart?.folder ?? ""];
  if (folder === target || (folder !== undefined && (parts.edges[folder] ?? []).includes(target))) return undefined;
  return `${folder ?? "a shared file"} must not import ${target}/: parts meet through model.ts only`;
}

function impurities({ ambient, async }: FileReach, owner: Package): readonly { line: number; message: string }[] {
  const handed = `layer 0 is pure: ${owner.name} must be handed`;
  return [
    ...ambient.map(({ to, line }) => ({ line, message: `${handed} what it takes from ${to}` })),
    ...async.map(({ line }) => ({ line, message: `layer 0 is synchronous: ${owner.name} must not wait` })),
  ];
}
