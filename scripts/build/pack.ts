/**
 * The package that `npm install -g` installs: launchers, bundle, and a package.json with every dependency at the version
 * of package-lock.json. Node 24 comes as an optional dependency, so that the command runs where Node is older.
 */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execute, ROOT } from "../check/execute.ts";
import { type Lock, type Manifest, shrinkwrap } from "./shrinkwrap.ts";
import { CLI, EXTERNAL, version } from "./bundle.ts";

/** Packs what `bundle()` made; returns the path of the package. */
export async function pack(folder = join(ROOT, "dist")): Promise<string> {
  const stage = mkdtempSync(join(tmpdir(), "trustix-package-"));
  try {
    for (const part of ["bin", "dist"]) cpSync(join(CLI, part), join(stage, part), { recursive: true });
    for (const text of ["README.md", "LICENSE", "CHANGELOG.md"]) copyFileSync(join(ROOT, text), join(stage, text));
    const lock: Lock = readJson(join(ROOT, "package-lock.json")).packages;
    const manifest = manifestOf(lock);
    writeJson(join(stage, "package.json"), manifest);
    writeJson(join(stage, "npm-shrinkwrap.json"), shrinkwrap(manifest, lock));
    mkdirSync(folder, { recursive: true });
    const { code, output } = await execute(
      "npm",
      ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder],
      { cwd: stage },
    );
    if (code !== 0) throw new Error(`npm pack failed: ${output}`);
    return join(folder, `trustix-${version()}.tgz`);
  } finally {
    rmSync(stage, { recursive: true });
  }
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

function readJson(path: string) {
  return JSON.parse(readFileSync(path, "utf8"));
}

function manifestOf(lock: Lock): Manifest {
  const { description, license, optionalDependencies } = readJson(join(ROOT, "package.json"));
  const { bin } = readJson(join(CLI, "package.json"));
  const dependencies = Object.fromEntries(
    Object.keys(EXTERNAL).map((name) => [name, String(lock[`node_modules/${name}`]?.version)]),
  );
  // No `engines`: the Node that runs npm is not the one that runs the command.
  return {
    name: "trustix",
    version: version(),
    description,
    license,
    type: "module",
    bin,
    dependencies,
    optionalDependencies,
  };
}
