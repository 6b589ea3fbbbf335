/** What the layer rules look at, as data: tests build it by hand, the check reads it from the checkout. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";

/** Layer of packages that only tests, benches and scripts may import. */
export const DEV_ONLY = 9;

export interface Package {
  /** `@trustix/merkle`. */
  readonly name: string;
  /** `packages/merkle`. */
  readonly folder: string;
  readonly description: string;
  readonly version: string;
  readonly layer: number;
  readonly dependencies: ReadonlySet<string>;
  readonly devDependencies: ReadonlySet<string>;
  /** `.`, `./conformance`. */
  readonly exports: ReadonlySet<string>;
}

export interface SourceFile {
  /** Relative to the checkout, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Repository {
  readonly packages: readonly Package[];
  readonly files: readonly SourceFile[];
  /** Of the root package.json. */
  readonly version: string;
  /** Of the root package.json: what tests, benches and scripts may import. */
  readonly rootDependencies: ReadonlySet<string>;
}

const FOLDERS = ["packages", "tests", "bench", "examples", "scripts"];
const SKIPPED = new Set(["node_modules", "dist", "vectors", "fixtures", "corpus"]);

export function readRepository(root: string): Repository {
  const manifest = (folder: string): Record<string, unknown> =>
    JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const folders = readdirSync(join(root, "packages"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const rootManifest = manifest(".");
  return {
    packages: folders.map(({ name }) => packageOf(`packages/${name}`, manifest(`packages/${name}`))),
    files: FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap((folder) => sourcesBelow(root, folder)),
    version: String(rootManifest["version"]),
    rootDependencies: new Set([...namesOf(rootManifest["dependencies"]), ...namesOf(rootManifest["devDependencies"])]),
  };
}

/** Throws on a package without a layer: nobody would know who may import it. */
export function packageOf(folder: string, manifest: Record<string, unknown>): Package {
  const layer = (manifest["trustix"] as { layer?: unknown } | undefined)?.layer;
  if (typeof layer !== "number") throw new Error(`${folder}/package.json needs "trustix": { "layer": number }`);
  return {
    name: String(manifest["name"]),
    folder,
    description: String(manifest["description"] ?? ""),
    version: String(manifest["version"]),
    layer,
    dependencies: namesOf(manifest["dependencies"]),
    devDependencies: namesOf(manifest["devDependencies"]),
    exports: namesOf(manifest["exports"]),
  };
}

function namesOf(field: unknown): ReadonlySet<string> {
  return new Set(Object.keys((field ?? {}) as Record<string, unknown>));
}

function sourcesBelow(root: string, folder: string): readonly SourceFile[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(ts|js|mjs)$/.test(entry.name) && !entry.name.endsWith(".d.ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split("/").some((part) => SKIPPED.has(part) || basename(part).startsWith(".")))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}
