import { RpcError, type RpcTransport } from "@trustix/client";
import { headToWire, type LogHead } from "@trustix/protocol";
import { expect, test } from "vitest";
import { watchOwnHeads } from "../../src/own-heads/watch-own-heads.ts";
import { HandClock } from "../publisher/test-log.ts";
import { crypto, ReferenceLog } from "../server/reference-log.ts";
import { SEED } from "../server/test-node.ts";

const other = crypto.sha256(SEED);

/** Answers whatever `head` gives at the moment; a rejection is a remote that cannot be reached. */
function remote(head: (signal: AbortSignal | undefined) => Promise<LogHead>): RpcTransport {
  return {
    url: "http://remote",
    unary: (async (_method: unknown, _input: unknown, options?: { signal?: AbortSignal }) =>
      headToWire(await head(options?.signal))) as RpcTransport["unary"],
    close: async () => {},
  };
}

async function headOfSize(seed: Uint8Array, size: number): Promise<LogHead> {
  const log = new ReferenceLog(seed);
  const items = Array.from({ length: size }, (_, i) => ({ key: Buffer.from(`${i}`), value: Buffer.from("v") }));
  await log.submit(items);
  return log.flush();
}

const log = new ReferenceLog(SEED).info;
const sizeOf = (head: LogHead | undefined) => head?.treeSize;
const down = () => Promise.reject(new RpcError("unavailable", "down", { origin: "network" }));

const faults: unknown[] = [];
function watch(clock: HandClock, remotes: readonly RpcTransport[]) {
  const onFault = (error: unknown) => void faults.push(error);
  return watchOwnHeads({ crypto, clock, logs: [log], remotes, intervalMs: 1000, timeoutMs: 100, onFault });
}

test("the newest of the heads that remotes show is known once watching began", async () => {
  const heads = [await headOfSize(SEED, 2), await headOfSize(SEED, 5), await headOfSize(SEED, 3)];
  const remotes = [...heads.map((head) => remote(async () => head)), remote(down)];
  const watching = await watch(new HandClock(), remotes);
  expect(sizeOf(watching.newest(log.id))).toBe(5);
  await watching.close();
});

test("a head that the log's key did not sign is no news", async () => {
  const forged = await headOfSize(other, 9);
  const watching = await watch(new HandClock(), [remote(async () => forged)]);
  expect(watching.newest(log.id)).toBeUndefined();
  await watching.close();
});

test("each round asks again; what was known is not forgotten when a remote goes back or down", async () => {
  const clock = new HandClock();
  let now: () => Promise<LogHead> = () => headOfSize(SEED, 1);
  const watching = await watch(clock, [remote(() => now())]);
  const next = async (answer: () => Promise<LogHead>) => {
    now = answer;
    clock.advance(1000);
    // The round is under way until it arms the next one.
    for (let i = 0; i < 100 && clock.pending === 0; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    return sizeOf(watching.newest(log.id));
  };
  expect(await next(() => headOfSize(SEED, 4))).toBe(4);
  expect(await next(() => headOfSize(SEED, 2))).toBe(4);
  expect(await next(down)).toBe(4);
  expect(await next(() => headOfSize(SEED, 6))).toBe(6);
  await watching.close();
  expect(clock.pending).toBe(0);
});

test("closing ends a call under way", async () => {
  const clock = new HandClock();
  let calls = 0;
  const hanging = remote((signal) => {
    if (calls++ === 0) return down();
    return new Promise((_resolve, reject) =>
      signal!.addEventListener("abort", () => reject(new RpcError("canceled", "given up", { origin: "network" }))),
    );
  });
  const watching = await watch(clock, [hanging]);
  clock.advance(1000);
  await watching.close();
  expect([calls, clock.pending]).toEqual([2, 0]);
});

test("a fault of ours is told, and the watch goes on", async () => {
  const bug = new TypeError("a bug");
  const good = await headOfSize(SEED, 3);
  const watching = await watch(new HandClock(), [remote(() => Promise.reject(bug)), remote(async () => good)]);
  expect(faults).toEqual([bug]);
  expect(sizeOf(watching.newest(log.id))).toBe(3);
  await watching.close();
});
