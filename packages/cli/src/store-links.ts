/**
 * Store paths as people name them: `./result`, a profile, a file in the store. Links are followed by what they say and not by
 * what is there, because in a chroot store `/nix/store/...` is not on this machine.
 */
import { readlink, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseStorePath, STORE_DIR, type StorePath } from "@trustix/nix-formats";
import { CliError, usageError } from "./cli-error.ts";
import type { Io } from "./command.ts";

/** As the system does. */
const MOST_LINKS = 40;

/** The store path that `named` is, lies in, or leads to. Throws `CliError`, `NixFormatError`. */
export async function storePathOf(named: string, cwd: string): Promise<StorePath> {
  let path = resolve(cwd, named);
  for (let i = 0; i < MOST_LINKS; i++) {
    if (path.startsWith(`${STORE_DIR}/`)) return parseStorePath(path.split("/", 4).join("/"));
    const next = await linkOf(path);
    if (next === undefined) break;
    path = next;
  }
  throw usageError(
    `${named}: a store path or a link to one wanted`,
    path === resolve(cwd, named) ? undefined : `it leads to ${path}`,
  );
}

/** Where the link points to; for a file below one, where it really is. */
async function linkOf(path: string): Promise<string | undefined> {
  try {
    return resolve(dirname(path), await readlink(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EINVAL") return undefined;
  }
  const real = await realpath(path).catch(() => path);
  return real === path ? undefined : real;
}

/** What this machine runs and what its user has installed: the store paths behind those that are there. Throws `CliError`. */
export async function systemPaths({ env, cwd }: Pick<Io, "env" | "cwd">): Promise<StorePath[]> {
  const home = env["HOME"];
  const state = env["XDG_STATE_HOME"] ?? (home === undefined ? undefined : join(home, ".local/state"));
  const places = [
    "/run/current-system",
    "/nix/var/nix/profiles/default",
    ...(env["USER"] === undefined ? [] : [`/etc/profiles/per-user/${env["USER"]}`]),
    ...(home === undefined ? [] : [join(home, ".nix-profile")]),
    ...(state === undefined ? [] : [join(state, "nix/profile"), join(state, "nix/profiles/home-manager")]),
  ];
  const found = new Set<StorePath>();
  for (const place of places) {
    const path = await storePathOf(place, cwd).catch(() => undefined);
    if (path !== undefined) found.add(path);
  }
  if (found.size > 0) return [...found];
  throw new CliError("--system: neither a current system nor a profile of yours is there", {
    hint: `looked at ${places.join(", ")}; name store paths instead`,
  });
}
