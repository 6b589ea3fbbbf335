/** A node of one's own, as a new user has it: `init`, `daemon`, and the commands against it, all as processes. */
import { spawn, type ChildProcess } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./transcript.ts";
import { afterAll, beforeAll, expect, test } from "vitest";

const source = (name: string): string => join(import.meta.dirname, `../src/${name}.ts`);
let home: string;
let daemon: Running | undefined;

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  said: string;
}

interface Ran {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

function env(): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_STATE_HOME: join(home, "state-home"),
    // As root the places are the system's; a service manager says otherwise.
    CONFIGURATION_DIRECTORY: join(home, "config", "trustix"),
    STATE_DIRECTORY: join(home, "state"),
    RUNTIME_DIRECTORY: home,
    TRUSTIX_SPOOL: join(home, "spool"),
    NODE_COMPILE_CACHE: join(home, "compiled"),
  };
}

async function run(name: "trustix" | "trustix-nix", ...args: string[]): Promise<Ran> {
  const words = args.map((word) => (word === "" ? '""' : word)).join(" ");
  const { exit, stdout, stderr } = await runCommand(`${name} ${words}`, { cwd: home, env: env() });
  return { exit, out: stdout.join("\n"), err: stderr.join("\n") };
}

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [source("trustix"), "daemon", ...args], { env: env(), cwd: home });
  const running: Running = {
    child,
    said: "",
    ended: new Promise((resolve) => child.on("close", resolve)),
  };
  child.stderr.on("data", (chunk: Buffer) => (running.said += chunk.toString()));
  return running;
}

async function ready(running: Running): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!running.said.includes('"msg":"ready"')) {
    if (running.child.exitCode !== null || Date.now() > deadline) throw new Error(`no daemon: ${running.said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "trustix-cli-"));
  await chmod(home, 0o700);
});
afterAll(async () => {
  daemon?.child.kill("SIGKILL");
  await daemon?.ended;
  await rm(home, { recursive: true });
});

test("a fresh node: made, started, written to, read, checked, ended", { timeout: 90_000 }, async () => {
  expect(await run("trustix", "daemon")).toMatchObject({
    exit: 2,
    out: "",
    err: expect.stringMatching(/trustix\.toml: there is no such file\ntrustix: hint: `trustix init` makes/),
  });
  expect(await run("trustix", "init")).toMatchObject({ exit: 0, out: expect.stringContaining("  trustix daemon") });
  daemon = start();
  await ready(daemon);

  const hex = (text: string): string => Buffer.from(text).toString("hex");
  const key = hex(`/nix/store/${"0".repeat(31)}1-hello-2.12`);
  expect(await run("trustix", "submit", "--key", key, "--value", hex("v1"))).toEqual({ exit: 0, out: "OK", err: "" });
  expect(await run("trustix", "flush")).toEqual({ exit: 0, out: "", err: "" });
  const queried = await run("trustix", "query", "--key", key);
  expect(queried).toMatchObject({ exit: 0, err: "" });
  const digest = /^Output digest: ([0-9a-f]{64})$/.exec(queried.out)![1]!;
  expect(await run("trustix", "get-value", "--digest", digest)).toEqual({ exit: 0, out: "v1", err: "" });
  expect(await run("trustix", "query", "--key", hex("nobody"))).toMatchObject({ exit: 1, out: "" });
  expect(await run("trustix", "decide", "--protocol", "nix", "--key", key)).toEqual({
    exit: 0,
    out: `Decided on output digest '${digest}' with confidence 100`,
    err: "",
  });
  expect(await run("trustix", "decide", "--protocol", "nix", "--key", hex("nobody"))).toMatchObject({ exit: 3 });
  expect(await run("trustix", "submit", "--key", key, "--value", hex("v2"))).toMatchObject({ exit: 3, out: "" });
  expect((await run("trustix", "refused")).out).toContain(`hello-2.12 stands '${digest}' refused '`);
  expect((await run("trustix", "status")).out).toMatch(
    /published mine [0-9a-f]{64} \(nix\): 1 entry, 0 waiting, 1 refused/,
  );
  expect((await run("trustix", "logs")).out).toMatch(/^[0-9a-f]{64} published nix /);

  // The token of those who submit is not that of the node: which one was shown, and where the other is.
  const submitters = join(home, "config/trustix/trustix.token");
  const withTheirs = { cwd: home, env: { ...env(), TRUSTIX_TOKEN: submitters } };
  const refused = await runCommand("trustix token list", withTheirs);
  expect(refused.exit).toBe(1);
  expect(refused.stderr.join("\n")).toContain("is for the holder of the node's own token");
  const own = join(home, "state/trustix.token");
  expect(refused.stderr.join("\n")).toContain(
    `hint: the token sent is that in ${submitters}; TRUSTIX_TOKEN names another: the node's own, ` +
      `trustix.token in the state folder of the daemon, usually ${own}`,
  );
  expect(await runCommand("trustix token list", { cwd: home, env: { ...env(), TRUSTIX_TOKEN: own } })).toMatchObject({
    exit: 0,
  });

  // Two daemons never write to one state, and nobody checks what a daemon holds.
  const second = await run("trustix", "daemon", "--listen", `unix://${home}/second.socket`);
  expect(second).toMatchObject({ exit: 1, err: expect.stringContaining(String(daemon.child.pid)) });
  expect(second.err).toContain("\ntrustix: hint: a daemon runs on it");
  expect(await run("trustix", "fsck")).toMatchObject({
    exit: 1,
    out: "",
    err: expect.stringMatching(/pid .*\ntrustix: hint: end that process first/),
  });

  daemon.child.kill("SIGTERM");
  // An end that comes too late is exit 1.
  expect(await daemon.ended).toBe(0);
  expect(await run("trustix", "fsck")).toMatchObject({
    exit: 0,
    out: expect.stringMatching(/: 1 entry, \d+ heads?, .*: sound\nstore: 1 value, 0 records of followed logs: sound$/),
  });
  expect(await run("trustix", "fsck", "--state", "nowhere")).toMatchObject({
    exit: 1,
    err: expect.stringContaining("holds no state"),
  });
});

