/**
 * The bundle of both commands: one file an entry, chunks that are loaded when a command needs them, all side by side in
 * packages/cli/dist, because a thread is started from the file beside the one that starts it.
 */
import { copyFileSync, globSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { basename, join } from "node:path";
import { rolldown, type RolldownOutput } from "rolldown";
import { ROOT } from "../check/execute.ts";
import { licencesOf } from "./licences.ts";

export const CLI = join(ROOT, "packages", "cli");
const DIST = join(CLI, "dist");

/** What the installed package takes from the registry; everything else is in the bundle. */
export const EXTERNAL: Readonly<Record<string, string>> = {
  "classic-level": "native code",
  "quickjs-emscripten": "reads its .wasm file from beside itself",
};

/** Beside the bundle, as it is: started by a shell, not by Node. */
const SHELL_PARTS = ["packages/nix/src/hook/post-build-hook.sh"];

/** Writes packages/cli/dist anew. Throws if anything but `EXTERNAL` stayed outside. */
export async function bundle(): Promise<{ readonly files: number; readonly bytes: number }> {
  const entries = ["trustix", "trustix-nix"].map((name) => join(CLI, "src", `${name}.ts`));
  const threads = globSync("packages/*/src/**/*-thread.ts", { cwd: ROOT }).map((path) => join(ROOT, path));
  const input = Object.fromEntries([...entries, ...threads].map((path) => [basename(path, ".ts"), path]));
  const build = await rolldown({
    input,
    cwd: ROOT,
    platform: "node",
    external: (name) =>
      isBuiltin(name) || Object.keys(EXTERNAL).some((known) => name === known || name.startsWith(`${known}/`)),
    logLevel: "warn",
  });
  rmSync(DIST, { recursive: true, force: true });
  const output = await build.write({
    dir: DIST,
    format: "esm",
    minify: "dce-only",
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
  });
  await build.close();
  const outside = otherExternals(output);
  if (outside.length > 0) {
    rmSync(DIST, { recursive: true });
    throw new Error(`not bundled and not a dependency of the package: ${outside.join(", ")}`);
  }
  for (const part of SHELL_PARTS) copyFileSync(join(ROOT, part), join(DIST, basename(part)));
  writeFileSync(join(DIST, "LICENCES.txt"), licencesOf(modulesIn(output)));
  const sizes = globSync("*", { cwd: DIST }).map((name) => statSync(join(DIST, name)).size);
  return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function isBuiltin(name: string): boolean {
  return name.startsWith("node:") || builtinModules.includes(name);
}

/** Packages that are neither bundled nor installed: whoever runs the command that needs them would be the first to know. */
function otherExternals({ output }: RolldownOutput): readonly string[] {
  const chunks = output.filter((file) => file.type === "chunk");
  const own = new Set(chunks.map(({ fileName }) => fileName));
  const imported = new Set(chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]));
  return [...imported].filter((name) => !own.has(name) && !isBuiltin(name) && EXTERNAL[name] === undefined);
}

function modulesIn({ output }: RolldownOutput): readonly string[] {
  return output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
}

/** The one version of everything, from the root package.json. */
export function version(): string {
  return String(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version);
}
