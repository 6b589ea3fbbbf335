/**
 * The daemon as installed, as a process of its own: the command is built first (from the source it would take 45 MB more),
 * the embedded store, 10 000 entries of 32-byte keys and values. What it takes when idle; map proofs asked of it over
 * loopback by 16 callers, every proof checked; what it costs that a call is signed.
 *
 * An empty Node takes 43 MB, 35 of it the program itself. The daemon adds 19 of that program that only it uses, 38 of heap,
 * of which 19 are in use, and 7 outside of it, LevelDB's included.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { httpTransport, logClient, signCalls, type RpcTransport } from "@trustix/client";
import { nodeCrypto } from "@trustix/node-crypto";
import { LogAPI, LogRPC, NodeAPI } from "@trustix/proto";
import {
  mapPath,
  mapProofFromWire,
  mapValueHash,
  openSignedCall,
  parseLogId,
  parsePrivateToken,
  parsePublicKey,
  SIGNED_CALL_HEADER,
  tokenHeader,
  type LogHead,
} from "@trustix/protocol";
import { verifyPresence } from "@trustix/merkle";
import { bundle } from "../scripts/build/bundle.ts";
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
  /** Over TCP, where every call is signed. */
  readonly signed: RpcTransport;
}

/** A socket for its user, a port for everybody, one for those it knows. */
const LISTENERS = `
[[listeners]]
address = "unix://${home}/trustix.socket"
[[listeners]]
address = "http://127.0.0.1:0"
[[listeners]]
address = "http://127.0.0.2:0"
private = true
`;

async function startDaemon(): Promise<Running> {
  const config = join(home, "node/trustix.toml");
  const child = spawn(TRUSTIX, ["daemon", "--config", config, "--state", join(home, "state")], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let lines = "";
  const [open, known] = await new Promise<string[]>((done, fail) => {
    child.stderr.on("data", (chunk: Buffer) => {
      lines += chunk.toString();
      if (lines.includes('"ready"')) done([...lines.matchAll(/"url":"(http:[^"]+)"/g)].map(([, url]) => url!));
    });
    child.on("close", () => fail(new Error(lines)));
  });
  const token = await readToken();
  const headersFor = (path: string): Record<string, string> => ({ "Trustix-Token": tokenHeader(crypto, token, path) });
  const socket = httpTransport(`unix://${home}/trustix.socket`, { headersFor });
  const tcp = httpTransport(open!, { connections: CALLERS });
  const signed = httpTransport(known!, { connections: CALLERS, headersFor: signCalls({ ...SIGNER, token }) });
  return { child, socket, tcp, signed };
}

const SIGNER = { crypto, now: Date.now, nonce: () => new Uint8Array(randomBytes(16)) };

async function readToken() {
  return parsePrivateToken(crypto, await readFile(join(home, "node/trustix.token"), "utf8"));
}

async function stop({ child, socket, tcp, signed }: Running): Promise<void> {
  await Promise.all([socket.close(), tcp.close(), signed.close()]);
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

/** Calls a second of 16 callers, each one after the other. */
async function callRate(calls: number, call: () => Promise<unknown>): Promise<number> {
  let left = calls;
  const start = performance.now();
  const caller = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (calls * 1000) / (performance.now() - start);
}

const SIGNED_CALLS = 3000;

/** What it takes to sign and check one call, and what is left of the rates of calls that are. */
async function signedCalls({ socket, signed }: Running): Promise<void> {
  const token = await readToken();
  const headersFor = signCalls({ ...SIGNER, token });
  const body = new Uint8Array(randomBytes(150));
  const tokens = new Map([[token.name, token]]);
  const micros: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < SIGNED_CALLS; i++) {
      const header = headersFor("/trustix_rpc.v1.LogRPC/Submit", { audience: "127.0.0.1:8080", body });
      openSignedCall(crypto, tokens, header[SIGNED_CALL_HEADER]!);
      crypto.sha256(body);
    }
    micros.push(((performance.now() - start) * 1000) / SIGNED_CALLS);
  }
  report({
    name: "signing and checking a call",
    value: median(micros),
    unit: "us",
    better: "less",
    how: `signature, header, parsing, verification and digest of a 150-byte body, both ends in one thread, median of ${ROUNDS} x ${SIGNED_CALLS}`,
  });
  const item = () => ({ Key: new Uint8Array(randomBytes(32)), Value: new Uint8Array(randomBytes(32)) });
  const submit = (to: RpcTransport) => () => to.unary(LogRPC.method.submit, { LogID: logId, Items: [item()] }, {});
  const getHead = (to: RpcTransport) => () => to.unary(LogRPC.method.getHead, { LogID: logId }, {});
  for (const [what, call] of [
    ["reads", getHead],
    ["submits", submit],
  ] as const) {
    const rates: number[] = [];
    const beside: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rates.push(await callRate(SIGNED_CALLS, call(signed)));
      beside.push(await callRate(SIGNED_CALLS, call(socket)));
    }
    const other = Math.round(median(beside));
    report({
      name: `signed ${what}, 16 callers`,
      value: median(rates),
      unit: "calls/s",
      better: "more",
      how: `${what === "reads" ? "LogRPC.GetHead" : "Submit of one item"} over loopback TCP from one process, median of ${ROUNDS} x ${SIGNED_CALLS}; with the existing token on the unix socket ${other}/s`,
    });
  }
}

await bundle();
await run("init", "--dir", join(home, "node"));
await appendFile(join(home, "node/trustix.toml"), LISTENERS);
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
await signedCalls(daemon);
await stop(daemon);
await rm(home, { recursive: true, force: true });