test("what the hook noted reaches the log through the daemon", { timeout: 60_000 }, async () => {
  const spool = join(home, "spool");
  await mkdir(spool, { recursive: true, mode: 0o700 });
  const [drv, out] = [1, 2].map((n) => `/nix/store/${"0".repeat(31)}${n}-demo-1.0`) as [string, string];
  const derivation = `Derive([("out","${out}","","")],[],[],"x86_64-linux","/bin/sh",[],[("name","demo-1.0"),("out","${out}")])`;
  const facts = [out, "ab".repeat(32), "120", `${drv}.drv`, "0"].join("\n");
  const item = `trustix-spool 1\ndrv ${drv}.drv\nout ${out}\nfacts\n${facts}\nderivation\n${derivation}\nend\n`;
  await writeFile(join(spool, "x-1-0.item"), item, { mode: 0o600 });
  daemon = start("--interval", "5");
  await ready(daemon);
  const key = Buffer.from(out).toString("hex");
  let found: Ran | undefined;
  for (let i = 0; i < 60 && found?.exit !== 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    found = await run("trustix", "query", "--key", key);
  }
  expect(found, daemon.said).toMatchObject({ exit: 0 });
  expect((await readdir(spool)).filter((name) => name.endsWith(".item"))).toEqual([]);
  // The daemon is its worker: another one is refused, and says who has it.
  expect(await run("trustix-nix", "spool", "--once")).toMatchObject({
    exit: 1,
    err: expect.stringContaining(String(daemon.child.pid)),
  });
  daemon.child.kill("SIGTERM");
  expect(await daemon.ended).toBe(0);
});

test(
  "a worker of its own drains the spool when there is no daemon, and waits when nobody answers",
  { timeout: 60_000 },
  async () => {
    expect(await run("trustix-nix", "spool", "--once")).toMatchObject({
      exit: 0,
      out: "0 claims accepted, 0 refused, 0 skipped, 0 bad",
    });
    await chmod(join(home, "spool"), 0o777);
    expect(await run("trustix-nix", "spool", "--once")).toMatchObject({
      exit: 1,
      err: expect.stringMatching(/others may write to the spool .*\n.*hint: chmod 0700/),
    });
  },
);
