import { verifyHead } from "@trustix/protocol";
import { openMemoryStore } from "@trustix/storage";
import { EMPTY_ROOT, leafHash } from "@trustix/merkle";
import { expect, test } from "vitest";
import { crypto, item, items, logInfo, openTestLog, texts } from "./test-log.ts";

test("a brand-new log signs the head of the empty log, once", async () => {
  const store = openMemoryStore();
  const { publisher, reader } = await openTestLog(store);
  const head = await reader.head();
  const zero = new Uint8Array(32);
  expect(head).toMatchObject({ treeSize: 0, logRoot: EMPTY_ROOT(crypto), mapRoot: zero, mhTreeSize: 1 });
  expect(head.mhRoot).toEqual(leafHash(crypto, zero));
  expect(verifyHead(crypto, logInfo().publicKey, head)).toBe(true);
  await publisher.close();
  expect(await (await openTestLog(store)).reader.head()).toEqual(head);
});

test("what was submitted is in the log after a flush, in order, and a flush that adds nothing signs nothing", async () => {
  const { publisher, reader } = await openTestLog(openMemoryStore());
  expect(await publisher.submit(items(0, 3))).toEqual({ refused: [] });
  expect(publisher.status()).toMatchObject({ waiting: 3, refused: 0, stopped: undefined });
  expect((await reader.head()).treeSize).toBe(0);
  const head = await publisher.flush();
  expect(head).toMatchObject({ treeSize: 3, mhTreeSize: 2 });
  expect(await reader.head()).toEqual(head);
  expect(texts((await reader.entries(0, 2)).map(({ key }) => key!))).toEqual(["key-0", "key-1", "key-2"]);
  expect(publisher.status()).toMatchObject({ waiting: 0 });
  expect(await publisher.flush()).toEqual(head);
  await publisher.submit(items(0, 3));
  expect(publisher.status().waiting).toBe(0);
  expect(await publisher.flush()).toEqual(head);
});

test("concurrent submits share one write", async () => {
  const memory = openMemoryStore();
  let writes = 0;
  const store = {
    ...memory,
    write: (batch: Parameters<typeof memory.write>[0]) => {
      writes++;
      return memory.write(batch);
    },
  };
  const { publisher } = await openTestLog(store);
  writes = 0;
  await Promise.all(Array.from({ length: 50 }, (_, i) => publisher.submit(items(i * 10, 10))));
  expect(writes).toBe(1);
  await publisher.flush();
  expect(writes).toBe(2);
});

test("very large submits do not share one write, and all of them are kept in order", async () => {
  const { publisher, reader } = await openTestLog(openMemoryStore(), { limits: { maxValueBytes: 12 << 20 } });
  const value = "v".repeat(12 << 20);
  await Promise.all(Array.from({ length: 7 }, (_, i) => publisher.submit([item(`large-${i}`, value)])));
  expect((await publisher.flush()).treeSize).toBe(7);
  const keys = texts((await reader.entries(0, 6)).map(({ key }) => key!));
  expect(keys).toEqual(Array.from({ length: 7 }, (_, i) => `large-${i}`));
});

test.each([
  { name: "in the queue", flushFirst: false },
  { name: "in the map", flushFirst: true },
])("a second value for a key $name is refused, named and kept; the rest is accepted", async ({ flushFirst }) => {
  const store = openMemoryStore();
  const { publisher, reader, clock } = await openTestLog(store);
  await publisher.submit([item("a", "first")]);
  if (flushFirst) await publisher.flush();
  const call = [item("a", "second"), item("b", "x"), item("a", "first"), item("b", "y"), item("a", "third")];
  const { refused } = await publisher.submit(call);
  expect(texts(refused)).toEqual(["a", "b"]);
  expect(publisher.status().refused).toBe(3);
  const head = await publisher.flush();
  expect(head.treeSize).toBe(2);
  expect((await reader.entries(0, 1)).map(({ valueDigest }) => valueDigest)).toEqual(
    ["first", "x"].map((value) => crypto.sha256(Buffer.from(value))),
  );
  const { claims: kept } = await publisher.refused();
  const shown = kept.map((claim) => `${Buffer.from(claim.key)}=${Buffer.from(claim.value)} ${claim.foundAt}`);
  expect(shown.sort()).toEqual(["a=second submit", "a=third submit", "b=y submit"]);
  for (const claim of kept) {
    const stands = Buffer.from(claim.key).toString() === "a" ? "first" : "x";
    expect(claim.standing).toEqual(crypto.sha256(Buffer.from(stands)));
    expect(claim.time).toBe(clock.now());
  }
  await publisher.submit([item("a", "second")]);
  expect(publisher.status().refused).toBe(3);
  await publisher.close();
  expect((await openTestLog(store)).publisher.status()).toMatchObject({ refused: 3, waiting: 0 });
});

