/** Settings read from files, with a program in the place of Nix that says what a test wants. */
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readNixSettings, type ReadSettings } from "../../src/settings/read-settings.ts";

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "trustix-settings-"))));
afterAll(() => rm(folder, { recursive: true }));

async function read(
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
  program = "/no/such/nix",
): Promise<ReadSettings> {
  const place = await mkdtemp(join(folder, "case-"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(place, name)), { recursive: true });
    await writeFile(join(place, name), text);
  }
  const filled = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, value.replaceAll("@", place)]));
  const own = { HOME: join(place, "home"), NIX_CONF_DIR: join(place, "etc"), XDG_CONFIG_DIRS: join(place, "xdg") };
  return readNixSettings({ env: { ...own, ...filled }, signal: AbortSignal.timeout(30_000), program });
}

const substituters = (got: ReadSettings): readonly string[] => got.settings.substituters.words;

test("the system's file comes first, then users' files, then NIX_CONFIG", async () => {
  const etc = { "etc/nix.conf": "substituters = system" };
  const home = { "home/.config/nix/nix.conf": "extra-substituters = home" };
  const xdg = { "xdg/nix/nix.conf": "extra-substituters = shared" };
  const table: [files: Record<string, string>, env: Record<string, string>, words: string[]][] = [
    [etc, {}, ["system"]],
    [{ ...etc, ...home, ...xdg }, {}, ["system", "shared", "home"]],
    [{ ...etc, ...home }, { NIX_USER_CONF_FILES: "" }, ["system"]],
    [{ ...etc, "mine.conf": "substituters = mine" }, { NIX_USER_CONF_FILES: "@/mine.conf" }, ["mine"]],
    [{ ...etc, "c/nix/nix.conf": "substituters = c" }, { XDG_CONFIG_HOME: "@/c" }, ["c"]],
    [etc, { NIX_CONFIG: "extra-substituters = told" }, ["system", "told"]],
    [
      {
        "etc/nix.conf": "include more/a.conf\n",
        "etc/more/a.conf": "include b.conf",
        "etc/more/b.conf": "substituters = b",
      },
      {},
      ["b"],
    ],
    [{ "etc/nix.conf": "!include none.conf\nsubstituters = a" }, {}, ["a"]],
  ];
  for (const [files, env, words] of table) {
    const got = await read(files, env);
    expect([files, env, substituters(got), got.illegal]).toEqual([files, env, words, []]);
  }
});

test("what Nix refuses is told with its line, and ends nothing", async () => {
  const got = await read({
    "etc/nix.conf": "nonsense\ninclude none.conf\ninclude self.conf\nsubstituters = a",
    "etc/self.conf": "include self.conf",
  });
  expect(substituters(got)).toEqual(["a"]);
  expect(got.illegal.map(({ from, why }) => [from.text, from.line, why.replaceAll(folder, "")])).toEqual([
    ["nonsense", 1, "it is neither a setting nor an include"],
    ["include none.conf", 2, expect.stringContaining("no such file")],
    ["include self.conf", 1, "includes go deeper than 10 files"],
  ]);
});

test("a folder, a device or a huge file in the place of a file is told, not read", async () => {
  const big = "#".repeat((1 << 20) + 1);
  const got = await read({ "etc/nix.conf": "include big.conf\ninclude /dev/zero\ninclude .\n", "etc/big.conf": big });
  expect(got.illegal.map(({ why }) => why)).toEqual([
    expect.stringMatching(/1048577 bytes, at most 1048576 are read$/),
    "/dev/zero: it is no regular file",
    expect.stringMatching(/it is no regular file$/),
  ]);
});

test("the store is the configured one, or that of NIX_REMOTE", async () => {
  const table: [text: string, env: Record<string, string>, store: string][] = [
    ["", {}, "auto"],
    ["", { NIX_REMOTE: "daemon" }, "daemon"],
    ["store = local?root=/x", { NIX_REMOTE: "daemon" }, "local?root=/x"],
  ];
  for (const [text, env, store] of table) {
    const { settings } = await read({ "etc/nix.conf": text }, env);
    expect([text, env, settings.store.words]).toEqual([text, env, [store]]);
  }
});

async function program(script: string): Promise<string> {
  const path = join(await mkdtemp(join(folder, "bin-")), "nix");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

const FILE = { "etc/nix.conf": "substituters = a\nstore = local?root=/x" };

test("Nix's own word counts, asked without opening a store, by the command that its version has", async () => {
  const calls = join(folder, "calls");
  const asked = await program(`echo "$@" >> ${calls}
case "$*" in
  --version) echo "nix (Nix) 2.8.0" ;;
  *"config show"*) echo "error: 'config' is not a recognised command" >&2; exit 1 ;;
  *show-config*) echo '{"substituters":{"value":["told"]},"store":{"value":"dummy://"}}' ;;
esac`);
  const got = await read(FILE, {}, asked);
  expect(got.program).toEqual({ version: "nix (Nix) 2.8.0" });
  expect(substituters(got)).toEqual(["told"]);
  expect(got.settings.store.words).toEqual(["local?root=/x"]);
  const common = "--extra-experimental-features nix-command --store dummy://";
  expect((await readFile(calls, "utf8")).trim().split("\n")).toEqual([
    "--version",
    `${common} config show --json`,
    `${common} show-config --json`,
  ]);
});

test("a Nix that is not there, or says nothing useful, leaves what the files say", async () => {
  const table: [program: string, why: RegExp][] = [
    ["/no/such/nix", /^there is no \/no\/such\/nix on the PATH$/],
    [await program("echo broken >&2; exit 1"), /^broken$/],
    [await program('case "$*" in --version) echo 2 ;; *) echo hello ;; esac'), /something else than settings/],
  ];
  for (const [path, why] of table) {
    const got = await read(FILE, {}, path);
    expect([substituters(got), got.program]).toEqual([
      ["a"],
      { version: undefined, why: expect.stringMatching(why) as string },
    ]);
  }
});

test("a generated file is known by where it really lies", async () => {
  const place = await mkdtemp(join(folder, "generated-"));
  await writeFile(join(place, "made.conf"), "");
  await symlink(join(place, "made.conf"), join(place, "nix.conf"));
  const { mainFile, mainFileIs } = await readNixSettings({
    env: { NIX_CONF_DIR: place, HOME: place },
    signal: AbortSignal.timeout(30_000),
    program: "/no/such/nix",
  });
  expect([mainFile, mainFileIs]).toEqual([join(place, "nix.conf"), join(place, "made.conf")]);
});
