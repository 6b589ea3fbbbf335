/**
 * Five logs, published by one built daemon and copied by another, for benches that ask the second one: the first is gone
 * once all is copied, so what is measured asks nobody else. Three of five must agree.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { httpTransport, type RpcTransport } from "@trustix/client";
import { utf8 } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { LogRPC, NodeExt } from "@trustix/proto";
import {
  formatPrivateKey,
  formatPublicKey,
  keyPairOfSeed,
  logIdOf,
  NIX,
  parsePrivateToken,
  tokenHeader,
} from "@trustix/protocol";

export const LOGS = ["mercury", "venus", "saturn", "mars", "jupiter"] as const;
export const TRUSTIX = resolve(import.meta.dirname, "../packages/cli/bin/trustix");

const crypto = nodeCrypto();
const logs = LOGS.map((name) => {
  const keys = keyPairOfSeed(crypto, crypto.sha256(utf8(`bench ${name}`)));
  return { name, keys, id: logIdOf(crypto, { protocol: NIX, publicKey: keys.publicKey }) };
});

export interface Claim {
  readonly Key: Uint8Array;
  readonly Value: Uint8Array;
}

/** What Nix and the hook say of one store path. */
export interface Facts {
  readonly path: string;
  readonly narHash: string;
  readonly narSize: number;
  readonly references: readonly string[];
}

export function pathOf(i: number): Facts {
  const hash = i.toString(2).padStart(32, "0");
  const path = `/nix/store/${hash}-package-with-a-usual-name-${i % 977}.${i % 13}`;
  const references = [path, `/nix/store/${hash}-glibc-2.40-66`, `/nix/store/${hash}-bash-5.2p37`];
  const narHash = `sha256-${Buffer.from(crypto.sha256(utf8(path))).toString("base64")}`;
  return { path, narHash, narSize: 1000 + i, references };
}

/** As the hook makes it. */
export function claimOf(facts: Facts): Claim {
  return { Key: utf8(facts.path), Value: utf8(JSON.stringify(facts)) };
}

export interface Running {
  /** `unix:///...` */
  readonly address: string;
  readonly socket: RpcTransport;
  readonly child: ChildProcess;
  readonly url: string | undefined;
}

/** The node that has copied, in `home`, what each log claims. `callers`: as many calls may be under way. */
export async function copyLogs(
  home: string,
  claimsOf: (log: (typeof LOGS)[number]) => readonly Claim[],
  callers = 4,
): Promise<Running> {
  const publisher = await publish(home, claimsOf);
  const sizes = new Map(logs.map(({ name, id }) => [id, claimsOf(name).length]));
  const follower = await follow(home, publisher.url!, sizes, callers);
  await stop(publisher);
  return follower;
}

export async function stop({ child, socket }: Running): Promise<void> {
  await socket.close();
  const ended = new Promise((done) => child.on("close", done));
  child.kill("SIGTERM");
  await ended;
}

/** Nothing of the machine's own Trustix. */
export function environment(home: string): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: home, XDG_CONFIG_HOME: home, XDG_RUNTIME_DIR: home };
}

async function start(home: string, name: string, config: string, callers: number, more: string[]): Promise<Running> {
  const folder = join(home, name);
  await mkdir(folder, { mode: 0o700 });
  await writeFile(join(folder, "trustix.toml"), config);
  const address = `unix://${folder}/trustix.socket`;
  const flags = ["--config", join(folder, "trustix.toml"), "--state", join(folder, "state"), "--listen", address];
  const child = spawn(TRUSTIX, ["daemon", ...flags, ...more], {
    env: environment(home),
    stdio: ["ignore", "ignore", "pipe"],
  });
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
  return { address, child, url, socket: httpTransport(address, { connections: callers, headersFor }) };
}

async function publish(home: string, claimsOf: (log: (typeof LOGS)[number]) => readonly Claim[]): Promise<Running> {
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
  const tcp = ["--listen", "http://127.0.0.1:0"];
  const publisher = await start(home, "publisher", markers + entries.join("\n"), 1, tcp);
  for (const { name, id } of logs) {
    const claims = claimsOf(name);
    for (let at = 0; at < claims.length; at += 1000) {
      await publisher.socket.unary(LogRPC.method.submit, { LogID: id, Items: claims.slice(at, at + 1000) }, {});
    }
    await publisher.socket.unary(LogRPC.method.flush, { LogID: id }, { timeoutMs: 60_000 });
  }
  return publisher;
}

async function follow(
  home: string,
  url: string,
  sizes: ReadonlyMap<string, number>,
  callers: number,
): Promise<Running> {
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
  const follower = await start(home, "follower", config, callers, []);
  for (;;) {
    const { Followed } = await follower.socket.unary(NodeExt.method.status, {}, {});
    if (Followed.every(({ Log, Mirror }) => Number(Mirror?.Valued ?? 0) >= sizes.get(Log!.LogID)!)) return follower;
    await new Promise((done) => setTimeout(done, 200));
  }
}
