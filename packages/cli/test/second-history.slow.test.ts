/** One key, a fresh state folder and another environment: the daemon finds the marker that the first one left, and signs nothing. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "./transcript.ts";

let home: string;
let daemon: ChildProcess | undefined;
beforeEach(async () => void (home = await mkdtemp(join(tmpdir(), "trustix-second-"))));
afterEach(async () => {
  await end();
  await rm(home, { recursive: true });
});

function env(config: string, state: string): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    XDG_CONFIG_HOME: join(home, config),
    STATE_DIRECTORY: join(home, state),
    RUNTIME_DIRECTORY: home,
    TRUSTIX_SPOOL: join(home, "spool"),
  };
}

async function start(environment: Record<string, string>): Promise<void> {
  const program = join(import.meta.dirname, "../src/trustix.ts");
  const config = join(home, ".config/trustix/trustix.toml");
  const child = spawn(process.execPath, [program, "daemon", "--config", config], { env: environment, cwd: home });
  daemon = child;
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('"msg":"ready"')) resolve();
    });
    child.once("close", () => reject(new Error(`no daemon: ${said}`)));
  });
}

async function end(): Promise<void> {
  const child = daemon;
  daemon = undefined;
  if (child === undefined || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  await ended;
}

test("a fresh state under another XDG_CONFIG_HOME signs nothing and names the marker that it found", async () => {
  const first = env(".config", "state");
  const run = (command: string, environment: Record<string, string>): ReturnType<typeof runCommand> =>
    runCommand(`trustix ${command}`, { cwd: home, env: environment });
  expect(await run("init", first)).toMatchObject({ exit: 0 });
  await start(first);
  expect(await run("submit --key 00 --value 01", first)).toMatchObject({ exit: 0 });
  expect(await run("flush", first)).toMatchObject({ exit: 0 });
  await end();
  const heads = join(home, ".config/trustix/heads");
  const [logId] = await readdir(heads);

  const second = env("elsewhere", "fresh");
  await start(second);
  await run("submit --key 00 --value 02", second);
  const flushed = await run("flush", second);
  expect(flushed.exit).not.toBe(0);
  expect(flushed.stderr.join("\n")).toContain(
    `the head marker ${join(heads, logId!)} has a head of 1 entries, the store holds no head`,
  );
  expect(await readdir(home)).not.toContain("elsewhere");
});
