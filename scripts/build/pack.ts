/**
 * The package that `npm install -g` installs: launchers, bundle, and a package.json with every dependency at the version
 * of package-lock.json. Node 24 comes as an optional dependency, so that the command runs where Node is older.
 */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execute, ROOT } from "../check/execute.ts";
import { CLI, EXTERNAL, version } from "./bundle.ts";

/** Packs what `bundle()` made; returns the path of the package. */
export async function pack(folder = join(ROOT, "dist")): Promise<string> {
  const stage = mkdtempSync(join(tmpdir(), "trustix-package-"));
  try {
    for (const part of ["bin", "dist"]) cpSync(join(CLI, part), join(stage, part), { recursive: true });
    for (const text of ["README.md", "LICENSE", "CHANGELOG.md"]) copyFileSync(join(ROOT, text), join(stage, text));
    writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest(), null, 2)}\n`);
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

function manifest(): object {
  const root = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const { bin } = JSON.parse(readFileSync(join(CLI, "package.json"), "utf8"));
  const locked = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")).packages;
  const { description, license, optionalDependencies } = root;
  const dependencies = Object.fromEntries(
    Object.keys(EXTERNAL).map((name) => [name, String(locked[`node_modules/${name}`].version)]),
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
