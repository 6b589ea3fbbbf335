/**
 * A daemon over three binary caches and no log anywhere: votes, what is remembered over a restart, what is written down, and
 * that nobody but the node's own user is told of it.
 */
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { httpTransport, type RpcTransport } from "@trustix/client";
import { utf8, utf8Text } from "@trustix/crypto";
import {
  formatPublicCacheKey,
  hashPartOf,
  parseStorePath,
  printNarInfo,
  signFacts,
  type CacheSecretKey,
  type SignedFacts,
} from "@trustix/nix-formats";
import { fsck, fsckStore, loadConfig, startDaemon, storedLogs, type Daemon } from "@trustix/node";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { LogAPI, LogRPC, NodeAPI, NodeExt, VoterAnswer_Shown, type ExplainResponse } from "@trustix/proto";
import { NIX, parseNixValue } from "@trustix/protocol";
import { openEmbeddedStore } from "@trustix/storage";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cacheVotersOf } from "../src/daemon-voters.ts";
import { systemClock } from "../src/system-clock.ts";

const crypto = nodeCrypto();
const NAMES = ["big", "small", "tiny"];

const HELLO: SignedFacts = {
  storePath: parseStorePath("/nix/store/14zmd4y3f3glkd6dd2jy6vhxp9fchzkb-hello"),
  narHash: crypto.sha256(utf8("hello")),
  narSize: 120,
  references: [],
};
const ALTERED: SignedFacts = { ...HELLO, narHash: crypto.sha256(utf8("implant")), narSize: 128 };

class Cache {
  readonly key: CacheSecretKey;
  readonly files = new Map<string, string>();
  requests = 0;
  readonly #server: Server;

