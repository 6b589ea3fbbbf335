/**
 * One builder: a Nix of its own, the hook and its spool, a daemon that publishes a log, and a binary cache.
 *
 *     <folder>/nix/              store, configuration, home (testkit's Nix party)
 *     <folder>/spool/            what the hook noted
 *     <folder>/trustix.toml      the daemon's configuration; key and state beside it
 *     <folder>/trustix.socket    where the daemon answers its owner; strangers ask at `url`
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HOOK_SCRIPT } from "@trustix/nix";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { formatPrivateKey, formatPublicKey, keyPairOfSeed, logIdOf, NIX } from "@trustix/protocol";
import type { LogId } from "@trustix/protocol";
import { compromisedSandbox, makeNixParty } from "@trustix/testkit/nix";
import type { Compression, NixParty, NixProgram } from "@trustix/testkit/nix";
import { serveCache } from "./cache-server.ts";
import type { CacheServer } from "./cache-server.ts";
import { callsTo } from "./node-calls.ts";
import type { NodeCalls } from "./node-calls.ts";
import { Program } from "./program.ts";
import { freePort, programEnvironment, TRUSTIX } from "./programs.ts";

export interface PlanetOptions {
  readonly name: string;
  readonly folder: string;
  /** `undefined`: this machine has no Nix, builds are played by a script. */
  readonly nix: NixProgram | undefined;
  readonly compromised?: boolean;
  readonly compression?: Compression;
  /** Of the log's key; a new one if there is none. */
  readonly seed?: Uint8Array;
  /** Of the daemon and of the cache; free ones are chosen if there are none. */
  readonly ports?: { readonly daemon: number; readonly cache: number };
}

export interface Planet {
  readonly name: string;
  readonly folder: string;
  readonly compromised: boolean;
  readonly logId: LogId;
  /** Base64, as configurations have it. */
  readonly publicKey: string;
  /** Where strangers ask its log. */
  readonly url: string;
  /** Where its owner asks it. */
  readonly socket: string;
  readonly spool: string;
  readonly calls: NodeCalls;
  readonly cache: CacheServer;
  readonly cacheFolder: string;
  readonly party: NixParty | undefined;
  /** Signs the cache's narinfos, as Nix writes it; `undefined` without Nix. */
  readonly cacheKey: string | undefined;
  /** Aborted when the planet is closed. */
  readonly closing: AbortSignal;
  daemon: Program | undefined;
  /** Starts the daemon and waits until it answers. */
  start(): Promise<void>;
  /** Copies the closures of these paths to the cache, signed with `cacheKey`. */
  offer(paths: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export async function makePlanet(options: PlanetOptions): Promise<Planet> {
  const { name, folder, nix, compromised = false } = options;
  const spool = join(folder, "spool");
  await mkdir(spool, { recursive: true, mode: 0o700 });
  const crypto = nodeCrypto();
  const keys = keyPairOfSeed(crypto, options.seed ?? randomSeed());
  const publicKey = formatPublicKey(keys.publicKey);
  const logId = logIdOf(crypto, { protocol: NIX, publicKey: keys.publicKey });
  const socket = `unix://${join(folder, "trustix.socket")}`;
  const url = `http://127.0.0.1:${options.ports?.daemon ?? (await freePort())}`;
  const cacheFolder = join(folder, "nix", "binary-cache");
  const cache = await serveCache(cacheFolder, options.ports?.cache);
  const key = join(folder, "log.private");
  await writeFile(key, formatPrivateKey(keys), { mode: 0o600 });
  const config = join(folder, "trustix.toml");
  await writeFile(config, configuration({ name, publicKey, key, upstream: cache.url, markers: join(folder, "heads") }));

  const env = { ...programEnvironment(folder), TRUSTIX_SPOOL: spool };
  const party = nix === undefined ? undefined : await partyOf(options, nix, spool);
  const signing = await party?.makeKey(`${name}-cache-1`);
  const calls = callsTo(socket);
  const closing = new AbortController();
  const planet: Planet = {
    name,
    folder,
    compromised,
    logId,
    publicKey,
    url,
    socket,
    spool,
    calls,
    cache,
    cacheFolder,
    party,
    cacheKey: signing?.publicKey,
    closing: closing.signal,
    daemon: undefined,
    async start() {
      const state = join(folder, "state");
      const args = ["daemon", "--config", config, "--state", state, "--listen", socket, "--listen", url];
      const daemon = new Program({ name: `${name}'s daemon`, command: TRUSTIX, args, env });
      planet.daemon = daemon;
      await daemon.answers(() => calls.status());
    },
    async offer(paths) {
      if (party === undefined || signing === undefined) throw new Error("offering store paths needs Nix");
      const { secretKeyFile } = signing;
      await party.copyToCache(paths, { compression: options.compression ?? "zstd", secretKeyFile });
    },
    async close() {
      closing.abort(new Error(`${name} is closed`));
      await calls.close();
      await planet.daemon?.stop();
      await cache.close();
    },
  };
  return planet;
}

async function partyOf(options: PlanetOptions, nix: NixProgram, spool: string): Promise<NixParty> {
  const folder = join(options.folder, "nix");
  const sandbox = options.compromised === true ? await compromisedSandbox(folder) : {};
  return makeNixParty({
    folder,
    nix,
    settings: { "post-build-hook": HOOK_SCRIPT, ...sandbox },
    env: { TRUSTIX_SPOOL: spool },
  });
}

interface PublisherFields {
  readonly name: string;
  readonly publicKey: string;
  readonly key: string;
  readonly upstream: string;
  readonly markers: string;
}

function configuration({ name, publicKey, key, upstream, markers }: PublisherFields): string {
  return `# ${name} publishes what it built.
head-marker = "${markers}"

[flush]
interval = 0.2

[[publishers]]
protocol = "nix"
signer = "${name}"
name = "${name}"
publicKey = { type = "ed25519", key = "${publicKey}" }
meta = { upstream = "${upstream}" }

[signers.${name}]
type = "ed25519"
ed25519 = { private-key-path = "${key}" }
`;
}