test("calls that race for one key: the first stands, the other is told", async () => {
  const { publisher } = await openTestLog(openMemoryStore());
  const [first, second] = await Promise.all([publisher.submit([item("k", "1")]), publisher.submit([item("k", "2")])]);
  expect(texts(first!.refused)).toEqual([]);
  expect(texts(second!.refused)).toEqual(["k"]);
});

test.each([{ how: "in one flush" }, { how: "in flushes of one record", maxFlushItems: 1 }])(
  "a second value that came past submit is refused by the flush: $how",
  async ({ maxFlushItems = 1000 }) => {
    const store = openMemoryStore();
    const log = await openTestLog(store);
    await log.publisher.submit([item("k", "1"), item("other", "1")]);
    await log.publisher.flush();
    await log.publisher.close();
    // As an older program, or one with a defect, might have left it.
    const { encodeQueueRecord } = await import("../../src/publisher/queue-record.ts");
    const left = [item("k", "2"), item("other", "1"), item("new", "1"), item("new", "2"), item("new", "1")];
    await store.write(left.map((one, i) => [log.published.keys.queue(1 + i), encodeQueueRecord([one])] as const));
    const two = await openTestLog(store, { limits: { maxFlushItems } });
    expect(two.publisher.status().waiting).toBe(5);
    expect((await two.publisher.flush()).treeSize).toBe(3);
    const { claims: kept } = await two.publisher.refused();
    expect(
      kept.map((claim) => `${Buffer.from(claim.key)}=${Buffer.from(claim.value)} ${claim.foundAt}`).sort(),
    ).toEqual(["k=2 flush", "new=2 flush"]);
  },
);

test("what waits is flushed after the interval, or at once when there is much of it", async () => {
  const { publisher, reader, clock } = await openTestLog(openMemoryStore(), {
    limits: { flushEveryMs: 1000, flushAtItems: 20 },
  });
  await publisher.submit(items(0, 5));
  clock.advance(999);
  await publisher.submit(items(5, 5));
  expect((await reader.head()).treeSize).toBe(0);
  clock.advance(1);
  await expect.poll(async () => (await reader.head()).treeSize).toBe(10);
  expect(clock.pending).toBe(0);
  await publisher.submit(items(10, 20));
  await expect.poll(async () => (await reader.head()).treeSize).toBe(30);
});

test("a flush takes whole records up to its limit, one head each, and goes on until all is flushed", async () => {
  const { publisher, reader } = await openTestLog(openMemoryStore(), { limits: { maxFlushItems: 10 } });
  for (let i = 0; i < 5; i++) await publisher.submit(items(i * 4, 4));
  expect(await publisher.flush()).toMatchObject({ treeSize: 20, mhTreeSize: 4 });
  expect((await reader.mhEntries(0, 3)).length).toBe(4);
});

