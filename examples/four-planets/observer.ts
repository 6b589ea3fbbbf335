/**
 * The user's side: a node without a log of its own that follows the planets and wants three to agree, and a binary cache
 * proxy that signs what it decided with the user's own key.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatPublicCacheKey, formatSecretCacheKey } from "@trustix/nix-formats";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { formatPrivateToken, formatPublicToken, keyPairOfSeed } from "@trustix/protocol";
import { callsTo } from "./node-calls.ts";
import type { NodeCalls } from "./node-calls.ts";
import type { Planet } from "./planet.ts";
import { Program, until } from "./program.ts";
import { freePort, programEnvironment, TRUSTIX, TRUSTIX_NIX } from "./programs.ts";

export const QUORUM = 3;
const KEY_NAME = "my-own-proxy-1";

export interface ObserverOptions {
  /** Whose node it is, for messages. */
  readonly name: string;
  readonly folder: string;
  readonly planets: readonly Planet[];
  readonly proxyPort?: number;
  /** Seconds that a decision waits for votes; the node's default is 2. */
  readonly decisionBudget?: number;
  /** Whether it copies the logs, which is the node's default, or asks them for each path. */
  readonly syncmode?: "full" | "light";
  /** More lines of the configuration. */
  readonly more?: string;
}

/** A node that heads are compared with: it is asked, or it may ask. */
export type Peer = Pick<Observer, "socket"> | Pick<Observer, "token">;

export interface Observer {
  readonly folder: string;
  /** The file. */
  readonly config: string;
  readonly socket: string;
  /** The public half of its own token, by which its peers know it. */
  readonly token: string;
  readonly calls: NodeCalls;
  readonly proxyUrl: string;
  /** As nix.conf has it. */
  readonly proxyKey: string;
  daemon: Program | undefined;
  proxy: Program | undefined;
  startDaemon(): Promise<void>;
  /** Restarts the daemon with another configuration. */
  reconfigure(to: { readonly planets?: readonly Planet[]; readonly peers?: readonly Peer[] }): Promise<void>;
  startProxy(): Promise<void>;
  /** Resolves once the node holds a head of at least `size` entries of each of these planets' logs. */
  follows(planets: readonly Planet[], size: number): Promise<void>;
  close(): Promise<void>;
}

export async function makeObserver(options: ObserverOptions): Promise<Observer> {
  const { name, folder } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const socket = `unix://${join(folder, "trustix.socket")}`;
  const proxyAddress = `127.0.0.1:${options.proxyPort ?? (await freePort())}`;
  const proxyUrl = `http://${proxyAddress}`;
  const secretKey = join(folder, "proxy.secret");
  const crypto = nodeCrypto();
  const seed = randomSeed();
  const publicKey = crypto.ed25519PublicKey(seed);
  await writeFile(secretKey, `${formatSecretCacheKey({ name: KEY_NAME, seed, publicKey })}\n`, { mode: 0o600 });
  const state = join(folder, "state");
  const token = { name: "default", ...keyPairOfSeed(crypto, randomSeed()) };
  await mkdir(state, { mode: 0o700 });
  await writeFile(join(state, "trustix.token"), `${formatPrivateToken(token)}\n`, { mode: 0o600 });
  const config = join(folder, "trustix.toml");
  let configured = { planets: options.planets, peers: [] as readonly Peer[] };
  const configure = (): Promise<void> => writeFile(config, configuration({ ...options, ...configured }));
  await configure();
  const env = programEnvironment(folder);
  const calls = callsTo(socket);
  const closing = new AbortController();

  const observer: Observer = {
    folder,
    config,
    socket,
    token: formatPublicToken(token),
    calls,
    proxyUrl,
    proxyKey: formatPublicCacheKey({ name: KEY_NAME, publicKey }),
    daemon: undefined,
    proxy: undefined,
    async startDaemon() {
      const args = ["daemon", "--config", config, "--state", state, "--listen", socket, "--interval", "1"];
      const daemon = new Program({ name: `${name}'s daemon`, command: TRUSTIX, args, env });
      observer.daemon = daemon;
      await daemon.answers(() => calls.status());
    },
    async reconfigure(to) {
      configured = { ...configured, ...to };
      await observer.daemon?.stop();
      await configure();
      await observer.startDaemon();
    },
    async startProxy() {
      const flags = ["--privkey", secretKey, "--listen", proxyAddress, "--config", config, "--address", socket];
      const proxy = new Program({
        name: "the proxy",
        command: TRUSTIX_NIX,
        args: ["binary-cache-proxy", ...flags],
        env,
      });
      observer.proxy = proxy;
      await proxy.answers(async () => ((await fetch(`${proxyUrl}/nix-cache-info`)).ok ? true : undefined));
    },
    async follows(wanted, size) {
      const ask = async (): Promise<true | undefined> => {
        const { Followed } = await calls.status();
        const sizes = new Map(Followed.map((log) => [log.Log?.LogID, Number(log.Head?.TreeSize ?? 0)]));
        return wanted.every((planet) => (sizes.get(planet.logId) ?? 0) >= size) ? true : undefined;
      };
      await until(`heads of ${size} entries are followed`, ask, undefined, closing.signal);
    },
    async close() {
      closing.abort(new Error(`${name}'s side is closed`));
      await calls.close();
      await observer.proxy?.stop();
      await observer.daemon?.stop();
    },
  };
  return observer;
}

interface Configured extends ObserverOptions {
  readonly peers: readonly Peer[];
}

function configuration({ planets, peers, decisionBudget = 2, syncmode = "full", more = "" }: Configured): string {
  const remotes = planets.map(({ url }) => `  "${url}",\n`).join("");
  const logs = planets.map(
    ({ name, publicKey, cache }) => `
[[subscribers]]
protocol = "nix"
name = "${name}"
syncmode = "${syncmode}"
publicKey = { type = "ed25519", key = "${publicKey}" }
meta = { upstream = "${cache.url}" }
`,
  );
  const others = peers.map((peer) => {
    return "socket" in peer ? `\n[[peers]]\nurl = "${peer.socket}"\n` : `\n[[peers]]\ntoken = "${peer.token}"\n`;
  });
  return `# Follows some builders and believes what three of them agree on.
decision-budget = ${decisionBudget}
remotes = [
${remotes}]

[[decider.nix]]
engine = "quorum"
quorum = { threshold = ${QUORUM} }
${logs.join("")}${others.join("")}${more}`;
}
