/**
 * The daemon as installed, as a process of its own: the built command, the embedded store, 10 000 entries of 32-byte
 * keys and values. What it takes when idle, and map proofs asked of it over loopback by 16 callers; every proof is checked.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { httpTransport, logClient, type RpcTransport } from "@trustix/client";
import { nodeCrypto } from "@trustix/node-crypto";
import { LogAPI, LogRPC, NodeAPI } from "@trustix/proto";
import {
  mapPath,
  mapProofFromWire,
  mapValueHash,
  parseLogId,
  parsePrivateToken,
  parsePublicKey,
  tokenHeader,
  type LogHead,
} from "@trustix/protocol";
import { verifyPresence } from "@trustix/merkle";
import { median, report } from "./figure.ts";

const ENTRIES = 10_000;
const CALLERS = 16;
const CALLS = 20_000;
const ROUNDS = 3;
const TRUSTIX = resolve(import.meta.dirname, "../packages/cli/bin/trustix");

const crypto = nodeCrypto();
const home = await mkdtemp(join(tmpdir(), "trustix-bench-"));
const env = {
  PATH: process.env["PATH"] ?? "",
  HOME: home,
  XDG_CONFIG_HOME: home,
  XDG_RUNTIME_DIR: home,
  TRUSTIX_SPOOL: join(home, "spool"),
};

function run(...args: string[]): Promise<void> {
  const child = spawn(TRUSTIX, args, { env, stdio: ["ignore", "ignore", "inherit"] });
  return new Promise((done, fail) => {
    child.on("close", (code) =>
      code === 0 ? done() : fail(new Error(`trustix ${args.join(" ")}: exit code ${code}`)),
    );
  });
}

interface Running {
  readonly child: ChildProcess;
  readonly socket: RpcTransport;
  /** Over TCP, as others ask. */
  readonly tcp: RpcTransport;
}

async function startDaemon(): Promise<Running> {
  const config = join(home, "node/trustix.toml");
  const listen = ["--listen", `unix://${home}/trustix.socket`, "--listen", "http://127.0.0.1:0"];
  const child = spawn(TRUSTIX, ["daemon", "--config", config, "--state", join(home, "state"), ...listen], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let lines = "";
  const url = await new Promise<string>((done, fail) => {
    child.stderr.on("data", (chunk: Buffer) => {
      lines += chunk.toString();
      const found = /"url":"(http:[^"]+)"/.exec(lines)?.[1];
      if (found !== undefined && lines.includes('"ready"')) done(found);
    });
    child.on("close", () => fail(new Error(lines)));
  });
  const token = parsePrivateToken(crypto, await readFile(join(home, "node/trustix.token"), "utf8"));
  const headersFor = (path: string): Record<string, string> => ({ "Trustix-Token": tokenHeader(crypto, token, path) });
  const socket = httpTransport(`unix://${home}/trustix.socket`, { headersFor });
  return { child, socket, tcp: httpTransport(url, { connections: CALLERS }) };
}

async function stop({ child, socket, tcp }: Running): Promise<void> {
  await Promise.all([socket.close(), tcp.close()]);
  const ended = new Promise((done) => child.on("close", done));
  child.kill("SIGTERM");
  await ended;
}

/** The launcher replaces itself by Node, so the child is the daemon. */
async function residentMb({ child }: Running): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}

/** Asks and checks; answers proofs a second. */
async function proofs({ tcp }: Running, keys: readonly Uint8Array[], head: LogHead): Promise<number> {
  let next = 0;
  const start = performance.now();
  const caller = async (): Promise<void> => {
    while (next < CALLS) {
      const key = keys[next++ % keys.length]!;
      const answer = await tcp.unary(LogAPI.method.getMapValue, { LogID: logId, Key: key, MapRoot: head.mapRoot }, {});
      verifyPresence(
        crypto,
        head.mapRoot,
        mapPath(crypto, key),
        mapValueHash(crypto, answer.Value),
        mapProofFromWire(answer.Proof!),
      );
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (CALLS * 1000) / (performance.now() - start);
}

await run("init", "--dir", join(home, "node"));
const publicKey = parsePublicKey((await readFile(join(home, "node/log.pub"), "utf8")).trim());
let daemon = await startDaemon();
const { Logs } = await daemon.tcp.unary(NodeAPI.method.logs, {}, {});
const logId = parseLogId(Logs[0]!.LogID);
const keys = Array.from({ length: ENTRIES }, () => new Uint8Array(randomBytes(32)));
for (let at = 0; at < ENTRIES; at += 1000) {
  const Items = keys.slice(at, at + 1000).map((Key) => ({ Key, Value: new Uint8Array(randomBytes(32)) }));
  await daemon.socket.unary(LogRPC.method.submit, { LogID: logId, Items }, {});
}
await daemon.socket.unary(LogRPC.method.flush, { LogID: logId }, {});
await stop(daemon);

daemon = await startDaemon();
await new Promise((done) => setTimeout(done, 10_000));
report({
  name: "idle node",
  value: await residentMb(daemon),
  unit: "MB",
  better: "less",
  target: 120,
  scale: "none",
  how: `resident memory of the built daemon with ${ENTRIES} entries, 10 s after start, nobody asking`,
});

const client = logClient({ crypto, transport: daemon.tcp, log: { id: logId, publicKey } });
const head = await client.head();
if (head.kind !== "head") throw new Error(`no head: ${JSON.stringify(head)}`);
const rates: number[] = [];
await proofs(daemon, keys, head.head);
for (let i = 0; i < ROUNDS; i++) rates.push(await proofs(daemon, keys, head.head));
report({
  name: "map proofs, 16 callers",
  value: median(rates),
  unit: "proofs/s",
  better: "more",
  target: 10_000,
  how: `GetMapValue over loopback TCP from one client process that checks each proof, ${ENTRIES} entries, median of ${ROUNDS} x ${CALLS}`,
});
await stop(daemon);
await rm(home, { recursive: true, force: true });
