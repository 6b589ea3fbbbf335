/**
 * SIGKILL on the real daemon while it copies another daemon's log, again and again on one state: after each the store
 * checks out, and the last one comes to the end. The kernel keeps what was written, so this shows order and atomicity; that
 * writes are synced is the store's own promise.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { httpTransport } from "@trustix/client";
import { utf8 } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { LogRPC } from "@trustix/proto";
import { parsePrivateToken, TOKEN_HEADER, tokenHeader } from "@trustix/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "./transcript.ts";

const TRUSTIX = join(import.meta.dirname, "../src/trustix.ts");
const ENTRIES = 60_000;
const KILLS = process.env["SLOW"] ? 20 : 4;
const children = new Set<ChildProcess>();
let home: string;

const env = (): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  HOME: home,
  TRUSTIX_SPOOL: join(home, "spool"),
  TRUSTIX_TOKEN: join(home, "token"),
  NODE_COMPILE_CACHE: join(home, "compiled"),
});
const address = (name: string): string => `unix://${home}/${name}.socket`;

async function run(...args: string[]) {
  const { exit, stdout, stderr } = await runCommand(`trustix ${args.join(" ")}`, { cwd: home, env: env() });
  return { exit, out: stdout.join("\n"), err: stderr.join("\n") };
}

/** Resolves when it is ready. */
async function daemon(name: string): Promise<{ child: ChildProcess; ended: Promise<unknown> }> {
  const args = `daemon --config ${name}.toml --state ${name}-state --listen ${address(name)} --interval 1`.split(" ");
  const child = spawn(process.execPath, [TRUSTIX, ...args], {
    env: env(),
    cwd: home,
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.add(child);
  const ended = new Promise((resolve) => child.on("close", (exit, signal) => resolve(signal ?? exit)));
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  while (!said.includes('"msg":"ready"')) {
    if (child.exitCode !== null) throw new Error(`no daemon ${name}: ${said}`);
    await pause(20);
  }
  return { child, ended };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface CopyShown {
  readonly state: string;
  readonly entries: number;
}

async function copy(): Promise<CopyShown> {
  const { out } = await run("mirror", "--json", "--address", address("follower"));
  return (JSON.parse(out) as CopyShown[])[0]!;
}

async function publishAll(): Promise<void> {
  const crypto = nodeCrypto();
  const token = parsePrivateToken(crypto, await readFile(join(home, "token"), "utf8"));
  const headersFor = (procedure: string) => ({ [TOKEN_HEADER]: tokenHeader(crypto, token, procedure) });
  const transport = httpTransport(address("publisher"), { headersFor });
  const LogID = (await run("print-log-id", "--protocol", "test", "--pubkey", "log.pub")).out;
  for (let from = 0; from < ENTRIES; from += 5000) {
    const Items = Array.from({ length: 5000 }, (_, i) => ({
      Key: utf8(`key ${from + i}`),
      Value: utf8(`value ${from + i}`),
    }));
    await transport.unary(LogRPC.method.submit, { LogID, Items }, { timeoutMs: 60_000 });
  }
  await transport.unary(LogRPC.method.flush, { LogID }, { timeoutMs: 120_000 });
  await transport.close();
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "trustix-kill-"));
  await run("generate-key", "--privkey", "log.key", "--pubkey", "log.pub");
  await run("generate-token", "--name", "me", "--privkey", "token", "--pubkey", "token.pub");
  const read = async (name: string): Promise<string> => (await readFile(join(home, name), "utf8")).trim();
  const publicKey = `publicKey = { type = "ed25519", key = "${await read("log.pub")}" }`;
  await writeFile(
    join(home, "publisher.toml"),
    `write_tokens = ["${await read("token.pub")}"]
head-marker = "heads"
flush = { interval = 600, items = 1000000 }
[[publishers]]
protocol = "test"
signer = "mine"
${publicKey}
[signers.mine]
type = "ed25519"
ed25519 = { private-key-path = "log.key" }
`,
  );
  await writeFile(
    join(home, "follower.toml"),
    `remotes = ["${address("publisher")}"]
[[subscribers]]
protocol = "test"
${publicKey}
[[decider.test]]
engine = "quorum"
[decider.test.quorum]
threshold = 1
`,
  );
}, 60_000);
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(home, { recursive: true });
});

test(`a copy comes to its end over ${KILLS} kills of the daemon that makes it`, { timeout: 900_000 }, async () => {
  await daemon("publisher");
  await publishAll();
  for (let i = 0, before = 0; i < KILLS; i++) {
    const { child, ended } = await daemon("follower");
    // By work and not by time, so that a busy machine changes nothing: one batch more, and then any moment.
    for (let { entries } = await copy(); entries <= before && entries < ENTRIES;) ({ entries } = await copy());
    const second = await run(
      "daemon",
      "--config",
      "follower.toml",
      "--state",
      "follower-state",
      "--listen",
      address("second"),
    );
    expect(second).toMatchObject({ exit: 1, err: expect.stringContaining(String(child.pid)) });
    before = (await copy()).entries;
    await pause(Math.random() * 200);
    child.kill("SIGKILL");
    expect(await ended).toBe("SIGKILL");
    const checked = await run("fsck", "--state", "follower-state", "--config", "follower.toml");
    expect(checked).toMatchObject({ exit: 0, out: expect.stringMatching(/^copy of log .*: \d+ entries, .*: sound$/m) });
  }
  const { child, ended } = await daemon("follower");
  const waited = await run("mirror", "--wait", "--json", "--address", address("follower"));
  expect(waited).toMatchObject({ exit: 0 });
  expect(JSON.parse(waited.out)).toMatchObject([{ state: "whole", entries: ENTRIES, valued: ENTRIES, missing: 0 }]);
  for (const n of [0, 16_384, ENTRIES - 1]) {
    const key = Buffer.from(`key ${n}`).toString("hex");
    const decided = await run("decide", "--protocol", "test", "--key", key, "--json", "--address", address("follower"));
    expect(decided.exit).toBe(0);
    expect(decided.out).toContain(Buffer.from(nodeCrypto().sha256(utf8(`value ${n}`))).toString("hex"));
  }
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(await run("fsck", "--state", "follower-state", "--config", "follower.toml")).toMatchObject({ exit: 0 });
});
