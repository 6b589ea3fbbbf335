/** A signed call is good once: also at once, also after a restart, also when the clock goes back. */
import { LOCAL_AUDIENCE, type SignedCall } from "@trustix/protocol";
import { nodeCrypto } from "@trustix/node-crypto";
import { openMemoryStore, type Store } from "@trustix/storage";
import { faultyStore } from "@trustix/storage/faulty";
import { FakeClock } from "@trustix/testkit";
import { expect, test } from "vitest";
import { openMadeCalls, storedCalls } from "../../src/access/made-calls.ts";
import { NodeError } from "../../src/errors.ts";
import { FORGOTTEN_CALLS_KEY, madeCallKey, madeCalls } from "../../src/logs/keys.ts";

const crypto = nodeCrypto();
const WINDOW = 300_000;
const START = new FakeClock().now();

const open = (store: Store, clock = new FakeClock(), limit = 1000) => openMadeCalls({ store, crypto, clock, limit });

function call(n: number, more: Partial<SignedCall> = {}): SignedCall {
  const nonce = new Uint8Array(16);
  new DataView(nonce.buffer).setUint32(12, n);
  const bodyDigest = new Uint8Array(32);
  return { name: "a", procedure: "/a.B/C", audience: LOCAL_AUDIENCE, time: START, nonce, bodyDigest, ...more };
}

async function refusal(work: Promise<void> | (() => void)): Promise<NodeError> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    expect(error).toBeInstanceOf(NodeError);
    return error as NodeError;
  }
  throw new Error("it was taken");
}

async function stored(store: Store): Promise<number> {
  const { from, to } = madeCalls();
  let count = 0;
  for await (const _ of store.range(from, to)) count++;
  return count;
}

test("a nonce is good once for each token, whatever else of the call differs", async () => {
  const calls = await open(openMemoryStore());
  await calls.take(call(1));
  for (const again of [{}, { time: START + 1 }, { procedure: "/a.B/D" }, { bodyDigest: new Uint8Array(32).fill(1) }]) {
    expect(await refusal(calls.take(call(1, again)))).toMatchObject({
      code: "unauthenticated",
      message: "this nonce was used before: a signed call is good once",
    });
  }
  await calls.take(call(2));
  await calls.take(call(1, { name: "b" }));
});

test("of the same call made many times at once, one is taken", async () => {
  const calls = await open(openMemoryStore());
  const results = await Promise.allSettled(Array.from({ length: 50 }, () => calls.take(call(1))));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("it is taken when it would survive power loss: the next start refuses it", async () => {
  const store = openMemoryStore();
  await (await open(store)).take(call(1));
  expect((await refusal((await open(store)).take(call(1)))).code).toBe("unauthenticated");
});

test.each([
  ["too old", -WINDOW - 1],
  ["too new", WINDOW + 1],
])("a time that is %s is refused with both times and what to do", async (_what, offset) => {
  const calls = await open(openMemoryStore());
  const time = START + offset;
  for (const attempt of [() => calls.checkTime(call(1, { time })), calls.take(call(2, { time }))]) {
    const { code, message, hint } = await refusal(attempt);
    expect([code, message]).toEqual([
      "unauthenticated",
      `the call was signed at ${new Date(time).toISOString()} and this node's clock says ` +
        `${new Date(START).toISOString()}: at most 300 s apart wanted`,
    ]);
    expect(hint).toMatch(/set the clock that is wrong/);
  }
});

test.each([-WINDOW, WINDOW])(
  "a time %d ms away is taken, and refused a second time for as long as it would be",
  async (offset) => {
    const [store, clock] = [openMemoryStore(), new FakeClock()];
    const one = call(1, { time: START + offset });
    await (await open(store, clock)).take(one);
    for (const ms of [0, 1, 5000, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 3 * WINDOW]) {
      const later = new FakeClock(START + ms);
      expect((await refusal((await open(store, later)).take(one))).code, `${ms} ms later`).toBe("unauthenticated");
    }
  },
);

test("what cannot come again is forgotten, in memory and in the store", async () => {
  const [store, clock] = [openMemoryStore(), new FakeClock()];
  const calls = await open(store, clock, 10);
  for (let i = 0; i < 10; i++) await calls.take(call(i));
  expect(await stored(store)).toBe(10);
  await clock.advance(WINDOW + 5001);
  for (let i = 0; i < 10; i++) await calls.take(call(i, { time: clock.now() }));
  expect(await stored(store)).toBe(10);
  expect((await storedCalls(store)).forgotten).toBe(START);
});

test("when there are too many the next is told to come again, and is taken when there is room", async () => {
  const clock = new FakeClock();
  const calls = await open(openMemoryStore(), clock, 3);
  for (let i = 0; i < 3; i++) await calls.take(call(i));
  const { code, message, hint } = await refusal(calls.take(call(3)));
  expect([code, message]).toEqual(["busy", "3 signed calls came within 10 minutes"]);
  expect(hint).toMatch(/raise limits.signed-calls/);
  await clock.advance(WINDOW + 5001);
  await calls.take(call(3, { time: clock.now() }));
});

test("a clock that is set back does not open what was forgotten, also not over a restart", async () => {
  const [store, clock] = [openMemoryStore(), new FakeClock()];
  const calls = await open(store, clock);
  await calls.take(call(1));
  await clock.advance(2 * WINDOW);
  await calls.take(call(2, { time: clock.now() }));
  for (const reopened of [new FakeClock(START), new FakeClock(START + 1000)]) {
    const back = await open(store, reopened);
    const { code, message } = await refusal(back.take(call(1)));
    expect([code, message]).toEqual(["unauthenticated", expect.stringMatching(/this node's clock was set back$/)]);
    await back.take(call(3, { time: START + 1, name: String(reopened.now()) }));
  }
});

test.each(["fails", "fails after persisting"] as const)(
  "a write that %s: the call is refused, and so is the same call again",
  async (kind) => {
    const disk = openMemoryStore();
    const store = faultyStore(disk, 2, kind);
    const calls = await open(store);
    await calls.take(call(1));
    expect((await refusal(calls.take(call(2)))).code).toBe("storage");
    store.reopen();
    expect((await refusal(calls.take(call(2)))).code).toBe("unauthenticated");
    await calls.take(call(3));
    for (const taken of [1, 3])
      expect((await refusal((await open(disk)).take(call(taken)))).code).toBe("unauthenticated");
  },
);

test("calls that come together share a batch", async () => {
  const store = faultyStore(openMemoryStore(), 1_000_000, "fails");
  const calls = await open(store);
  await Promise.all(Array.from({ length: 500 }, (_, i) => calls.take(call(i))));
  expect(store.writes()).toBeLessThan(5);
});

test.each([
  ["cut short", madeCallKey(START, new Uint8Array(15)), new Uint8Array(0), /^a signed call .* ends after/],
  ["with bytes left over", madeCallKey(START, new Uint8Array(17)), new Uint8Array(0), /1 bytes too many/],
  ["with a value", madeCallKey(START, new Uint8Array(16)), new Uint8Array(1), /holds 1 bytes, none wanted/],
  ["of forgotten calls cut short", FORGOTTEN_CALLS_KEY, new Uint8Array(5), /^the time of forgotten calls .* ends/],
])("a record %s is corrupt", async (_what, key, value, message) => {
  const store = openMemoryStore();
  await store.write([[key, value]]);
  await expect(open(store)).rejects.toMatchObject({ code: "corrupt", message: expect.stringMatching(message) });
});