test("too much at once is refused, and what waits is limited until it is flushed", async () => {
  const { publisher } = await openTestLog(openMemoryStore(), {
    limits: { maxWaitingItems: 10, maxWaitingBytes: 1000 },
  });
  await expect(publisher.submit(items(0, 11))).rejects.toMatchObject({ code: "too_large" });
  await expect(publisher.submit([item("k", "v".repeat(1000))])).rejects.toMatchObject({ code: "too_large" });
  await publisher.submit(items(0, 8));
  await expect(publisher.submit(items(8, 3))).rejects.toMatchObject({ code: "busy" });
  const racing = await Promise.allSettled([publisher.submit(items(8, 2)), publisher.submit(items(10, 2))]);
  expect(racing.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  await publisher.flush();
  await publisher.submit(items(10, 10));
  await publisher.submit([]);
});

test.each([
  { what: "an empty key", bad: item("", "v"), code: "invalid_argument" },
  { what: "an empty value", bad: item("k", ""), code: "invalid_argument" },
  { what: "a key of 65503 bytes", bad: item("k".repeat(65_503), "v"), code: "too_large" },
  { what: "a value over the limit", bad: item("k", "v".repeat(101)), code: "too_large" },
])("$what is refused, and nothing of its call is queued", async ({ bad, code }) => {
  const { publisher } = await openTestLog(openMemoryStore(), { limits: { maxValueBytes: 100 } });
  await expect(publisher.submit([item("good", "v"), bad])).rejects.toMatchObject({ name: "NodeError", code });
  expect(publisher.status().waiting).toBe(0);
  await publisher.submit([item("k".repeat(65_502), "v".repeat(100)), item("k", "v")]);
  expect((await publisher.flush()).treeSize).toBe(2);
});

test("bytes handed to submit may change once it has resolved", async () => {
  const { publisher, reader } = await openTestLog(openMemoryStore());
  const mine = item("key", "value");
  await publisher.submit([mine]);
  mine.key.fill(0);
  mine.value.fill(0);
  await publisher.flush();
  expect(texts((await reader.entries(0, 0)).map(({ key }) => key!))).toEqual(["key"]);
});

test("after closing, submits and flushes are refused; what was under way is done", async () => {
  const { publisher } = await openTestLog(openMemoryStore());
  const submitted = publisher.submit(items(0, 5));
  const closed = publisher.close();
  await expect(submitted).resolves.toEqual({ refused: [] });
  await closed;
  await expect(publisher.submit(items(0, 1))).rejects.toMatchObject({ code: "unavailable" });
  await expect(publisher.flush()).rejects.toMatchObject({ code: "unavailable" });
});

test("two logs in one store do not meet", async () => {
  const store = openMemoryStore();
  const one = await openTestLog(store);
  const two = await openTestLog(store, { seed: new Uint8Array(32).fill(9) });
  await one.publisher.submit([item("k", "1")]);
  await two.publisher.submit([item("k", "2"), item("l", "2")]);
  expect((await one.publisher.flush()).treeSize).toBe(1);
  expect((await two.publisher.flush()).treeSize).toBe(2);
});

test("closing ends a flush after the batch under way; what waits is published by the next start", async () => {
  const store = openMemoryStore();
  const limits = { maxFlushItems: 100, flushAtItems: 2000 };
  const faults: unknown[] = [];
  const log = await openTestLog(store, { limits, onFault: (error) => faults.push(error) });
  for (let i = 0; i < 20; i++) await log.publisher.submit(items(i * 100, 100));
  const flushes = [log.publisher.flush(), log.publisher.flush()].map((flush) =>
    expect(flush).rejects.toMatchObject({ code: "unavailable" }),
  );
  log.publisher.endFlushing();
  // Told to end, it still takes what comes until it is closed.
  await log.publisher.submit(items(2000, 10));
  await log.publisher.close();
  await Promise.all(flushes);
  expect(faults).toEqual([]);
  const next = await openTestLog(store, { limits: { maxFlushItems: 100 } });
  const { waiting } = next.publisher.status();
  expect(waiting).toBeGreaterThanOrEqual(1500);
  expect((await next.reader.head()).treeSize).toBe(2010 - waiting);
  expect((await next.publisher.flush()).treeSize).toBe(2010);
});
