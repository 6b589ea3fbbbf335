/**
 * Decisions over five copied logs, as a program of the machine asks for them: two built daemons, one that publishes the
 * logs and one that follows and copies them, and callers on the second one's socket. All share two cores.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { httpTransport, type RpcTransport } from "@trustix/client";
import { utf8 } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { LogRPC, NodeExt, RPCApi } from "@trustix/proto";
import {
  formatPrivateKey,
  formatPublicKey,
  keyPairOfSeed,
  logIdOf,
  NIX,
  parsePrivateToken,
  tokenHeader,
} from "@trustix/protocol";
import { bundle } from "../scripts/build/bundle.ts";
import { median, report } from "./figure.ts";

const NAMES = ["mercury", "venus", "saturn", "mars", "jupiter"];
const KEYS = 30_000;
const CALLERS = 16;
const ROUNDS = 3;
const TRUSTIX = resolve(import.meta.dirname, "../packages/cli/bin/trustix");

const crypto = nodeCrypto();
const home = await mkdtemp(join(tmpdir(), "trustix-bench-"));
const env = { PATH: process.env["PATH"] ?? "", HOME: home, XDG_CONFIG_HOME: home, XDG_RUNTIME_DIR: home };
const logs = NAMES.map((name) => {
  const keys = keyPairOfSeed(crypto, crypto.sha256(utf8(`bench ${name}`)));
  return { name, keys, id: logIdOf(crypto, { protocol: NIX, publicKey: keys.publicKey }) };
});

interface Running {
  readonly child: ChildProcess;
  readonly url: string | undefined;
  readonly socket: RpcTransport;
}

async function start(name: string, config: string, ...more: string[]): Promise<Running> {
  const folder = join(home, name);
  await mkdir(folder, { mode: 0o700 });
  await writeFile(join(folder, "trustix.toml"), config);
  const socket = `unix://${folder}/trustix.socket`;
  const flags = ["--config", join(folder, "trustix.toml"), "--state", join(folder, "state"), "--listen", socket];
  const child = spawn(TRUSTIX, ["daemon", ...flags, ...more], { env, stdio: ["ignore", "ignore", "pipe"] });
  let lines = "";
  const url = await new Promise<string | undefined>((done, fail) => {
    child.stderr.on("data", (chunk: Buffer) => {
      lines = (lines + chunk.toString()).slice(-100_000);
      if (lines.includes('"ready"')) done(/"url":"(http:[^"]+)"/.exec(lines)?.[1]);
    });
    child.on("close", () => fail(new Error(lines)));
  });
  const token = parsePrivateToken(crypto, await readFile(join(folder, "state/trustix.token"), "utf8"));
  // Reads on the socket need no token, and programs show none.
  const headersFor = (method: string): Record<string, string> =>
    method.endsWith("/Decide") ? {} : { "Trustix-Token": tokenHeader(crypto, token, method) };
  return { child, url, socket: httpTransport(socket, { connections: CALLERS, headersFor }) };
}

async function publish(): Promise<Running> {
  const entries = logs.map(
    ({ name, keys }) => `[[publishers]]
protocol = "nix"
name = "${name}"
signer = "${name}"
publicKey = { type = "ed25519", key = "${formatPublicKey(keys.publicKey)}" }

[signers.${name}]
type = "ed25519"
ed25519 = { private-key-path = "${join(home, name)}.private" }
`,
  );
  for (const { name, keys } of logs)
    await writeFile(join(home, `${name}.private`), formatPrivateKey(keys), { mode: 0o600 });
  const markers = `head-marker = "${home}/heads"\n`;
  const publisher = await start("publisher", markers + entries.join("\n"), "--listen", "http://127.0.0.1:0");
  for (const { id } of logs) {
    for (let at = 0; at < KEYS; at += 1000) {
      const Items = Array.from({ length: 1000 }, (_, i) => claim(at + i));
      await publisher.socket.unary(LogRPC.method.submit, { LogID: id, Items }, {});
    }
    await publisher.socket.unary(LogRPC.method.flush, { LogID: id }, { timeoutMs: 60_000 });
  }
  return publisher;
}

/** A claim as the hook makes them. */
function claim(i: number): { Key: Uint8Array; Value: Uint8Array } {
  const hash = i.toString(2).padStart(32, "0");
  const path = `/nix/store/${hash}-package-with-a-usual-name-${i % 977}.${i % 13}`;
  const references = [path, `/nix/store/${hash}-glibc-2.40-66`, `/nix/store/${hash}-bash-5.2p37`];
  const narHash = `sha256-${Buffer.from(crypto.sha256(utf8(path))).toString("base64")}`;
  return { Key: utf8(path), Value: utf8(JSON.stringify({ path, narHash, narSize: 1000 + i, references })) };
}

async function follow(url: string): Promise<Running> {
  const subscribers = logs.map(
    ({ name, keys }) => `[[subscribers]]
protocol = "nix"
name = "${name}"
syncmode = "full"
publicKey = { type = "ed25519", key = "${formatPublicKey(keys.publicKey)}" }
`,
  );
  const config = `remotes = ["${url}"]
${subscribers.join("\n")}
[[decider.nix]]
engine = "quorum"
quorum = { threshold = 3 }
`;
  const follower = await start("follower", config);
  for (;;) {
    const { Followed } = await follower.socket.unary(NodeExt.method.status, {}, {});
    if (Followed.every(({ Mirror }) => Number(Mirror?.Valued ?? 0) >= KEYS)) return follower;
    await new Promise((done) => setTimeout(done, 200));
  }
}

/** Decisions a second, each key once. */
async function decideAll({ socket }: Running): Promise<number> {
  let next = 0;
  const begun = performance.now();
  const caller = async (): Promise<void> => {
    while (next < KEYS) {
      const { Key } = claim(next++);
      const { Decision } = await socket.unary(RPCApi.method.decide, { Key, Protocol: NIX.id }, {});
      if (Decision?.Confidence !== 100) throw new Error(`five agree, confidence ${Decision?.Confidence}`);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (KEYS * 1000) / (performance.now() - begun);
}

async function stop({ child, socket }: Running): Promise<void> {
  await socket.close();
  const ended = new Promise((done) => child.on("close", done));
  child.kill("SIGTERM");
  await ended;
}

await bundle();
const publisher = await publish();
const follower = await follow(publisher.url!);
await stop(publisher);
const rates: number[] = [];
for (let i = 0; i < ROUNDS; i++) rates.push(await decideAll(follower));
report({
  name: "decide over 5 copied logs, 16 callers",
  value: rates[0]!,
  unit: "decisions/s",
  better: "more",
  target: 9000,
  how: `Decide over the socket from one process, ${KEYS} paths that five logs agree on, each asked for the first time; the publishing node is gone`,
});
report({
  name: "the same again",
  value: median(rates.slice(1)),
  unit: "decisions/s",
  better: "more",
  how: `the same paths, median of ${ROUNDS - 1} rounds`,
});
await stop(follower);
await rm(home, { recursive: true, force: true });
