/** The process around a command: signals and pipes. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const TRUSTIX = join(import.meta.dirname, "../src/trustix.ts");
let home: string;
let silent: Server;
let connected: () => void = () => undefined;

/** A node that takes connections and never answers. */
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "trustix-cli-"));
  silent = createServer((socket) => {
    socket.on("error", () => undefined).resume(); // read, so that its end is noticed
    connected();
  });
  await new Promise<void>((resolve) => silent.listen(join(home, "silent.socket"), resolve));
});
afterAll(async () => {
  await new Promise((resolve) => silent.close(resolve));
  await rm(home, { recursive: true });
});

function start(...args: string[]): { child: ChildProcess; end: Promise<{ exit: number | null; stderr: string }> } {
  const env = { PATH: process.env["PATH"], TRUSTIX_RPC: `unix://${home}/silent.socket` };
  const child = spawn(process.execPath, [TRUSTIX, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr!.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const end = new Promise<{ exit: number | null; stderr: string }>((resolve) => {
    child.on("close", (exit) => resolve({ exit, stderr }));
  });
  return { child, end };
}

test("Ctrl-C ends a waiting command at once and without a word", async () => {
  const waiting = new Promise<void>((resolve) => (connected = resolve));
  const { child, end } = start("status", "--timeout", "60");
  await waiting;
  child.kill("SIGINT");
  expect(await end).toEqual({ exit: 130, stderr: "" });
});

test("a node that never answers costs the time that was allowed", async () => {
  const { end } = start("status", "--timeout", "0.3");
  const { exit, stderr } = await end;
  expect(exit).toBe(1);
  expect(stderr).toContain("no answer within 300 ms");
});

test("a reader that goes away is no error", async () => {
  const { child, end } = start("--help");
  child.stdout!.destroy();
  expect(await end).toEqual({ exit: 0, stderr: "" });
});

test("a full disk under stdout is told on stderr", async () => {
  const full = await open("/dev/full", "w");
  const child = spawn(process.execPath, [TRUSTIX, "--help"], { stdio: ["ignore", full.fd, "pipe"] });
  let said = "";
  child.stderr!.on("data", (chunk: Buffer) => (said += chunk.toString()));
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(1);
  expect(said).toBe("trustix: error: stdout cannot be written: ENOSPC: no space left on device, write\n");
  await full.close();
});

test.each(["--help", "-h"])(
  "the launcher has Node print the hook's help for %s, and starts none without it",
  async (word) => {
    const run = promisify(execFile);
    const launcher = join(import.meta.dirname, "../bin/trustix-nix");
    const { stdout } = await run(launcher, ["post-build-hook", word]);
    expect(stdout).toMatch(/^Usage: trustix-nix post-build-hook/);
    const { stderr } = await run(launcher, ["post-build-hook"], { env: { PATH: "/usr/bin:/bin" } });
    expect(stderr).toContain("no derivation in DRV_PATH");
  },
);

/** A program of our own kind that logs. */
const LOGGING = `
import { main } from ${JSON.stringify(join(import.meta.dirname, "../src/main.ts"))};
import { stderrLogger } from ${JSON.stringify(join(import.meta.dirname, "../src/logger.ts"))};
const load = async () => ({ run: async ({ io }) => stderrLogger(io).info({ treeSize: 8 }, "head taken") });
const say = { name: "say", summary: "", examples: ["say"], load };
await main({ name: "test", summary: "", version: "1", flags: [], commands: [say], examples: ["say"] });
`;

test("logs are JSON for programs and text for somebody at a terminal", async () => {
  const program = join(home, "logging.mjs");
  await writeFile(program, LOGGING);
  const run = promisify(execFile);
  const { stderr } = await run(process.execPath, [program, "say"]);
  expect(JSON.parse(stderr)).toMatchObject({ level: 30, treeSize: 8, msg: "head taken" });
  // `script` gives it a terminal.
  const { stdout } = await run("script", ["-qec", `'${process.execPath}' '${program}' say`, "/dev/null"]);
  expect(stdout).toMatch(/^[-\dT:]+Z INFO  head taken treeSize=8\r?\n$/);
});

/** A program of our own kind that prints 3 MB and is done. */
const BIG = `
import { main } from ${JSON.stringify(join(import.meta.dirname, "../src/main.ts"))};
const load = async () => ({ run: async ({ io }) => (io.out("x".repeat(3e6)), io.note("y".repeat(3e6)), 3) });
const big = { name: "big", summary: "", examples: ["big"], load };
await main({ name: "test", summary: "", version: "1", flags: [], commands: [big], examples: ["big"] });
`;

test("a reader that takes its time gets everything, and then the exit code", async () => {
  const program = join(home, "big.mjs");
  await writeFile(program, BIG);
  const child = spawn(process.execPath, [program, "big"], { stdio: ["ignore", "pipe", "pipe"] });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  let bytes = 0;
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(3);
  expect(bytes).toBe(6e6 + 2);
});

test("Ctrl-C ends a command that is done and waits for its reader", async () => {
  const program = join(home, "big.mjs");
  await writeFile(program, BIG);
  const child = spawn(process.execPath, [program, "big"], { stdio: ["ignore", "pipe", "pipe"] });
  const closed = new Promise((resolve) => child.on("exit", resolve));
  // Its first bytes are there, and the rest is never taken.
  await new Promise((resolve) => child.stdout.once("readable", resolve));
  child.kill("SIGINT");
  // A signal that comes before the command is over only asks it to end.
  const again = setInterval(() => child.kill("SIGINT"), 200);
  expect(await closed).toBe(130);
  clearInterval(again);
});
