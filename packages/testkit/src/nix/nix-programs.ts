/** Which Nixes this machine can run: the installed one, and the newer one of `getNewerNix`. */
import { join } from "node:path";
import { getNewerNix } from "./newer-nix.ts";
import { run } from "./run.ts";

export interface NixProgram {
  /** As it says itself: `2.8.0`. */
  readonly version: string;
  /** Where its commands are; `undefined`: on the PATH. */
  readonly folder: string | undefined;
}

/** The Nix on the PATH, or `undefined` with none there. Asking for its version touches no store. */
export async function installedNix(): Promise<NixProgram | undefined> {
  return (await hasBusybox()) ? versionOf(undefined) : undefined;
}

/** Every Nix that can be had, the installed one first; with `missing` saying why one is not among them. */
export async function nixPrograms(cache: string): Promise<{ programs: NixProgram[]; missing: string[] }> {
  const programs: NixProgram[] = [];
  const missing: string[] = [];
  const installed = await installedNix();
  if (installed === undefined) {
    missing.push("no Nix on the PATH, or no busybox: apt-get install --no-install-recommends nix-bin busybox-static");
    return { programs, missing };
  }
  programs.push(installed);
  try {
    const newer = await versionOf(await getNewerNix(cache));
    if (newer === undefined) missing.push("the newer Nix does not start");
    else programs.push(newer);
  } catch (error) {
    missing.push(`no newer Nix: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { programs, missing };
}

async function versionOf(folder: string | undefined): Promise<NixProgram | undefined> {
  try {
    const { code, stdout } = await run(folder === undefined ? "nix" : join(folder, "nix"), ["--version"]);
    const version = /(\d+\.\d+(?:\.\d+)?)/.exec(stdout)?.[1];
    return code === 0 && version !== undefined ? { version, folder } : undefined;
  } catch {
    return undefined;
  }
}

async function hasBusybox(): Promise<boolean> {
  try {
    return (await run("busybox", ["true"])).code === 0;
  } catch {
    return false;
  }
}
