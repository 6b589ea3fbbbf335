/** A real log of the existing program, followed over HTTP from its captured exchanges. */
import { httpTransport } from "@trustix/client";
import { fromBase64, utf8 } from "@trustix/crypto";
import { POLICY_DEFAULTS } from "@trustix/decider";
import { TEST, logIdOf } from "@trustix/protocol";
import type { LogInfo, Vote } from "@trustix/protocol";
import { openMemoryStore } from "@trustix/storage";
import { captureNumber, startCannedServer } from "@trustix/testkit";
import type { CannedServer } from "@trustix/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createDecide } from "../../src/decide/index.ts";
import type { Clock, Decide } from "../../src/model.ts";
import { openFollower } from "../../src/subscriber/index.ts";
import type { CacheableFollower } from "../../src/subscriber/index.ts";
import { crypto } from "./network.ts";
import { NO_EVIDENCE, NO_MIRROR, NO_STANDING } from "../idle-parts.ts";

const publicKey = fromBase64("hq/ktSEjujX4N/K6iRLqNAvSzjEshiYiSxueRFhJnT0=");
const info: LogInfo = { id: logIdOf(crypto, { protocol: TEST, publicKey }), protocol: TEST, publicKey, meta: {} };

const clock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

interface Followed {
  readonly server: CannedServer;
  readonly follower: CacheableFollower;
  readonly decide: Decide;
  vote(key: string): Promise<Vote>;
}

async function followFrom(moment: string): Promise<Followed> {
  const server = await startCannedServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.moment = captureNumber(server.captures, moment);
  const follower = await openFollower({
    crypto,
    store: openMemoryStore(),
    evidence: NO_EVIDENCE,
    clock,
    random: () => 0.5,
    logs: [{ info, name: "go" }],
    remotes: [httpTransport(server.url)],
  });
  onTestFinished(() => follower.close());
  await follower.pollNow();
  const decide = createDecide({
    crypto,
    clock,
    policies: [
      {
        ...POLICY_DEFAULTS,
        protocol: TEST,
        rules: [{ engine: "percentage", minimum: 100 }],
        voters: [{ logId: info.id, name: "go" }],
      },
    ],
    follower,
    mirror: NO_MIRROR,
    builders: NO_STANDING,
    own: [],
    values: { getMany: (digests) => Promise.resolve(digests.map(() => undefined)) },
    sandbox: undefined,
  });
  const vote = async (key: string): Promise<Vote> =>
    (await follower.vote(info.id, utf8(key), new AbortController().signal)).vote;
  return { server, follower, decide, vote };
}

const head = (follower: CacheableFollower): { treeSize: number; mhTreeSize: number } | undefined =>
  follower.logs()[0]!.head;

test("the log is followed, and a key of it is decided", async () => {
  const { server, follower, decide } = await followFrom("raw GET /metrics");
  expect(head(follower)).toMatchObject({ treeSize: 5, mhTreeSize: 2 });
  const report = await decide.decide("test", utf8("key-0"), new AbortController().signal);
  expect(report.decision).toMatchObject({ value: utf8("value-0"), confidence: 100, logIds: [info.id] });
  expect(report.reason).toContain("1 of 1 agree");
  expect(server.unanswered).toEqual([]);
});

test("it is followed from its empty head on, through the flush that made its first five entries", async () => {
  const { server, follower, vote } = await followFrom("LogAPI.GetHead empty log");
  expect(head(follower)).toMatchObject({ treeSize: 0, mhTreeSize: 1 });
  expect((await vote("key-0")).outcome).toBe("absent");
  server.moment = server.captures.length - 1;
  await follower.pollNow();
  expect(head(follower)).toMatchObject({ treeSize: 5, mhTreeSize: 2 });
  expect((await vote("key-0")).outcome).toBe("claims");
  expect(server.answered).toContain("LogAPI.GetMHLogConsistencyProof 1 to size");
  expect(server.unanswered).toEqual([]);
});

test("a key that it does not hold is unverifiable: it says absent and proves nothing", async () => {
  const { server, vote, decide } = await followFrom("raw GET /metrics");
  expect(await vote("absent")).toMatchObject({ outcome: "unverifiable", reason: "it says absent and cannot prove it" });
  const report = await decide.decide("test", utf8("absent"), new AbortController().signal);
  expect(report.decision).toBeUndefined();
  expect(report.votes).toHaveLength(1);
  expect(server.unanswered).toEqual([]);
});
