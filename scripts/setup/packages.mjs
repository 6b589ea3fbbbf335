/**
 * Are the packages of package-lock.json in node_modules? npm leaves a copy of the lock there when it is done, so the
 * answer needs no stamp of ours: every locked package is in that copy with the same integrity, and its folder exists.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** The first locked package that is not installed as locked; `undefined` when all are. */
export function firstMissing(locked, installed, exists) {
  for (const [path, wanted] of Object.entries(locked)) {
    if (!path.startsWith("node_modules/") && !path.includes("/node_modules/")) continue; // the root and the workspaces
    const got = installed[path];
    if (got === undefined && wanted.optional === true) continue; // for another platform
    const same = got !== undefined && got.version === wanted.version && got.integrity === wanted.integrity;
    if (!same || !exists(path)) return path;
  }
  return undefined;
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages ?? {};
  } catch {
    return {}; // missing or half-written: as good as not installed
  }
}

/** Installs the locked packages unless they are there. True when it had to; calls `fail` (which ends the process) when it cannot. */
export function ensurePackages(root, fail) {
  const locked = packagesOf(join(root, "package-lock.json"));
  const copy = join(root, "node_modules", ".package-lock.json");
  const missing = () => firstMissing(locked, packagesOf(copy), (path) => existsSync(join(root, path)));
  const first = missing();
  if (first === undefined) return false;

  process.stderr.write(`trustix: installing the packages of package-lock.json, without their scripts (npm ci)\n`);
  const env = { ...process.env };
  // Settings of the npm run that called us must not narrow this one.
  for (const name of ["npm_config_workspace", "npm_config_workspaces", "npm_config_global", "npm_config_omit"])
    delete env[name];
  const npm = basename(env.npm_execpath ?? "").startsWith("npm-cli")
    ? [process.execPath, env.npm_execpath]
    : [process.platform === "win32" ? "npm.cmd" : "npm"];
  const args = [
    "ci",
    "--ignore-scripts",
    "--include=dev",
    "--include=optional",
    "--prefer-offline", // what the cache has is as good as what the registry has: the lock holds digests
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  const [program, ...before] = npm;
  // stdout belongs to the verb
  const done = spawnSync(program, [...before, ...args], { cwd: root, env, stdio: ["ignore", 2, 2] });
  if (done.error !== undefined)
    fail(`cannot run npm: ${done.error.message}`, "npm comes with Node: https://nodejs.org");
  if (done.status !== 0)
    fail(
      `npm ci failed (exit ${done.status ?? done.signal})`,
      "the first run needs the npm registry; later ones do not",
    );
  const still = missing();
  if (still !== undefined) fail(`${still} is locked, but npm ci did not install it`, "is package-lock.json damaged?");
  return true;
}
