/** Caches on loopback that vote, the memory of a node, and packages that they sign. */
import {
  logIdOf,
  NIX,
  type CacheMemory,
  type CacheVote,
  type CacheVoters,
  type KeptVoice,
  type LogId,
  type SecondAnswer,
  type VoiceUpdate,
} from "@trustix/protocol";
import { utf8 } from "@trustix/crypto";
import {
  printNarInfo,
  sha256Hash,
  signFacts,
  type CacheSecretKey,
  type NarInfo,
  type SignedFacts,
} from "@trustix/nix-formats";
import { FakeClock } from "@trustix/testkit";
import { createCacheVoters, type CacheVoterConfig, type CacheVotersOptions, type Clock } from "../../src/index.ts";
import { FakeUpstream, type Answer } from "../proxy/fake-upstream.ts";
import { crypto, keyNamed, narInfoTarget, publicKeyOf } from "../proxy/world.ts";

export const idOf = (key: CacheSecretKey): LogId => logIdOf(crypto, { protocol: NIX, publicKey: key.publicKey });

/** The narinfo of these facts, signed by `keys`. */
export function narInfoOf(facts: SignedFacts, keys: readonly CacheSecretKey[], change: Partial<NarInfo> = {}): string {
  return printNarInfo({
    ...facts,
    url: "nar/x.nar.xz",
    compression: "xz",
    fileHash: undefined,
    fileSize: undefined,
    deriver: undefined,
    ca: undefined,
    signatures: keys.map((key) => signFacts(crypto, key, facts)),
    ...change,
  });
}

/** The same path, built into something else. */
export function altered(facts: SignedFacts): SignedFacts {
  return { ...facts, narHash: crypto.sha256(facts.narHash), narSize: facts.narSize + 8 };
}

export const withFile = (name: string): Partial<NarInfo> => {
  return { url: `nar/${name}.nar.xz`, fileHash: sha256Hash(crypto.sha256(utf8(name))) };
};

/** In memory; a copy of everything, so that nothing is shared with what was kept. */
export class FakeMemory implements CacheMemory {
  readonly kept = new Map<string, Map<LogId, KeptVoice>>();
  readonly updates: { readonly path: string; readonly updates: readonly VoiceUpdate[] }[] = [];
  readonly seconds: SecondAnswer[] = [];
  broken = false;

  async recall(path: string): Promise<ReadonlyMap<LogId, KeptVoice>> {
    if (this.broken) throw new Error("disk gone");
    return structuredClone(this.kept.get(path) ?? new Map());
  }

  async keep(path: string, updates: readonly VoiceUpdate[], seconds: readonly SecondAnswer[]): Promise<void> {
    if (this.broken) throw new Error("disk gone");
    this.updates.push({ path, updates });
    this.seconds.push(...structuredClone(seconds));
    const voices = this.kept.get(path) ?? new Map<LogId, KeptVoice>();
    for (const { voter, voice } of structuredClone(updates)) {
      if (voice.own !== undefined || voice.claim !== undefined) voices.set(voter, voice);
    }
    this.kept.set(path, voices);
  }

  async *all(): AsyncGenerator<ReadonlyMap<LogId, KeptVoice>> {
    for (const voices of this.kept.values()) yield structuredClone(voices);
  }
}

export const realClock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

export interface Cache {
  readonly key: CacheSecretKey;
  readonly id: LogId;
  readonly server: FakeUpstream;
  config: CacheVoterConfig;
}

export interface Said {
  readonly outcome: string;
  readonly reason: string;
  readonly narHash?: string;
}

export class Caches {
  readonly clock = new FakeClock();
  readonly memory = new FakeMemory();
  readonly caches = new Map<string, Cache>();
  readonly faults: unknown[] = [];
  readonly states: string[] = [];
  #voters: CacheVoters | undefined;
  readonly #servers: FakeUpstream[] = [];

  async server(): Promise<FakeUpstream> {
    const server = await new FakeUpstream().start();
    this.#servers.push(server);
    return server;
  }

  /** A cache that votes, with a key of its own. */
  async add(name: string, change: Partial<CacheVoterConfig> = {}): Promise<Cache> {
    const key = keyNamed(`${name}-1`);
    const server = await this.server();
    const config: CacheVoterConfig = {
      id: idOf(key),
      name,
      urls: [server.url],
      publicKeys: [publicKeyOf(key)],
      countCopies: false,
      recheckAfterMs: 86_400_000,
      negativeMs: 30_000,
      ...change,
    };
    const cache = { key, id: idOf(key), server, config };
    this.caches.set(name, cache);
    return cache;
  }

  cache(name: string): Cache {
    return this.caches.get(name)!;
  }

  /** `cache` has a narinfo of these facts, signed by the keys of `signers`. */
  serve(name: string, facts: SignedFacts, signers: readonly string[] = [name], change: Partial<NarInfo> = {}): void {
    const keys = signers.map((signer) => this.caches.get(signer)?.key ?? keyNamed(signer));
    this.cache(name).server.file(narInfoTarget(facts), narInfoOf(facts, keys, change));
  }

  /** As after a start: with the configuration as it is now, and what is remembered. */
  open(options: Partial<CacheVotersOptions> = {}): CacheVoters {
    this.#voters = createCacheVoters({
      voters: [...this.caches.values()].map(({ config }) => config),
      memory: this.memory,
      crypto,
      clock: this.clock,
      allowAddress: (address) => address === "127.0.0.1",
      onFault: (error) => this.faults.push(error),
      onState: (name, _place, resting) => this.states.push(`${name} ${resting ? "rests" : "works"}`),
      ...options,
    });
    return this.#voters;
  }

  get voters(): CacheVoters {
    return this.#voters ?? this.open();
  }

  async votes(facts: SignedFacts, signal = new AbortController().signal): Promise<Map<string, CacheVote>> {
    const names = new Map([...this.caches].map(([name, { id }]) => [id, name]));
    const votes = new Map<string, CacheVote>();
    await this.voters.vote(utf8(facts.storePath), (vote) => votes.set(names.get(vote.vote.logId)!, vote), signal);
    return votes;
  }

  /** Who claims, each once, in alphabetical order. */
  async claimants(facts: SignedFacts): Promise<string[]> {
    return [...(await this.votes(facts))]
      .filter(([, { vote }]) => vote.outcome === "claims")
      .map(([name]) => name)
      .sort();
  }

  requests(): string[] {
    return this.#servers.flatMap(({ requests }) => requests.filter((one) => one.endsWith(".narinfo")));
  }

  async stop(): Promise<void> {
    await this.#voters?.close();
    await Promise.all(this.#servers.map((server) => server.stop()));
  }
}

export const body =
  (text: string | Uint8Array, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(200, headers).end(text);

/** Until it holds, without moving the clock. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
