/**
 * Completes package-lock.json. npm leaves out the platform builds of a tool (`optionalDependencies`) that the registry
 * of the moment does not offer, and then `npm ci` refuses the whole lock as out of step. Each of them is locked here by
 * its exact version and its platform, so that it is wanted nowhere else; npm keeps such entries as they are.
 */
import { posix } from "node:path";
import type { Generator } from "./generators.ts";
import { currentText } from "./generated-text.ts";

export interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

const PATH = "package-lock.json";

export const lockFile: Generator = {
  name: "lock file",
  files: async () => {
    const text = currentText(PATH) ?? "{}";
    const lock = JSON.parse(text);
    const packages = completed(lock.packages);
    // What is complete stays as npm wrote it.
    return new Map([[PATH, packages === lock.packages ? text : `${JSON.stringify({ ...lock, packages }, null, 2)}\n`]]);
  },
};

/** The packages with every platform build that one of them names, in npm's order; the same object if none is missing. */
export function completed(packages: LockedPackages): LockedPackages {
  const added: Record<string, LockedPackage> = {};
  for (const [path, { dev, optionalDependencies = {} }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const all = { ...packages, ...added };
      if (isLocked(all, path, name, version)) continue;
      added[placeFor(all, path, name)] = { version, ...(dev === true && { dev }), optional: true, ...platformOf(name) };
    }
  }
  if (Object.keys(added).length === 0) return packages;
  const entries = Object.entries({ ...packages, ...added });
  return Object.fromEntries(entries.toSorted(([a], [b]) => a.localeCompare(b, "en")));
}

/** What Node would find from the package at `path`, looking upwards. A range is npm's business. */
function isLocked(packages: LockedPackages, path: string, name: string, version: string): boolean {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("node_modules/") - 1))) {
    const found = packages[posix.join(folder, "node_modules", name)];
    if (found !== undefined) return found.version === version || !/^\d/.test(version);
    if (folder === "" || !folder.includes("node_modules")) return false;
  }
}

/** Beside the package that names it, as npm does; below it if another version stands there. */
function placeFor(packages: LockedPackages, path: string, name: string): string {
  const beside = `${path.slice(0, path.lastIndexOf("node_modules/"))}node_modules/${name}`;
  return packages[beside] === undefined ? beside : `${path}/node_modules/${name}`;
}

const SYSTEMS = ["aix", "android", "darwin", "freebsd", "linux", "openharmony", "sunos", "win32"];
const PROCESSORS: Readonly<Record<string, string>> = { arm: "arm", armv7: "arm", aarch64: "arm64", wasm32: "wasm32" };
const SAME_NAME = ["arm64", "ia32", "loong64", "ppc64", "riscv64", "s390x", "x64"];

/** `@oxlint/binding-linux-arm64-musl` is for linux, arm64, musl. Throws on a name that tells no platform. */
export function platformOf(name: string): Pick<LockedPackage, "os" | "cpu" | "libc"> {
  const parts = name.split(/[-/]/);
  const os = parts.filter((part) => SYSTEMS.includes(part));
  const cpu = parts.flatMap((part) => (SAME_NAME.includes(part) ? part : (PROCESSORS[part] ?? [])));
  if (cpu.length !== 1 || (os.length !== 1 && cpu[0] !== "wasm32"))
    throw new Error(`${PATH}: which platform is ${name} for?`);
  const libc = /musl/.test(name) ? ["musl"] : /-gnu/.test(name) ? ["glibc"] : undefined;
  return { cpu, ...(libc !== undefined && { libc }), ...(os.length === 1 && { os }) };
}
