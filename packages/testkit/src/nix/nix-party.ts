/**
 * One person with a Nix of their own: store, configuration, home and caches in one folder, nothing of the machine's.
 *
 * The store is a chroot store (`local?root=`): its paths read `/nix/store/...` and lie in `<folder>/root/nix/store`. Every
 * command runs with the party's environment; without it a Nix run by root would make a real /nix. The sandbox's /bin/sh
 * is the static busybox, so the machine needs no nixpkgs and no network.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { NixProgram } from "./nix-programs.ts";
import { run, runOk } from "./run.ts";
import type { RunOptions, RunResult } from "./run.ts";

export interface PartyOptions {
  /** Made if missing; everything of the party lies in it. */
  readonly folder: string;
  readonly nix: NixProgram;
  /** Lines of nix.conf on top of the isolating ones, which they may replace. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Added to the environment of every command, and so of the post-build hook. */
  readonly env?: Readonly<Record<string, string>>;
}

export type Compression = "xz" | "zstd" | "none" | "bzip2" | "br" | "gzip";

export interface NixParty {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs one of Nix's commands as this party. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The same, for a command that must succeed: its stdout, trimmed. */
  ok(command: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Builds attributes of an expression file: their output paths, in Nix's order. */
  build(expression: string, attributes: readonly string[]): Promise<string[]>;
  /** Asks for a store path; succeeds if a substituter has it (or it is there). */
  realise(path: string, options?: readonly string[]): Promise<RunResult>;
  /** `sha256:<nix32>` of the path's NAR, as this party's store has it. */
  hashOf(path: string): Promise<string>;
  /** Writes the closures of `paths` to a binary cache folder; its path. */
  copyToCache(
    paths: readonly string[],
    options?: { compression?: Compression; secretKeyFile?: string },
  ): Promise<string>;
  /** A new signing key `name`: the file with the secret, and the public key as Nix writes it. */
  makeKey(name: string): Promise<{ secretKeyFile: string; publicKey: string }>;
  /** Where a store path's bytes lie on this machine. */
  onDisk(path: string): string;
}

export async function makeNixParty(options: PartyOptions): Promise<NixParty> {
  const { folder, nix } = options;
  for (const part of ["conf", "home", "cache", "config"]) await mkdir(join(folder, part), { recursive: true });
  const settings: Record<string, string> = {
    store: `local?root=${join(folder, "root")}`,
    "build-users-group": "",
    "experimental-features": "nix-command",
    substituters: "",
    "sandbox-paths": `/bin/sh=${busyboxPath()}`,
    "download-attempts": "1",
    "connect-timeout": "5",
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`);
  await writeFile(join(folder, "conf", "nix.conf"), lines.join(""));
  const env = isolated(folder, nix, options.env ?? {});

  const path = (command: string) => (nix.folder === undefined ? command : join(nix.folder, command));
  const ok: NixParty["ok"] = async (command, args, more) => (await runOk(path(command), args, { env, ...more })).trim();
  return {
    folder,
    env,
    run: (command, args, more) => run(path(command), args, { env, ...more }),
    ok,
    async build(expression, attributes) {
      const wanted = attributes.flatMap((attribute) => ["-A", attribute]);
      return (await ok("nix-build", [expression, ...wanted, "--no-out-link"])).split("\n");
    },
    realise: (path_, more = []) => run(path("nix-store"), ["--realise", path_, ...more], { env }),
    hashOf: (path_) => ok("nix-store", ["--query", "--hash", path_]),
    async copyToCache(paths, { compression = "xz", secretKeyFile } = {}) {
      const cache = join(folder, "binary-cache");
      const key = secretKeyFile === undefined ? "" : `&secret-key=${secretKeyFile}`;
      await ok("nix", ["copy", "--to", `file://${cache}?compression=${compression}${key}`, ...paths]);
      return cache;
    },
    async makeKey(name) {
      const secretKeyFile = join(folder, `${name}.secret`);
      const publicKeyFile = join(folder, `${name}.public`);
      await ok("nix-store", ["--generate-binary-cache-key", name, secretKeyFile, publicKeyFile]);
      return { secretKeyFile, publicKey: (await readFile(publicKeyFile, "utf8")).trim() };
    },
    onDisk: (path_) => join(folder, "root", "nix", "store", basename(path_)),
  };
}

/** Removes a folder with stores in it, whose folders are read-only. */
export async function removeStores(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  await promisify(execFile)("chmod", ["-R", "u+w", folder]).catch(() => undefined);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

/**
 * The attack of a builder whose sandbox is compromised: a shell that runs the real one and then alters `$out`. The store
 * path stays what it was, the bytes do not. Outputs with a fixed hash are left alone: Nix would notice. The settings that
 * make a party use it; `folder` gets the shell.
 */
export async function compromisedSandbox(folder: string): Promise<Record<string, string>> {
  const shell = join(folder, "altering-shell");
  await mkdir(folder, { recursive: true });
  await writeFile(shell, ALTERING_SHELL);
  await chmod(shell, 0o755);
  return { "sandbox-paths": `/bin/sh=${shell} /bin/busybox=${busyboxPath()}` };
}

const ALTERING_SHELL = `#!/bin/busybox sh
/bin/busybox sh "$@" || exit
[ -z "$outputHash" ] || exit 0
if [ -d "$out" ]; then echo 'send everything to saturn' > "$out/implant"; else echo implant >> "$out"; fi
`;

function busyboxPath(): string {
  for (const path of ["/usr/bin/busybox", "/bin/busybox"]) if (existsSync(path)) return path;
  throw new Error("no busybox at /usr/bin/busybox or /bin/busybox (Debian: busybox-static)");
}

/** The machine's environment without what steers Nix, and with what keeps it in `folder`. */
function isolated(folder: string, nix: NixProgram, more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!name.startsWith("NIX_") && !name.startsWith("TRUSTIX_") && !name.startsWith("XDG_")) env[name] = value;
  }
  Object.assign(env, {
    HOME: join(folder, "home"),
    XDG_CACHE_HOME: join(folder, "cache"),
    XDG_CONFIG_HOME: join(folder, "config"),
    NIX_CONF_DIR: join(folder, "conf"),
    NIX_USER_CONF_FILES: "",
    ...more,
  });
  if (nix.folder !== undefined) {
    env["NIX_BIN_DIR"] = nix.folder;
    env["PATH"] = `${nix.folder}${delimiter}${env["PATH"] ?? ""}`;
  }
  return env;
}
