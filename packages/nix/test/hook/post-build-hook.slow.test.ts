/**
 * The hook with a scripted `nix` and `nix-store` on its PATH, under every POSIX shell this machine has. Real Nix runs
 * it in tests/e2e.
 */
import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseSpoolItem } from "../../src/spool/spool-item.ts";

const HOOK = join(import.meta.dirname, "../../src/hook/post-build-hook.sh");
const SHELLS = [["sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"]].filter(
  ([program, ...args]) => spawnSync(program!, [...args, "-c", "exit 0"]).status === 0,
);
const DRV = "/nix/store/4f2sffz0ckhlzs45625nc5g9wvaxh87s-hello-2.12.drv";
const OUT = "/nix/store/714bq8higwlhmm4kdy6c203sin812p7s-hello-2.12";
const DEV = "/nix/store/xpvdczjl12avqlqa15al13csvy1lm7mx-hello-2.12-dev?";
const TEXT = `Derive([("dev","${DEV}","",""),("out","${OUT}","","")],[],[],"x86_64-linux","/bin/sh",["a]"],[("name","hello")])`;
const FACTS = `${OUT}\n${"ab".repeat(32)}\n696\n${DRV}\n0\n`;

let folder: string;
let spool: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hook-"));
  spool = join(folder, "spool");
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "text.drv"), TEXT);
  await writeFile(join(folder, "facts"), FACTS);
  await nixSays(`cat "${folder}/text.drv"`);
  await storeSays(`cat "${folder}/facts"`);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const nixSays = (script: string) => fake("nix", script);
const storeSays = (script: string) => fake("nix-store", script);

async function fake(name: string, script: string): Promise<void> {
  const text = `#!/bin/sh\necho "${name} $*" >> "${folder}/calls"\n${script}\n`;
  await writeFile(join(folder, "bin", name), text, { mode: 0o755 });
}

interface Outcome {
  readonly code: number;
  readonly stderr: string;
}

function runHook(shell: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const path = `${join(folder, "bin")}:${process.env["PATH"]}`;
  const all = { PATH: path, TRUSTIX_SPOOL: spool, DRV_PATH: DRV, OUT_PATHS: OUT, ...env };
  return new Promise((resolve) => {
    const child = execFile(shell[0]!, [...shell.slice(1), HOOK], { env: all }, (_error, _stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stderr }),
    );
  });
}

const items = async () => (await readdir(spool)).filter((name) => name.endsWith(".item"));
const onlyItem = async () => {
  const names = await items();
  expect(names).toHaveLength(1);
  return parseSpoolItem(await readFile(join(spool, names[0]!)));
};
const calls = () => readFile(join(folder, "calls"), "utf8");

