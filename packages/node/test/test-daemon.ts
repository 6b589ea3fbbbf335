/** A party with a key of its own, its daemon from a configuration file, and clients at the daemon's socket. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { toBase64 } from "@trustix/crypto";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { LogRPC, NodeAPI, NodeExt, RPCApi } from "@trustix/proto";
import { formatPrivateKey, keyPairOfSeed, logIdOf, parsePrivateToken, TEST, tokenHeader } from "@trustix/protocol";
import { pino } from "pino";
import { loadConfig, startDaemon, type Daemon } from "../src/index.ts";
import { realClock } from "./server/test-node.ts";

export const crypto = nodeCrypto();

export interface Party {
  readonly folder: string;
  readonly keys: ReturnType<typeof keyPairOfSeed>;
  readonly logId: string;
}

export async function party(root: string, name: string): Promise<Party> {
  const folder = join(root, name);
  await mkdir(folder, { mode: 0o700 });
  const keys = keyPairOfSeed(crypto, randomSeed());
  await writeFile(join(folder, "key"), formatPrivateKey(keys), { mode: 0o600 });
  return { folder, keys, logId: logIdOf(crypto, { protocol: TEST, publicKey: keys.publicKey }) };
}

export const publisherToml = ({ keys, folder }: Party) => `
head-marker = "${folder}/markers"
[[publishers]]
protocol = "test"
signer = "one"
[publishers.publicKey]
type = "ed25519"
key = "${toBase64(keys.publicKey)}"
[signers.one]
type = "ed25519"
[signers.one.ed25519]
private-key-path = "${folder}/key"
[flush]
interval = 3600
`;

export interface Started {
  readonly daemon: Daemon;
  readonly lines: string[];
}

export async function start(
  folder: string,
  toml: string,
  env: Record<string, string> = {},
  listen: string[] = [],
): Promise<Started> {
  const path = join(folder, "trustix.toml");
  await writeFile(path, toml);
  const lines: string[] = [];
  const daemon = await startDaemon({
    config: await loadConfig(path, { crypto, cwd: folder }),
    state: join(folder, "state"),
    listen,
    defaultListen: `unix://${folder}/trustix.socket`,
    env,
    pid: process.pid,
    version: "0.0.0-test",
    crypto,
    clock: realClock,
    random: Math.random,
    randomSeed,
    log: pino({ level: "info" }, { write: (line: string) => void lines.push(line) }),
  });
  return { daemon, lines };
}

export async function clientsOf(folder: string, withToken = true) {
  const token = parsePrivateToken(crypto, await readFile(join(folder, "state/trustix.token"), "utf8"));
  const sign: Interceptor = (next) => (request) => {
    const path = new URL(request.url).pathname;
    if (withToken) request.header.set("Trustix-Token", tokenHeader(crypto, token, path));
    return next(request);
  };
  const at = createConnectTransport({
    baseUrl: "http://localhost",
    httpVersion: "1.1",
    interceptors: [sign],
    nodeOptions: { createConnection: () => connect({ path: join(folder, "trustix.socket") }) },
  });
  return {
    log: createClient(LogRPC, at),
    rpc: createClient(RPCApi, at),
    node: createClient(NodeExt, at),
    public: createClient(NodeAPI, at),
  };
}
