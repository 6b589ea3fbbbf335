import { RpcError, type RpcTransport } from "@trustix/client";
import { headToWire, signHead, type LogHead } from "@trustix/protocol";
import { expect, test, vi } from "vitest";
import { watchOwnHeads, type OwnHeads } from "../../src/own-heads/watch-own-heads.ts";
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
const sizes = (watching: OwnHeads) => watching.heads(log.id).map(({ treeSize }) => treeSize);
const down = () => Promise.reject(new RpcError("unavailable", "down", { origin: "network" }));

const faults: unknown[] = [];
function watch(clock: HandClock, remotes: readonly RpcTransport[], intervalMs = 1000) {
  const onFault = (error: unknown) => void faults.push(error);
  return watchOwnHeads({ crypto, clock, random: () => 0.5, logs: [log], remotes, intervalMs, timeoutMs: 100, onFault });
}

test("the head that each remote shows is known once watching began", async () => {
  const heads = [await headOfSize(SEED, 2), await headOfSize(SEED, 5), await headOfSize(SEED, 3)];
  const remotes = [...heads.map((head) => remote(async () => head)), remote(down)];
  const watching = await watch(new HandClock(), remotes);
  expect(sizes(watching)).toEqual([2, 5, 3]);
  await watching.close();
});

test("a head that the log's key did not sign is no news", async () => {
  const forged = await headOfSize(other, 9);
  const watching = await watch(new HandClock(), [remote(async () => forged)]);
  expect(sizes(watching)).toEqual([]);
  await watching.close();
});

/** Moves time and lets the round run until it has armed the next one. */
async function advance(clock: HandClock, ms: number): Promise<void> {
  clock.advance(ms);
  for (let i = 0; i < 100 && clock.pending === 0; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

test("each round asks again; a remote's largest head is not forgotten when it goes back or down", async () => {
  const clock = new HandClock();
  let now: () => Promise<LogHead> = () => headOfSize(SEED, 1);
  const watching = await watch(clock, [remote(() => now())]);
  const next = async (answer: () => Promise<LogHead>) => {
    now = answer;
    await advance(clock, 1000);
    return sizes(watching);
  };
  expect(await next(() => headOfSize(SEED, 4))).toEqual([4]);
  expect(await next(() => headOfSize(SEED, 2))).toEqual([4, 2]);
  expect(await next(down)).toEqual([4, 2]);
  expect(await next(() => headOfSize(SEED, 6))).toEqual([6]);
  await watching.close();
  expect(clock.pending).toBe(0);
});

test("a head of the same size that differs is not hidden by another remote's, nor by a larger one", async () => {
  const [one, large] = [await headOfSize(SEED, 3), await headOfSize(SEED, 9)];
  const other = signHead(crypto, SEED, { ...one, logRoot: new Uint8Array(32).fill(9) });
  const watching = await watch(
    new HandClock(),
    [one, other, large].map((head) => remote(async () => head)),
  );
  expect(watching.heads(log.id)).toEqual([one, other, large]);
  await watching.close();
});

test("a remote that is down at start is asked again soon, ever later, and not the others with it", async () => {
  const clock = new HandClock();
  const asked = { up: 0, down: 0 };
  let back = false;
  const remotes = [
    remote(() => (asked.up++, headOfSize(SEED, 1))),
    remote(() => (asked.down++, back ? headOfSize(SEED, 7) : down())),
  ];
  const HOUR = 3_600_000;
  const watching = await watch(clock, remotes, HOUR);
  for (const wait of [1000, 2000, 4000]) {
    clock.advance(wait - 1);
    const before = asked.down;
    clock.advance(1);
    await vi.waitFor(() => expect([asked.down, clock.pending]).toEqual([before + 1, 2]));
  }
  back = true;
  clock.advance(8000);
  await vi.waitFor(() => expect(sizes(watching)).toEqual([1, 7]));
  expect(asked).toEqual({ up: 1, down: 5 });
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
  expect(sizes(watching)).toEqual([3]);
  await watching.close();
});
