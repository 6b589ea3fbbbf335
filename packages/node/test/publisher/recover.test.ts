import { type LogHead, signHead } from "@trustix/protocol";
import { type Store, openMemoryStore } from "@trustix/storage";
import { faultyStore } from "@trustix/storage/faulty";
import { beforeEach, expect, test } from "vitest";
import { fsck } from "../../src/fsck/fsck.ts";
import { openValues } from "../../src/logs/values.ts";
import type { LostEntries } from "../../src/publisher/recover.ts";
import { type TestLog, crypto, item, items, logInfo, openTestLog } from "./test-log.ts";

let backup: Store;
let source: LostEntries;
let newest: LogHead;
let marked: LogHead;
const marker = {
  place: "in memory",
  read: async () => marked,
  write: async (head: LogHead) => void (marked = head),
};

/** A log of 400 entries under 4 heads, and a backup of it after the second. */
beforeEach(async () => {
  const store = openMemoryStore();
  const log = await openTestLog(store);
  backup = openMemoryStore();
  for (let i = 0; i < 4; i++) {
    await log.publisher.submit(items(i * 100, 100));
    newest = await log.publisher.flush();
    if (i !== 1) continue;
    for await (const entry of store.range(new Uint8Array(0), new Uint8Array(64).fill(255))) await backup.write([entry]);
  }
  marked = newest;
  source = sourceOf(store, log);
});

function sourceOf(store: Store, { reader }: TestLog): LostEntries {
  const values = openValues(store, crypto);
  return {
    head: () => reader.head(),
    async entries(start, finish) {
      const leaves = await reader.entries(start, finish);
      const found = await values.getMany(leaves.map(({ valueDigest }) => valueDigest!));
      return leaves.map(({ key }, i) => ({ key: key!, value: found[i]! }));
    },
    mapHeadLeaves: async (start, finish) => (await reader.mhEntries(start, finish)).map(({ leafDigest }) => leafDigest),
  };
}

async function expectSound(store: Store): Promise<void> {
  const [report] = await fsck(store, { crypto, logs: [logInfo()] });
  expect(report!.problems).toEqual([]);
}

test.each([{ from: "a backup" }, { from: "nothing" }])(
  "a stopped publisher catches up from $from and goes on",
  async ({ from }) => {
    const store = from === "nothing" ? openMemoryStore() : backup;
    const log = await openTestLog(store, { marker });
    expect(log.publisher.status().stopped).toBeDefined();
    await log.publisher.submit([item("key-250", "value-250"), item("key-251", "another"), item("new", "1")]);
    await expect(log.publisher.flush()).rejects.toMatchObject({ code: "head_behind" });
    expect(await log.publisher.recoverFrom(source)).toEqual(newest);
    expect(log.publisher.status().stopped).toBeUndefined();
    expect(await log.reader.head()).toEqual(newest);
    await expectSound(store);
    expect(await log.publisher.flush()).toMatchObject({ treeSize: 401, mhTreeSize: 6 });
    expect((await log.publisher.refused()).claims.map(({ key }) => Buffer.from(key).toString())).toEqual(["key-251"]);
    await expectSound(store);
  },
);

test.each([
  { what: "a changed value", code: "unverifiable", lie: { entries: async () => items(1000, 100) } },
  { what: "too few entries", code: "unverifiable", lie: { entries: async () => items(200, 99) } },
  { what: "entries that the store has", code: "unverifiable", lie: { entries: async () => items(0, 200) } },
  { what: "an empty value", code: "invalid_argument", lie: { entries: async () => Array(200).fill(item("k", "")) } },
  { what: "other map heads", code: "unverifiable", lie: { mapHeadLeaves: async () => [new Uint8Array(32)] } },
  { what: "short map heads", code: "unverifiable", lie: { mapHeadLeaves: async () => [new Uint8Array(31)] } },
  { what: "nothing newer", code: "stale_head", lie: { head: async () => signed({ treeSize: 200 }) } },
  { what: "fewer map heads", code: "unverifiable", lie: { head: async () => signed({ mhTreeSize: 3 }) } },
  { what: "a giant head", code: "too_large", lie: { head: async () => signed({ treeSize: 2 ** 50 }) } },
  { what: "a head of another key", code: "unverifiable", lie: { head: async () => signed({}, 9) } },
])("a source with $what is refused, and nothing changes", async ({ code, lie }) => {
  const log = await openTestLog(backup, { marker });
  const before = await log.reader.head();
  await expect(log.publisher.recoverFrom({ ...source, ...lie })).rejects.toMatchObject({ code });
  expect(await log.reader.head()).toEqual(before);
  await expectSound(backup);
  expect(await log.publisher.recoverFrom(source)).toEqual(newest);
  await expectSound(backup);
});

test.each([
  { kind: "fails", stopped: true },
  { kind: "fails after persisting", stopped: false },
] as const)("a recovery whose write $kind is repeated or done, and the store is sound", async ({ kind, stopped }) => {
  const store = faultyStore(backup, 1, kind);
  const log = await openTestLog(store, { marker });
  await expect(log.publisher.recoverFrom(source)).rejects.toMatchObject({ code: "storage" });
  await log.publisher.close();
  await expectSound(backup);
  const again = await openTestLog(backup, { marker });
  expect(again.publisher.status().stopped !== undefined).toBe(stopped);
  if (stopped) await again.publisher.recoverFrom(source);
  expect(await again.reader.head()).toEqual(newest);
  await again.publisher.submit(items(900, 2));
  expect((await again.publisher.flush()).treeSize).toBe(402);
  await expectSound(backup);
});

test("what is submitted while a recovery is under way is neither lost nor doubled", async () => {
  const log = await openTestLog(backup, { marker });
  const slow: LostEntries = {
    ...source,
    async mapHeadLeaves(start, finish) {
      await log.publisher.submit([item("key-300", "value-300"), item("key-301", "another"), item("fresh", "1")]);
      return source.mapHeadLeaves(start, finish);
    },
  };
  const recovered = log.publisher.recoverFrom(slow);
  for (let i = 0; i < 20; i++)
    await log.publisher.submit([item(`key-${200 + i}`, `value-${200 + i}`), item(`f-${i}`, "1")]);
  expect(await recovered).toEqual(newest);
  expect(await log.publisher.flush()).toMatchObject({ treeSize: 421 });
  expect((await log.publisher.refused()).claims.map(({ key }) => Buffer.from(key).toString())).toEqual(["key-301"]);
  await expectSound(backup);
});

function signed(change: Partial<LogHead>, seedByte = 7): LogHead {
  return signHead(crypto, new Uint8Array(32).fill(seedByte), { ...newest, ...change });
}
