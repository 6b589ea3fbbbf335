/**
 * A second, newer Nix beside the installed one: the package of the next Debian release, unpacked into a folder and run
 * through its own dynamic linker, because it wants a newer libc than the machine has. Nothing of the machine changes:
 * the package tool gets its own state below the folder. The archive is the one that the machine already uses.
 */
import { chmod, copyFile, mkdir, readdir, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { runOk } from "./run.ts";

const RELEASE = "trixie";
const COMMANDS = ["nix", "nix-build", "nix-store", "nix-instantiate", "nix-hash", "nix-daemon"];

// $0 is found by the kernel, so it is a path; NIX_BIN_DIR must be set by the caller, else Nix runs /proc/self/exe, which
// is the dynamic linker, as its build hook.
const LAUNCHER = `#!/bin/sh
here=\${0%/*}/../lib
exec "$here/ld.so" --argv0 "\${0##*/}" --library-path "$here" "$here/nix.bin" "$@"
`;

/**
 * The folder with the newer Nix's commands, fetched on first use and kept in `folder`. Takes some seconds and 40 MB the
 * first time. Rejects with the reason where it cannot be had (no apt, no network, another processor).
 */
export async function getNewerNix(folder: string): Promise<string> {
  const done = join(folder, "nix-newer");
  if (existsSync(join(done, "bin", "nix"))) return join(done, "bin");
  const work = join(folder, `nix-newer.${process.pid}.part`);
  await rm(work, { recursive: true, force: true });
  try {
    await unpack(work);
    await pickProgram(work);
    // Last, so that what is found at the final place is whole.
    await rename(work, done);
  } catch (error) {
    // Somebody else may have been quicker.
    if (!existsSync(join(done, "bin", "nix"))) throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return join(done, "bin");
}

/** The archive that most of the machine's package lists come from, the one for security updates aside. */
async function archive(): Promise<string> {
  const sites = await runOk("apt-get", ["indextargets", "--format", "$(SITE)", "Created-By: Packages"]);
  const counts = new Map<string, number>();
  for (const site of sites.split("\n")) {
    if (site !== "" && !site.includes("security")) counts.set(site, (counts.get(site) ?? 0) + 1);
  }
  const best = [...counts].sort((a, b) => b[1] - a[1])[0];
  if (best === undefined) throw new Error("no package archive is configured for apt");
  return best[0];
}

async function unpack(work: string): Promise<void> {
  const at = (...parts: string[]) => join(work, "apt", ...parts);
  for (const path of [at("lists", "partial"), at("cache", "archives", "partial"), at("root")]) {
    await mkdir(path, { recursive: true });
  }
  await writeFile(at("status"), "");
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  await writeFile(at("sources.list"), `deb [signed-by=${keyring}] ${await archive()} ${RELEASE} main\n`);
  const settings = {
    "Dir::Etc::sourcelist": at("sources.list"),
    "Dir::Etc::sourceparts": "-",
    "Dir::State::lists": at("lists"),
    "Dir::State::status": at("status"),
    "Dir::Cache": at("cache"),
    "APT::Sandbox::User": "root",
    "Debug::NoLocking": "1",
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  const timeout = 300_000;
  await runOk("apt-get", [...options, "update", "-qq"], { timeout });
  const install = ["install", "-y", "-qq", "--download-only", "--no-install-recommends", "nix-bin"];
  await runOk("apt-get", [...options, ...install], { timeout });
  for (const name of await readdir(at("cache", "archives"))) {
    if (name.endsWith(".deb")) await runOk("dpkg-deb", ["-x", at("cache", "archives", name), at("root")]);
  }
}

/** Keeps the program and the libraries it loads; drops the rest of what was unpacked. */
async function pickProgram(work: string): Promise<void> {
  const usr = join(work, "apt", "root", "usr");
  const libraries = (await readdir(join(usr, "lib"))).find((name) => name.endsWith("-linux-gnu"));
  const linkers = existsSync(join(usr, "lib64")) ? join(usr, "lib64") : join(usr, "lib");
  const linkerName = (await readdir(linkers)).find((name) => name.startsWith("ld-linux"));
  if (libraries === undefined || linkerName === undefined) throw new Error("the unpacked Nix has no libraries");
  const linker = join(linkers, linkerName);
  const path = `${join(usr, "lib", libraries)}:${join(usr, "lib", "nix")}`;
  const list = await runOk(linker, ["--library-path", path, "--list", join(usr, "bin", "nix")]);
  const lib = join(work, "lib");
  await mkdir(lib);
  for (const [, file] of list.matchAll(/=> (\/\S+)/g)) {
    await copyFile(await realpath(file!), join(lib, basename(file!)));
  }
  await copyFile(await realpath(linker), join(lib, "ld.so"));
  await copyFile(join(usr, "bin", "nix"), join(lib, "nix.bin"));
  await chmod(join(lib, "ld.so"), 0o755);
  await mkdir(join(work, "bin"));
  await writeFile(join(work, "run"), LAUNCHER, { mode: 0o755 });
  for (const command of COMMANDS) await symlink("../run", join(work, "bin", command));
  await rm(join(work, "apt"), { recursive: true });
}
