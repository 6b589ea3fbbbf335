/**
 * Machines of their own, as root of each sees them: `/nix`, `/etc`, `/var`, `/root`, `/tmp`, processes and a network of
 * their own, with the programs of this one. What a page tells people to type can be typed there, and changes nothing here.
 *
 * Namespaces of mounts, processes and network make them, for root and for whoever may make a namespace of users.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readlinkSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { NixProgram } from "@trustix/testkit/nix";
import { ROOT } from "../../scripts/check/execute.ts";

const isRoot = process.getuid?.() === 0;

export interface Machine {
  /** Where its files lie on this machine. */
  readonly folder: string;
  /**
   * Lines for the machine's one shell: variables, folder and jobs in the background stay. Resolves with what was said
   * meanwhile, by whomever; rejects with it when a command fails.
   */
  type(lines: string): Promise<string>;
}

/** Machines that reach each other at 127.0.0.1, and nobody else. */
export class Network implements AsyncDisposable {
  readonly #holder: ChildProcess;
  readonly #shells: ChildProcess[] = [];

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async make(): Promise<Network> {
    const user = isRoot ? [] : ["--user", "--map-root-user"];
    const script = "busybox ip link set lo up && echo up && exec cat";
    const holder = spawn("unshare", [...user, "--net", "sh", "-c", script], { stdio: ["pipe", "pipe", "inherit"] });
    await new Promise<void>((resolve, reject) => {
      holder.stdout!.once("data", () => resolve());
      holder.once("error", reject);
      holder.once("close", () => reject(new Error("no network namespace")));
    });
    return new Network(holder);
  }

  async machine(folder: string, nix: NixProgram, hosts: readonly string[]): Promise<Machine> {
    await makeRoot(folder, hosts);
    const nixFolder = nix.folder === undefined ? [] : [nix.folder];
    const path = [...nixFolder, join(ROOT, "packages/cli/bin"), "/usr/bin", "/bin"].join(delimiter);
    const env = ["HOME=/root", `PATH=${path}`, ...nixFolder.map((bin) => `NIX_BIN_DIR=${bin}`)];
    const enter = [
      "--target",
      String(this.#holder.pid),
      ...(isRoot ? [] : ["--user", "--preserve-credentials"]),
      "--net",
    ];
    const apart = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const inside = ["sh", "-c", ENTER, "sh", folder, ROOT, ...env];
    const child = spawn("nsenter", [...enter, "unshare", ...apart, ...inside], { stdio: ["pipe", "pipe", "pipe"] });
    this.#shells.push(child);
    return new Shell(folder, child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [...this.#shells, this.#holder]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      await closed;
    }
  }
}

/** Everything but the programs: empty, or as a fresh installation has it. */
async function makeRoot(folder: string, hosts: readonly string[]): Promise<void> {
  for (const part of ["etc/nix", "nix", "root", "srv", "tmp", "var"])
    await mkdir(join(folder, part), { recursive: true });
  const file = (name: string, lines: readonly string[]) =>
    writeFile(join(folder, "etc", name), `${lines.join("\n")}\n`);
  await file("passwd", ["root:x:0:0:root:/root:/bin/sh"]);
  await file("group", ["root:x:0:"]);
  await file("hosts", [`127.0.0.1 ${["localhost", ...hosts].join(" ")}`]);
  await file("nsswitch.conf", ["hosts: files"]);
  await file("nix/nix.conf", [
    "substituters =",
    // A shell for the sandbox that needs no libraries, and no other users to build as.
    "sandbox-paths = /bin/sh=/usr/bin/busybox",
    "build-users-group =",
    // A namespace of users made by an ordinary user cannot drop groups.
    ...(isRoot ? [] : ["require-drop-supplementary-groups = false"]),
  ]);
  for (const name of ["bin", "sbin", "lib", "lib64"])
    if (existsSync(`/${name}`)) await symlink(readlinkSync(`/${name}`), join(folder, name));
}

/** Not chroot: in one, nobody may make the namespaces of Nix's sandbox. */
const ENTER = `set -e
root=$1 checkout=$2; shift 2
mount --bind "$root" "$root"
for part in /usr /dev /proc "$checkout"; do
  mkdir -p "$root$part"
  mount --rbind "$part" "$root$part"
done
mkdir "$root/.host"
cd "$root"
pivot_root . .host
umount -l /.host
cd /root
exec env -i "$@" /bin/sh -eu`;

class Shell implements Machine {
  readonly folder: string;
  readonly #child: ChildProcess;
  #said = "";
  #count = 0;
  #ended = false;
  #heard: () => void = () => undefined;

  constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#said += text;
        this.#heard();
      });
    child.stdin!.on("error", () => undefined);
    child.on("close", () => {
      this.#ended = true;
      this.#heard();
    });
  }

  async type(lines: string): Promise<string> {
    const name = `.typed-${this.#count++}`;
    // From a file, so that no command can take what follows it for its own input.
    await writeFile(join(this.folder, "root", name), lines);
    this.#said = "";
    this.#child.stdin!.write(`. /root/${name} </dev/null\necho "${name} done"\n`);
    const mark = `${name} done\n`;
    await new Promise<void>((resolve) => {
      this.#heard = () => (this.#ended || this.#said.includes(mark) ? resolve() : undefined);
      this.#heard();
    });
    if (!this.#said.includes(mark)) throw new Error(`a command failed:\n${lines}\nand this was said:\n${this.#said}`);
    return this.#said.replace(mark, "");
  }
}