  constructor(name: string) {
    const seed = crypto.sha256(utf8(`cache ${name}`));
    this.key = { name: `${name}-1`, seed, publicKey: crypto.ed25519PublicKey(seed) };
    this.#server = createServer((request, response) => {
      this.requests++;
      const file = this.files.get(request.url ?? "");
      response.writeHead(file === undefined ? 404 : 200).end(file);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  serve(facts: SignedFacts, signers: readonly Cache[] = [this]): void {
    const text = printNarInfo({
      ...facts,
      url: "nar/x.nar.xz",
      compression: "xz",
      fileHash: undefined,
      fileSize: undefined,
      deriver: undefined,
      ca: undefined,
      signatures: signers.map(({ key }) => signFacts(crypto, key, facts)),
    });
    this.files.set(`/${hashPartOf(facts.storePath)}.narinfo`, text);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let folder: string;
let caches: Cache[];
let daemon: Daemon | undefined;
let node: RpcTransport;
let outside: RpcTransport;
let lines: string[];

beforeEach(async () => {
  // A short path, because a socket lies in it.
  folder = await mkdtemp(join(tmpdir(), "tx-"));
  caches = NAMES.map((name) => new Cache(name));
  for (const cache of caches) await cache.start();
  lines = [];
});
afterEach(async () => {
  await end();
  await Promise.all(caches.map((cache) => cache.stop()));
  await rm(folder, { recursive: true });
});

async function start(more: Readonly<Record<string, string>> = {}): Promise<void> {
  const voters = caches.map(
    ({ url, key }) => `[[voters]]
kind = "binary-cache"
name = "${key.name.slice(0, -2)}"
url = "${url}"
public-keys = ["${formatPublicCacheKey(key)}"]
${more[key.name] ?? ""}
`,
  );
  const toml = `${more["top"] ?? ""}
${voters.join("")}
[[decider.nix]]
engine = "quorum"
quorum = { threshold = 2 }
[[listeners]]
address = "unix://${folder}/trustix.socket"
[[listeners]]
address = "http://127.0.0.1:0"
`;
  const path = join(folder, "trustix.toml");
  await writeFile(path, toml);
  await mkdir(join(folder, "state"), { recursive: true, mode: 0o700 });
  const config = await loadConfig(path, { crypto, headMarkers: join(folder, "markers") });
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
  daemon = await startDaemon({
    config,
    state: join(folder, "state"),
    listen: [],
    defaultListen: "",
    env: {},
    pid: process.pid,
    version: "0.0.0-test",
    crypto,
    clock: systemClock,
    random: Math.random,
    randomSeed,
    log,
    openCacheVoters: cacheVotersOf(config, log),
  });
  node = httpTransport(daemon.urls[0]!);
  outside = httpTransport(daemon.urls[1]!);
}

async function end(): Promise<void> {
  await node?.close();
  await outside?.close();
  await daemon?.close();
  daemon = undefined;
}

const explain = (facts: SignedFacts): Promise<ExplainResponse> =>
  node.unary(NodeExt.method.explain, { Protocol: NIX.id, Key: utf8(facts.storePath) });

const words = ({ Answers }: ExplainResponse): string[] =>
  Answers.map(({ Name, Vote, ShownBy }) =>
    `${Name} ${Vote!.Outcome} ${VoterAnswer_Shown[ShownBy]} ${Vote!.Reason}`.trim(),
  );

/** Until each of the caches' logs holds so many claims. */
async function written(claims: bigint): Promise<void> {
  const entries = async (): Promise<bigint[]> => {
    const { Caches } = await node.unary(NodeExt.method.status, {});
    return Caches.map(({ Entries }) => Entries);
  };
  await expect.poll(entries, { timeout: 20_000 }).toEqual(caches.map(() => claims));
}

/** What fsck says of the state folder; the daemon must have ended. */
async function problems(): Promise<string[]> {
  const store = await openEmbeddedStore(join(folder, "state", "store"));
  try {
    const logs = await storedLogs(store);
    const reports = [...(await fsck(store, { crypto, logs })), await fsckStore(store, { crypto, logs })];
    return reports.flatMap((report) => report.problems.map(({ message }) => message));
  } finally {
    await store.close();
  }
}

test("three caches, no log: two that agree decide, one that was altered is outvoted, with the narinfo of each", async () => {
  const [big, small, tiny] = caches as [Cache, Cache, Cache];
  big.serve(HELLO);
  small.serve(ALTERED);
  tiny.serve(HELLO);
  await start();
  const answer = await explain(HELLO);
  expect(answer).toMatchObject({ Decided: true, Confidence: 66 });
  expect(parseNixValue(answer.Value).narSize).toBe(HELLO.narSize);
  expect(words(answer)).toEqual(["big 1 BY_NARINFO", "small 1 BY_NARINFO", "tiny 1 BY_NARINFO"]);
  expect(answer.Answers.map(({ NarInfo }) => utf8Text(NarInfo))).toEqual(
    caches.map(({ files }) => [...files.values()][0]),
  );
  const nowhere = { ...HELLO, storePath: parseStorePath("/nix/store/0c0z4n2gfwd7h6l1mv4yk3x1vq6lcn5p-other") };
  const refused = await explain(nowhere);
  expect(refused.Decided).toBe(false);
  expect(refused.Reason).toContain("it says that it has none, which a cache cannot prove");
});

test("what was decided is decided after a restart, when no cache has it any more: nothing is asked, and fsck finds all in order", async () => {
  for (const cache of caches) cache.serve(HELLO);
  await start();
  await explain(HELLO);
  await written(1n);
  await end();
  expect(await problems()).toEqual([]);
  const before = caches.map(({ requests }) => requests);
  for (const cache of caches) cache.files.clear();
  await start();
  const answer = await explain(HELLO);
  expect(answer).toMatchObject({ Decided: true, Confidence: 100 });
  expect(answer.Answers.every(({ Since }) => Since > 0n)).toBe(true);
  expect(caches.map(({ requests }) => requests)).toEqual(before);
  const { Builders } = await node.unary(NodeExt.method.builders, {});
  expect(Builders.map(({ Name, Figures }) => [Name, Figures!.Claims])).toEqual(NAMES.map((name) => [name, 0n]));
  await expect
    .poll(
      async () => {
        const now = await node.unary(NodeExt.method.builders, {});
        return now.Builders.map(({ Figures }) => Figures!.Agreed);
      },
      { timeout: 20_000 },
    )
    .toEqual([1n, 1n, 1n]);
});

test("the keys of the local logs are the user's alone, and so is everything in them", async () => {
  for (const cache of caches) cache.serve(HELLO);
  await start();
  const { Value, Digest } = await explain(HELLO);
  await written(1n);
  const files = await readdir(join(folder, "state", "caches"));
  expect(files.length).toBe(3);
  for (const file of files) expect((await stat(join(folder, "state", "caches", file))).mode & 0o777).toBe(0o600);
  const { Caches } = await node.unary(NodeExt.method.status, {});
  expect(Caches.map(({ Name, Entries }) => [Name, Entries])).toEqual(NAMES.map((name) => [name, 1n]));
  for (const { Log } of Caches) {
    expect((await node.unary(LogRPC.method.getHead, { LogID: Log!.LogID })).TreeSize).toBe(1n);
    const head = outside.unary(LogAPI.method.getHead, { LogID: Log!.LogID });
    await expect(head).rejects.toMatchObject({ code: "not_found" });
  }
  expect((await outside.unary(NodeAPI.method.logs, {})).Logs).toEqual([]);
  expect((await node.unary(NodeExt.method.explain, { Protocol: NIX.id, Key: utf8(HELLO.storePath) })).Value).toEqual(
    Value,
  );
  await expect(outside.unary(NodeAPI.method.getValue, { Digest })).rejects.toMatchObject({ code: "not_found" });
});

test("a copy that names its source is the source's claim, also once the source is configured later", async () => {
  const [big, small, tiny] = caches as [Cache, Cache, Cache];
  big.serve(HELLO, [big, tiny]);
  small.serve(HELLO);
  caches = [big, small];
  await start();
  expect((await explain(HELLO)).Decided).toBe(true);
  await written(1n);
  await end();
  caches = [big, small, tiny];
  await start();
  const answer = await explain(HELLO);
  expect(words(answer)).toEqual([
    "big 4 ASSERTED tiny signed the same narinfo, so it may be a copy and is no second claim",
    "small 1 BY_NARINFO",
    "tiny 1 BY_NARINFO shown by another cache's narinfo, which its key signed",
  ]);
  await expect
    .poll(
      async () => {
        const { Builders } = await node.unary(NodeExt.method.builders, {});
        return Builders.map(({ Figures }) => Figures!.Claims);
      },
      { timeout: 20_000 },
    )
    .toEqual([0n, 1n, 1n]);
});

test("a cache that changes its answer leaves evidence that convicts its key, and dissent; its first answer stays", async () => {
  const [big] = caches as [Cache, Cache, Cache];
  for (const cache of caches) cache.serve(HELLO);
  await start({ top: "[policy.nix]\nmax-head-age = 1" });
  await explain(HELLO);
  big.serve(ALTERED);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const answer = await explain(HELLO);
  expect(answer).toMatchObject({ Decided: true, Confidence: 66 });
  expect(answer.Answers[0]!.Vote).toMatchObject({
    Outcome: 5,
    Reason: expect.stringMatching(/^its narinfo last came/),
  });
  const { Items } = await node.unary(NodeExt.method.evidence, {});
  expect(Items).toHaveLength(1);
  await expect
    .poll(
      async () => {
        const { Builders } = await node.unary(NodeExt.method.builders, {});
        return Builders.map(({ Figures }) => Figures!.SecondAnswers);
      },
      { timeout: 20_000 },
    )
    .toEqual([1n, 0n, 0n]);
  expect(lines.some((line) => line.includes("evidence"))).toBe(true);
});
