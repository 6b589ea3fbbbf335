/**
 * A proxy with everything around it: packages with real NARs, upstreams on loopback that have them, voters who decide, and
 * a client that reads what is sent byte by byte. All of it ends with `using`/`stop`.
 */
import { spawnSync } from "node:child_process";
import { createCipheriv, createHash } from "node:crypto";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import {
  checkNar,
  formatSriHash,
  hashPartOf,
  narOf,
  parsePublicCacheKey,
  parseSecretCacheKey,
  printNarInfo,
  sha256Hash,
  signFacts,
  storePathOfBaseName,
  toNix32,
  type CacheSecretKey,
  type NarInfo,
  type SignedFacts,
  type StorePath,
} from "@trustix/nix-formats";
import { nodeCrypto } from "@trustix/node-crypto";
import { encodeNixValue } from "@trustix/protocol";
import { toBase64 } from "@trustix/crypto";
import {
  createBinaryCacheProxy,
  type BinaryCacheProxy,
  type ProxyDecision,
  type ProxyOptions,
} from "../../src/index.ts";
import type { Compression } from "../../src/proxy/nar-name.ts";
import { FakeUpstream } from "./fake-upstream.ts";

export const crypto = nodeCrypto();

export function keyNamed(name: string): CacheSecretKey {
  const seed = new Uint8Array(createHash("sha256").update(name).digest());
  const text = `${name}:${toBase64(Buffer.concat([seed, crypto.ed25519PublicKey(seed)]))}`;
  return parseSecretCacheKey(crypto, text);
}

export const LOCAL_KEY = keyNamed("local-1");
export const CACHE_KEY = keyNamed("cache-1");

export const publicKeyOf = (key: CacheSecretKey) => parsePublicCacheKey(`${key.name}:${toBase64(key.publicKey)}`);

export interface Package {
  readonly facts: SignedFacts;
  readonly nar: Uint8Array;
}

/** Bytes that look random but are the same in every run. */
export function noise(length: number, seed: string): Uint8Array {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  return new Uint8Array(createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length)));
}

/** A package of about `size` bytes, half of it compressible. */
export function packageOf(name: string, size = 1000, references: readonly StorePath[] = []): Package {
  const half = Math.floor(size / 2);
  const contents = Buffer.concat([noise(half, name), Buffer.alloc(size - half, name)]);
  const nar = narOf({ type: "regular", contents });
  const digest = createHash("sha256").update(name).digest().subarray(0, 20);
  const storePath = storePathOfBaseName(`${toNix32(new Uint8Array(digest))}-${name}`);
  return { nar, facts: { storePath, ...checkNar(crypto, nar), references } };
}

export function compress(compression: Compression, bytes: Uint8Array): Uint8Array {
  switch (compression) {
    case "none":
      return bytes;
    case "zstd":
      return zstdCompressSync(bytes);
    case "gzip":
      return gzipSync(bytes);
    case "br":
      return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } });
    case "xz":
    case "bzip2":
      return spawnSync(compression, ["-c", "-1"], { input: bytes, maxBuffer: 1 << 28 }).stdout;
  }
}

/** Throws for a compressed file that is not whole. */
export function decompress(compression: Compression, bytes: Uint8Array): Buffer {
  switch (compression) {
    case "none":
      return Buffer.from(bytes);
    case "zstd":
      return zstdDecompressSync(bytes);
    case "gzip":
      return gunzipSync(bytes);
    case "br":
      return brotliDecompressSync(bytes);
    case "xz":
    case "bzip2": {
      const { status, stdout, stderr } = spawnSync(compression, ["-dc"], { input: bytes, maxBuffer: 1 << 28 });
      if (status !== 0) throw new Error(stderr.toString());
      return stdout;
    }
  }
}

/** Asks, and closes the connection after the first bytes of the body. */
export function leave(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ host: "127.0.0.1", port, path, agent: false });
    asked.on("error", reject).on("close", resolve).end();
    asked.on("response", (response) => response.once("data", () => response.destroy()));
  });
}

export const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());

/** The narinfo that a cache has of a package, and its file. */
export function cached(
  { facts, nar }: Package,
  compression: Compression,
  change: Partial<NarInfo> = {},
): { info: NarInfo; text: string; file: Uint8Array } {
  const file = compress(compression, nar);
  const info: NarInfo = {
    ...facts,
    url: `files/${facts.storePath.slice(44)}.${compression}`,
    compression,
    fileHash: sha256Hash(sha256(file)),
    fileSize: file.length,
    deriver: storePathOfBaseName("00000000000000000000000000000000-x.drv"),
    ca: undefined,
    signatures: [signFacts(crypto, CACHE_KEY, facts)],
    ...change,
  };
  return { info, text: printNarInfo(info), file };
}