describe.each(SHELLS.map((shell) => ({ shell, name: shell.join(" ") })))("under $name", ({ shell }) => {
  test("an item holds the derivation and the store's facts, for nobody else to read", async () => {
    expect(await runHook(shell)).toEqual({ code: 0, stderr: "" });
    const item = await onlyItem();
    expect(item).toMatchObject({ drvPath: DRV, outputs: [OUT], facts: [{ path: OUT, narSize: 696 }] });
    expect(Buffer.from(item.derivation).toString()).toBe(TEXT);
    expect((await stat(spool)).mode & 0o777).toBe(0o700);
    expect((await stat(join(spool, (await items())[0]!))).mode & 0o777).toBe(0o600);
    expect((await readdir(spool)).filter((name) => name.startsWith(".tmp-"))).toEqual([]);
  });

  test("the derivation names the outputs when OUT_PATHS is empty, as in Nix 2.8", async () => {
    expect((await runHook(shell, { OUT_PATHS: "" })).code).toBe(0);
    expect(await calls()).toContain(`nix-store --dump-db ${DEV} ${OUT}`);
    expect((await onlyItem()).outputs).toEqual([DEV, OUT]);
  });

  test("a derivation with dynamic inputs names its outputs too", async () => {
    await writeFile(join(folder, "text.drv"), TEXT.replace("Derive(", 'DrvWithVersion("xp-dyn-drv",'));
    await runHook(shell, { OUT_PATHS: "" });
    expect((await onlyItem()).outputs).toEqual([DEV, OUT]);
  });

  test("a floating derivation with empty OUT_PATHS is noted alone, and the store is not asked without a path", async () => {
    await writeFile(join(folder, "text.drv"), 'Derive([("out","","r:sha256","")],[],[],"s","b",[],[])');
    expect(await runHook(shell, { OUT_PATHS: "" })).toEqual({ code: 0, stderr: "" });
    expect(await onlyItem()).toMatchObject({ outputs: [], facts: [] });
    expect(await calls()).not.toContain("nix-store");
  });

  test("partial output before a failure is not used", async () => {
    await storeSays(`cat "${folder}/facts"; exit 1`);
    const { code, stderr } = await runHook(shell);
    expect(code).toBe(0);
    expect(stderr).toContain("nix-store --dump-db failed");
    expect((await onlyItem()).facts).toEqual([]);
  });

  test("a derivation that cannot be read leaves the facts", async () => {
    await nixSays("exit 1");
    const { code, stderr } = await runHook(shell);
    expect(code).toBe(0);
    expect(stderr).toContain(`cannot read ${DRV}`);
    const item = await onlyItem();
    expect(item.derivation).toHaveLength(0);
    expect(item.facts).toHaveLength(1);
  });

  test("every byte of a derivation comes through", async () => {
    const bytes = Buffer.concat([
      Buffer.from(TEXT),
      Buffer.from(Uint8Array.from({ length: 255 }, (_, i) => i + 1)),
      Buffer.from(")"),
    ]);
    await writeFile(join(folder, "text.drv"), bytes);
    await runHook(shell);
    expect(Buffer.from((await onlyItem()).derivation).equals(bytes)).toBe(true);
  });

  test("a Nix that hangs is left behind when the time is up", async () => {
    await storeSays("exec sleep 60");
    const started = Date.now();
    const { code, stderr } = await runHook(shell, { TRUSTIX_HOOK_SECONDS: "1" });
    expect(code).toBe(0);
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(stderr).toContain("nix-store --dump-db failed");
    expect((await onlyItem()).facts).toEqual([]);
  });

  test("hooks at the same moment, even of one derivation, lose nothing", async () => {
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => runHook(shell)));
    expect(outcomes.map((outcome) => outcome.code)).toEqual(Array(12).fill(0));
    expect(await items()).toHaveLength(12);
  });

  test("a spool that vanishes meanwhile is reported and does not fail the build", async () => {
    await storeSays(`rm -r "${spool}"; echo > "${spool}"`);
    const { code, stderr } = await runHook(shell);
    expect(code).toBe(0);
    expect(stderr).toContain("cannot write to the spool");
  });

  // Busybox prefers its own sync to the one on the PATH; tests/e2e fills a real disk under it.
  const failing = shell[0] === "busybox" ? [] : ["sync", "mv"];
  test.each(failing)("a disk on which %s fails is reported, and leaves nothing half-written", async (program) => {
    await fake(program, 'echo "No space left on device" >&2; exit 1');
    const { code, stderr } = await runHook(shell);
    expect(code).toBe(0);
    expect(stderr).toContain("disk full?");
    expect(await readdir(spool)).toEqual([]);
  });

  test("without a derivation there is a message and nothing else", async () => {
    const { code, stderr } = await runHook(shell, { DRV_PATH: "" });
    expect(code).toBe(0);
    expect(stderr).toContain("no derivation in DRV_PATH");
  });

  const refusals: { name: string; spool: () => Promise<string>; says: string }[] = [
    { name: "that others may write to", spool: () => spoolWithMode(0o777), says: "others may write" },
    { name: "that the group may write to", spool: () => spoolWithMode(0o770), says: "others may write" },
    { name: "that is a symbolic link", spool: linkedSpool, says: "symbolic link" },
    { name: "that is a file", spool: async () => join(folder, "text.drv"), says: "not a folder" },
    { name: "with a relative path", spool: async () => "some/where", says: "absolute path" },
    { name: "that cannot be made", spool: async () => join(folder, "text.drv", "below"), says: "cannot make" },
  ];
  test.each(refusals)("a spool $name is refused without failing the build", async ({ spool, says }) => {
    const path = await spool();
    const { code, stderr } = await runHook(shell, { TRUSTIX_SPOOL: path });
    expect(code).toBe(0);
    expect(stderr).toContain(says);
    if ((await stat(path).catch(() => undefined))?.isDirectory()) expect(await readdir(path)).toEqual([]);
  });
});

async function spoolWithMode(mode: number): Promise<string> {
  await mkdir(spool);
  await chmod(spool, mode);
  return spool;
}

async function linkedSpool(): Promise<string> {
  await mkdir(join(folder, "elsewhere"), { mode: 0o700 });
  await symlink(join(folder, "elsewhere"), spool);
  return spool;
}

test("without TRUSTIX_SPOOL an ordinary user's items go below XDG_STATE_HOME", async () => {
  await fake("id", "echo 1000");
  expect(await runHook(["sh"], { TRUSTIX_SPOOL: "", XDG_STATE_HOME: folder })).toEqual({ code: 0, stderr: "" });
  expect(await readdir(join(folder, "trustix", "spool"))).toHaveLength(1);
});
