/** A user with binary caches and no log: a node whose voters are the caches, the proxy, and clients that trust it alone. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatPublicCacheKey, formatSecretCacheKey } from "@trustix/nix-formats";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { makeNixParty, run } from "@trustix/testkit/nix";
import type { NixParty, NixProgram, RunResult } from "@trustix/testkit/nix";
import { serveCache } from "../../examples/four-planets/cache-server.ts";
import type { CacheServer } from "../../examples/four-planets/cache-server.ts";
import { callsTo } from "../../examples/four-planets/node-calls.ts";
import type { NodeCalls } from "../../examples/four-planets/node-calls.ts";
import { Program } from "../../examples/four-planets/program.ts";
import { freePort, programEnvironment, TRUSTIX, TRUSTIX_NIX } from "../../examples/four-planets/programs.ts";

/** Somebody who builds, and offers it in a cache with a key of their own. Runs no Trustix. */
export interface CacheParty {
  readonly name: string;
  readonly party: NixParty;
  readonly folder: string;
  readonly cache: CacheServer;
  /** As nix.conf has it. */
  readonly publicKey: string;
  offer(paths: readonly string[]): Promise<void>;
}

export async function makeCacheParty(
  folder: string,
  name: string,
  nix: NixProgram,
  settings: Readonly<Record<string, string>> = {},
): Promise<CacheParty> {
  const party = await makeNixParty({ folder: join(folder, name), nix, settings });
  const { secretKeyFile, publicKey } = await party.makeKey(`${name}-1`);
  const files = join(folder, name, "binary-cache");
  return {
    name,
    party,
    folder: files,
    cache: await serveCache(files),
    publicKey,
    offer: async (paths) => void (await party.copyToCache(paths, { secretKeyFile })),
  };
}

export interface CacheUser {
  readonly proxyUrl: string;
  readonly proxyKey: string;
  readonly calls: NodeCalls;
  /** `more`: in the configuration, before the tables. */
  start(more?: string): Promise<void>;
  stop(): Promise<void>;
  client(name: string): Promise<NixParty>;
  /** `trustix` with these words, against the node. */
  trustix(...words: string[]): Promise<RunResult>;
  /** What the daemon said so far. */
  said(): string;
}

export async function makeCacheUser(
  folder: string,
  nix: NixProgram,
  caches: readonly CacheParty[],
  threshold: number,
): Promise<CacheUser> {
  const home = join(folder, "user");
  await mkdir(home, { recursive: true, mode: 0o700 });
  const socket = `unix://${join(home, "trustix.socket")}`;
  const address = `127.0.0.1:${await freePort()}`;
  const seed = randomSeed();
  const key = { name: "my-proxy-1", seed, publicKey: nodeCrypto().ed25519PublicKey(seed) };
  const secretKey = join(home, "proxy.secret");
  await writeFile(secretKey, formatSecretCacheKey(key), { mode: 0o600 });
  const config = join(home, "trustix.toml");
  const env = programEnvironment(home);
  const calls = callsTo(socket);
  const proxyUrl = `http://${address}`;
  const proxyKey = formatPublicCacheKey(key);
  let daemon: Program | undefined;
  let proxy: Program | undefined;
  return {
    proxyUrl,
    proxyKey,
    calls,
    async start(more = "") {
      await writeFile(config, configuration(caches, threshold, more));
      const state = join(home, "state");
      daemon = new Program({
        name: "the daemon",
        command: TRUSTIX,
        args: ["daemon", "--config", config, "--state", state, "--listen", socket],
        env,
      });
      await daemon.answers(() => calls.status());
      proxy = new Program({
        name: "the proxy",
        command: TRUSTIX_NIX,
        args: [
          "binary-cache-proxy",
          "--privkey",
          secretKey,
          "--listen",
          address,
          "--config",
          config,
          "--address",
          socket,
        ],
        env,
      });
      await proxy.answers(async () => ((await fetch(`${proxyUrl}/nix-cache-info`)).ok ? true : undefined));
    },
    async stop() {
      await proxy?.stop();
      await daemon?.stop();
    },
    client: (name) =>
      makeNixParty({
        folder: join(folder, name),
        nix,
        settings: { substituters: proxyUrl, "trusted-public-keys": proxyKey, "require-sigs": "true" },
      }),
    trustix: (...words) => run(TRUSTIX, [...words, "--address", socket], { env, cwd: home }),
    said: () => daemon?.said ?? "",
  };
}

function configuration(caches: readonly CacheParty[], threshold: number, more: string): string {
  const voters = caches.map(
    ({ name, cache, publicKey }) => `
[[voters]]
kind = "binary-cache"
name = "${name}"
url = "${cache.url}"
public-keys = ["${publicKey}"]
`,
  );
  return `${more}
[[decider.nix]]
engine = "quorum"
quorum = { threshold = ${threshold} }
${voters.join("")}`;
}
