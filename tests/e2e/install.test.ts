/** The package as a user installs it: `npm install -g`, then the commands from anywhere, with an older Node in PATH. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execute, ROOT } from "../../scripts/check/execute.ts";
import { version } from "../../scripts/build/bundle.ts";
import { pack } from "../../scripts/build/pack.ts";

const folder = mkdtempSync(join(tmpdir(), "trustix-install-"));
const prefix = join(folder, "prefix");
const elsewhere = join(folder, "a folder with spaces");
const oldNode = join(folder, "old-node");

/** Without the pinned Node, as on the user's machine: a Node that only says how old it is stands first. */
const env = {
  HOME: folder,
  // Root would write its markers and spool where the machine has its own.
  XDG_CONFIG_HOME: join(folder, "config"),
  TRUSTIX_SPOOL: join(folder, "machine-spool"),
  PATH: [oldNode, join(prefix, "bin"), "/usr/bin", "/bin"].join(delimiter),
};
const run = (program: string, ...args: string[]) => execute(program, args, { cwd: elsewhere, env });

beforeAll(async () => {
  for (const path of [elsewhere, oldNode, prefix]) mkdirSync(path);
  writeFileSync(
    join(oldNode, "node"),
    `#!/bin/sh\n[ "$1" = --version ] && echo v20.20.2 && exit\necho "the old node ran" >&2\nexit 99\n`,
  );
  chmodSync(join(oldNode, "node"), 0o755);
  const built = await execute(process.execPath, ["scripts/build.ts"]);
  expect(built).toMatchObject({ code: 0 });
  const file = await pack(folder);
  const install = [
    "install",
    "--global",
    `--prefix=${prefix}`,
    "--ignore-scripts",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    file,
  ];
  expect(await execute("npm", install, { cwd: folder })).toMatchObject({ code: 0 });
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true }));

describe("the installed command", () => {
  test.each(["trustix", "trustix-nix"])("%s says its version", async (program) => {
    expect(await run(program, "--version")).toEqual({ code: 0, output: `${program} ${version()}\n` });
  });

  test.each(["trustix", "trustix-nix"])("%s explains itself, with an example", async (program) => {
    const { code, output } = await run(program, "--help");
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining("Example") });
  });

  test("a wrong word is wrong usage, with a hint", async () => {
    const { code, output } = await run("trustix", "demon");
    expect(code).toBe(2);
    expect(output).toMatch(/^trustix: error: .*\ntrustix: hint: /m);
  });

  test("runs through a link to the link that npm made, by path, and with the folder as PATH entry", async () => {
    const link = join(folder, "link");
    symlinkSync(join(prefix, "bin", "trustix"), link);
    for (const program of [link, join(prefix, "bin", "trustix")])
      expect(await run(program, "--version")).toMatchObject({ code: 0 });
  });

  test("a node of one's own: the parts that are not in the bundle are there, native store and decider sandbox", async () => {
    const [node, runtime] = [join(folder, "node"), join(folder, "run")];
    mkdirSync(runtime, { mode: 0o700 });
    const own = { ...env, XDG_RUNTIME_DIR: runtime, TRUSTIX_TOKEN: join(node, "trustix.token") };
    const trustix = (...args: string[]) => execute("trustix", args, { cwd: elsewhere, env: own });
    expect(await trustix("init", "--dir", node)).toMatchObject({ code: 0 });

    const config = join(node, "trustix.toml");
    const first = '[decider.nix.javascript]\nfunction = "(claims) => claims[0].Value"';
    const text = readFileSync(config, "utf8").replace('"percentage"', '"javascript"');
    writeFileSync(config, text.replace(/\[decider\.nix\.percentage\]\nminimum = 66/, first));

    const daemon = spawn("trustix", ["daemon", "--config", config, "--state", join(node, "state")], { env: own });
    let said = "";
    daemon.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => daemon.on("exit", resolve));
    try {
      await expect.poll(() => existsSync(join(runtime, "trustix.socket")) || said, { timeout: 10_000 }).toBe(true);
      expect(await trustix("submit", "--key", "6b", "--value", "76")).toEqual({ code: 0, output: "OK\n" });
      expect(await trustix("flush")).toMatchObject({ code: 0 });
      const digest = createHash("sha256").update("v").digest("hex");
      expect(await trustix("query", "--key", "6b")).toEqual({ code: 0, output: `Output digest: ${digest}\n` });
      expect(await trustix("decide", "--protocol", "nix", "--key", "6b")).toMatchObject({
        code: 0,
        output: expect.stringContaining(`Decided on output digest '${digest}'`),
      });
    } finally {
      daemon.kill("SIGTERM");
    }
    expect({ code: await ended, said }).toMatchObject({ code: 0 });
    const checked = await trustix("fsck", "--state", join(node, "state"));
    expect(checked).toEqual({ code: 0, output: expect.stringContaining(": sound") });
  });

  test("the hook never fails a build and starts no Node: without any Node in PATH it still exits with 0", async () => {
    const bare = { ...env, PATH: `${join(prefix, "bin")}:/usr/bin:/bin`, TRUSTIX_SPOOL: join(folder, "spool") };
    const { code, output } = await execute("trustix-nix", ["post-build-hook"], { cwd: elsewhere, env: bare });
    expect({ code, output }).toMatchObject({ code: 0 });
  });
});

test("without the pinned Node the launcher says which Node it found and what to do", async () => {
  const alone = join(folder, "alone");
  await execute("cp", ["-r", join(ROOT, "packages", "cli", "bin"), alone]);
  const { code, output } = await run(join(alone, "trustix"), "--version");
  expect(code).toBe(1);
  expect(output).toBe(
    "trustix: error: Node 24 or newer is needed, and found is: v20.20.2\n" +
      "trustix: hint: put Node 24 first in PATH; on Linux, npm installs it with this package unless optional packages are left out\n",
  );
});
