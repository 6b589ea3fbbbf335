/** A real node followed by a real follower over HTTP: publisher, store, server on one side, proofs on the other. */
import { httpTransport } from "@trustix/client";
import { utf8 } from "@trustix/crypto";
import { TEST, logIdOf } from "@trustix/protocol";
import type { LogHead, LogInfo, Vote } from "@trustix/protocol";
import { openMemoryStore } from "@trustix/storage";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import { openLogReader } from "../../src/logs/log-reader.ts";
import { MapRoots } from "../../src/logs/map-roots.ts";
import { PublishedLog } from "../../src/logs/published-log.ts";
import { registerLogs } from "../../src/logs/register-logs.ts";
import { openAllValues, openValues } from "../../src/logs/values.ts";
import type { Clock, Publisher } from "../../src/model.ts";
import { openPublisher } from "../../src/publisher/publisher.ts";
import { defaultOptions, startServer } from "../../src/server/index.ts";
import { openFollower } from "../../src/subscriber/index.ts";
import type { CacheableFollower } from "../../src/subscriber/index.ts";
import { crypto } from "./network.ts";
import { NO_DECISIONS, NO_EVIDENCE, NO_MIRROR, NO_RECEIPTS, NO_SIMULATION, NO_STANDING } from "../idle-parts.ts";

const seed = crypto.sha256(utf8("a real node"));
const publicKey = crypto.ed25519PublicKey(seed);
const info: LogInfo = { id: logIdOf(crypto, { protocol: TEST, publicKey }), protocol: TEST, publicKey, meta: {} };

const clock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

const unused = (): never => {
  throw new Error("the node is only read here");
};

interface Pair {
  readonly publisher: Publisher;
  readonly follower: CacheableFollower;
  publish(...claims: readonly (readonly [string, string])[]): Promise<LogHead>;
  vote(key: string): Promise<Vote>;
  held(): LogHead | undefined;
}

async function pair(retainHeads: number): Promise<Pair> {
  const store = openMemoryStore();
  const published = new PublishedLog(info, (await registerLogs(store, [info])).get(info.id)!);
  const limits = { flushEveryMs: 0, retainHeads, retainMs: 0 };
  const publisher = await openPublisher({ store, crypto, clock, published, seed, marker: undefined, limits });
  const reader = openLogReader({ reads: store, crypto, published, roots: new MapRoots(store, published) });
  const server = await startServer(
    {
      crypto,
      clock,
      limits: DEFAULT_LIMITS,
      version: "test",
      published: new Map([[info.id, { name: "real", reader, publisher }]]),
      values: openValues(store, crypto),
      allValues: openAllValues(store, crypto),
      caches: [],
      follower: { logs: () => [], value: unused, seenHeads: unused },
      evidence: NO_EVIDENCE,
      namesOf: () => [],
      mirror: NO_MIRROR,
      builders: NO_STANDING,
      policies: [],
      decide: NO_DECISIONS,
      simulate: NO_SIMULATION,
      receipts: NO_RECEIPTS,
      generation: () => "test",
      configuration: { file: "/etc/trustix.toml", readAt: 7 },
      tokens: { get: () => undefined, list: () => [], add: unused, revoke: unused },
      signedCalls: { checkTime: unused, take: unused },
    },
    [defaultOptions({ kind: "tcp", host: "127.0.0.1", port: 0 })],
    pino({ level: "silent" }),
  );
  const follower = await openFollower({
    crypto,
    store: openMemoryStore(),
    evidence: NO_EVIDENCE,
    clock,
    random: () => 0.5,
    logs: [{ info, name: "real" }],
    remotes: [httpTransport(server.urls[0]!)],
  });
  onTestFinished(async () => {
    await follower.close();
    await server.close();
    await publisher.close();
  });
  await follower.pollNow();
  return {
    publisher,
    follower,
    async publish(...claims) {
      await publisher.submit(claims.map(([key, value]) => ({ key: utf8(key), value: utf8(value) })));
      return publisher.flush();
    },
    vote: async (key) => (await follower.vote(info.id, utf8(key), new AbortController().signal)).vote,
    held: () => follower.logs()[0]!.head,
  };
}

test("an empty log is followed, grows flush by flush, and proves claims and absences", async () => {
  const { follower, publish, vote, held } = await pair(1000);
  expect(held()).toMatchObject({ treeSize: 0, mhTreeSize: 1 });
  expect((await vote("key 0")).outcome).toBe("absent");
  let published = 0;
  for (const size of [1, 1, 2, 5, 255, 300]) {
    const first = published;
    const claims = Array.from({ length: size }, () => [`key ${published}`, `value ${published++}`] as const);
    const head = await publish(...claims);
    await follower.pollNow();
    expect(held()).toEqual(head);
    expect(await vote(`key ${first}`)).toMatchObject({
      outcome: "claims",
      digest: crypto.sha256(utf8(`value ${first}`)),
    });
    expect(await vote(`key ${published}`)).toMatchObject({ outcome: "absent", reason: "" });
  }
  const digest = crypto.sha256(utf8("value 7"));
  expect(await follower.value(digest, [info.id], new AbortController().signal)).toEqual(utf8("value 7"));
});

test("a claim made after the held head does not count until the next poll, and is proved absent until then", async () => {
  const { follower, publish, vote } = await pair(1000);
  await publish(["one", "1"]);
  await follower.pollNow();
  await publish(["two", "2"]);
  expect(await vote("two")).toMatchObject({ outcome: "absent", reason: "" });
  expect((await vote("one")).outcome).toBe("claims");
  await follower.pollNow();
  expect((await vote("two")).outcome).toBe("claims");
});

test("when the node has pruned the held root, the head is refreshed and the vote is under the new one", async () => {
  const { follower, publish, vote, held } = await pair(2);
  await publish(["one", "1"]);
  await follower.pollNow();
  const before = held();
  let newest: LogHead | undefined;
  for (let i = 0; i < 6; i++) newest = await publish([`more ${i}`, "x"]);
  expect((await vote("one")).outcome).toBe("claims");
  expect(held()).not.toEqual(before);
  expect(held()).toEqual(newest);
});
