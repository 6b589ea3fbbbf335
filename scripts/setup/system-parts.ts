/**
 * The parts that npm cannot bring: Nix, a static busybox for its sandbox, xz. Installed where that is possible without
 * asking (root on Debian), otherwise named with the command that installs them. `TRUSTIX_NO_APT=1` forbids the install.
 */
import { spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, existsSync, openSync, readSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface SystemPart {
  /** The Debian package. */
  readonly debian: string;
  /** What cannot be done without it. */
  readonly neededFor: string;
  /** Is it there, and of the kind we need? */
  present(path: string): boolean;
}

export const SYSTEM_PARTS: readonly SystemPart[] = [
  {
    debian: "nix-bin",
    neededFor: "real Nix: builds, hooks, verified installs",
    present: (path) => inPath("nix-store", path) !== undefined && inPath("nix", path) !== undefined,
  },
  {
    debian: "busybox-static",
    neededFor: "the sandbox of real Nix builds",
    present: (path) => {
      const busybox = inPath("busybox", path);
      return busybox !== undefined && isStatic(busybox);
    },
  },
  {
    debian: "xz-utils",
    neededFor: "xz-compressed NARs at full speed",
    present: (path) => inPath("xz", path) !== undefined,
  },
];

const LOCK = ["-o", "DPkg::Lock::Timeout=300"]; // another program may be installing

/** Installs what is missing if it can; returns what is missing still. Says what it does on stderr. */
export function ensureSystemParts(
  env: NodeJS.ProcessEnv = process.env,
  allowed = mayInstall(env),
): readonly SystemPart[] {
  const path = env["PATH"] ?? "";
  const missing = SYSTEM_PARTS.filter((part) => !part.present(path));
  if (missing.length === 0 || !allowed) return missing;
  const names = missing.map((part) => part.debian);
  process.stderr.write(`trustix: installing the Debian packages ${names.join(", ")} (apt-get, no recommends)\n`);
  const quiet = { ...env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) => spawnSync("apt-get", [...LOCK, ...args], { env: quiet, encoding: "utf8" });
  // The lists may be usable although the update fails (offline, or another update under way): the install tells.
  const update = apt("update", "-qq");
  const install = apt("install", "-y", "-qq", "--no-install-recommends", ...names);
  if (install.status !== 0) process.stderr.write(`${update.stderr}${install.stderr}trustix: apt-get failed\n`);
  return missing.filter((part) => !part.present(path));
}

/** One line a part, and the command that installs them all. */
export function describeMissing(missing: readonly SystemPart[]): string {
  const lines = missing.map((part) => `  missing: ${part.debian} (${part.neededFor})`);
  return [...lines, `  hint: ${installCommand(missing)}`].join("\n");
}

export function installCommand(parts: readonly SystemPart[]): string {
  return `sudo apt-get install --no-install-recommends ${parts.map((part) => part.debian).join(" ")}`;
}

function mayInstall(env: NodeJS.ProcessEnv): boolean {
  const refused = (env["TRUSTIX_NO_APT"] ?? "") !== "";
  const debian = existsSync("/etc/debian_version") && inPath("apt-get", env["PATH"] ?? "") !== undefined;
  return !refused && debian && process.getuid?.() === 0;
}

/** The path of the program as the shell would find it. */
export function inPath(program: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * True for an ELF program that asks for no loader. The sandbox holds this one file only: the usual busybox package is
 * linked dynamically and would not start in it.
 */
export function isStatic(file: string): boolean {
  const head = Buffer.alloc(4096);
  const handle = openSync(file, "r");
  const length = readSync(handle, head, 0, head.length, 0);
  closeSync(handle);
  const isElf64 = length >= 64 && head.readUInt32BE(0) === 0x7f_45_4c_46 && head[4] === 2 && head[5] === 1;
  if (!isElf64) return false;
  const PT_INTERP = 3;
  const table = Number(head.readBigUInt64LE(32));
  const [size, count] = [head.readUInt16LE(54), head.readUInt16LE(56)];
  if (size === 0 || table + size * count > length) return false;
  return !Array.from({ length: count }, (_, i) => head.readUInt32LE(table + i * size)).includes(PT_INTERP);
}