export const narInfoTarget = (facts: SignedFacts) => `/${hashPartOf(facts.storePath)}.narinfo`;

/** Puts a package into an upstream; the file's target there. */
export function serve(
  upstream: FakeUpstream,
  pkg: Package,
  compression: Compression,
  change?: Partial<NarInfo>,
): string {
  const { info, text, file } = cached(pkg, compression, change);
  upstream.file(narInfoTarget(pkg.facts), text);
  upstream.file(`/${info.url}`, file);
  return `/${info.url}`;
}

export function decided(facts: SignedFacts): ProxyDecision {
  const narHash = formatSriHash(sha256Hash(facts.narHash));
  const value = encodeNixValue({
    path: facts.storePath,
    narHash,
    narSize: facts.narSize,
    references: [...facts.references],
  });
  const votes = ["mercury", "venus", "mars"].map((voter) => ({
    voter,
    outcome: "claims" as const,
    narHash,
    reason: "",
  }));
  return { state: "decided", value, reason: "3 of 4 agree, 3 wanted", votes };
}

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The connection broke before the promised end. */
  readonly broken: boolean;
  readonly milliseconds: number;
}

export class World {
  readonly upstreams: FakeUpstream[] = [];
  readonly lines: LogLine[] = [];
  readonly decisions = new Map<string, ProxyDecision>();
  /** Paths that were asked to be decided, in order. */
  readonly asked: string[] = [];
  generation = 1;
  #proxy: BinaryCacheProxy | undefined;
  #port = 0;

  async upstream(host?: string): Promise<FakeUpstream> {
    const upstream = await new FakeUpstream().start(host);
    this.upstreams.push(upstream);
    return upstream;
  }

  /** Lets the voters agree on these packages. */
  decide(...packages: Package[]): this {
    for (const { facts } of packages) this.decisions.set(facts.storePath, decided(facts));
    return this;
  }

  /** With the upstreams made so far, in their order, unless told otherwise. */
  async start(change: Partial<ProxyOptions> = {}): Promise<this> {
    const log =
      (level: LogLine["level"]) =>
      (_fields: object, message: string): void =>
        void this.lines.push({ level, message });
    this.#proxy = await createBinaryCacheProxy({
      crypto,
      clock: {
        now: () => performance.timeOrigin + performance.now(),
        after: (ms, call) => {
          const timer = setTimeout(call, ms);
          return { cancel: () => clearTimeout(timer) };
        },
      },
      log: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
      decide: async (path) => {
        this.asked.push(path);
        return this.decisions.get(path) ?? { state: "undecided", reason: "0 of 4 agree, 3 wanted", votes: [] };
      },
      generation: () => this.generation,
      upstreams: this.upstreams.map(({ url }) => ({ url, publicKeys: [publicKeyOf(CACHE_KEY)] })),
      signingKey: LOCAL_KEY,
      ...change,
      limits: { upstreamBudget: 400, decideBudget: 400, stall: 2000, ...change.limits },
    });
    this.#port = ((await this.#proxy.listen({ host: "127.0.0.1", port: 0 })) as AddressInfo).port;
    return this;
  }

  get port(): number {
    return this.#port;
  }

  get proxy(): BinaryCacheProxy {
    return this.#proxy!;
  }

  warnings(): string[] {
    return this.lines.filter(({ level }) => level === "warn" || level === "error").map(({ message }) => message);
  }

  /** Never rejects for what the server does: a broken connection is a reply that says so. */
  ask(target: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<Reply> {
    const start = performance.now();
    const { method = "GET", headers = {} } = options;
    return new Promise((resolve, reject) => {
      const asked = httpRequest({ host: "127.0.0.1", port: this.#port, path: target, method, headers, agent: false });
      asked.on("error", reject);
      asked.on("response", (response) => {
        const chunks: Buffer[] = [];
        const done = (broken: boolean) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
            broken,
            milliseconds: performance.now() - start,
          });
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => done(false));
        response.on("error", () => done(true));
      });
      asked.end();
    });
  }

  /** The narinfo of a package and, from the URL in it, its NAR's target. */
  async narTarget({ facts }: Package): Promise<string> {
    const reply = await this.ask(narInfoTarget(facts));
    const url = /^URL: (.*)$/m.exec(reply.body.toString())?.[1];
    if (reply.status !== 200 || url === undefined) throw new Error(`no narinfo: ${reply.status} ${reply.body}`);
    return `/${url}`;
  }

  async stop(): Promise<void> {
    await this.#proxy?.close(100);
    await Promise.all(this.upstreams.map((upstream) => upstream.stop()));
  }
}
