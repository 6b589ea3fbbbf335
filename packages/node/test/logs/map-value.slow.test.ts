/** Map proofs out of a published log: presence and absence under every retained root, and what retention lets go. */
import { verifyAbsence, verifyPresence } from "@trustix/merkle";
import { type Hash, type LogHead, mapEntryBytes, mapPath, mapValueHash } from "@trustix/protocol";
import { type Store, openEmbeddedStore, openMemoryStore } from "@trustix/storage";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fsck } from "../../src/fsck/fsck.ts";
import type { LogReader, MapValue } from "../../src/model.ts";
import { type TestLog, crypto, item, items, logInfo, openTestLog } from "../publisher/test-log.ts";

const DAY = 24 * 3600 * 1000;

/** Throws unless the proof shows what the answer says. */
function verify(root: Hash, key: Uint8Array, { entry, proof }: MapValue): void {
  const path = mapPath(crypto, key);
  if (!entry) return verifyAbsence(crypto, root, path, proof);
  verifyPresence(crypto, root, path, mapValueHash(crypto, mapEntryBytes(entry.digest, entry.index)), proof);
}

/** Each number's key is there exactly under the heads that are large enough, proved. */
async function expectProvable(reader: LogReader, heads: readonly LogHead[], numbers: readonly number[]): Promise<void> {
  for (const { mapRoot, treeSize } of heads)
    for (const n of numbers) {
      const key = Buffer.from(`key-${n}`);
      const answer = await reader.mapValue(key, mapRoot);
      verify(mapRoot, key, answer);
      expect(answer.entry?.index).toBe(n < treeSize ? n : undefined);
      if (answer.entry) expect(answer.entry.digest).toEqual(crypto.sha256(Buffer.from(`value-${n}`)));
    }
}

async function grow({ publisher }: TestLog, from: number, heads: number, each: number): Promise<LogHead[]> {
  const made: LogHead[] = [];
  for (let i = 0; i < heads; i++) {
    await publisher.submit(items(from + i * each, each));
    made.push(await publisher.flush());
  }
  return made;
}

const backends: { name: string; open: (folder: string) => Promise<Store> }[] = [
  { name: "memory", open: async () => openMemoryStore() },
  { name: "embedded", open: (folder) => openEmbeddedStore(folder) },
];

test.each(backends)(
  "presence and absence are proved under every retained root, also after a restart: $name",
  async ({ open }) => {
    const folder = await mkdtemp(join(tmpdir(), "trustix-map-"));
    try {
      const store = await open(folder);
      const log = await openTestLog(store);
      const heads = [await log.reader.head(), ...(await grow(log, 0, 3, 1)), ...(await grow(log, 3, 12, 300))];
      const numbers = [0, 1, 2, 3, 302, 303, 1500, 3602, 9999];
      await expectProvable(log.reader, heads, numbers);
      await log.publisher.close();
      const again = await openTestLog(store);
      await expectProvable(again.reader, heads, numbers);
      await again.publisher.close();
      await store.close();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);

test("proofs asked for while flushes are under way hold under the root they were asked for", async () => {
  const log = await openTestLog(openMemoryStore(), { limits: { maxFlushItems: 100 } });
  const heads = await grow(log, 0, 5, 200);
  let growing = true;
  const grown = grow(log, 1000, 10, 300).finally(() => (growing = false));
  let proofs = 0;
  while (growing) {
    await expectProvable(log.reader, heads, [7, 450, 999, 1000, 5000]);
    const { mapRoot } = await log.reader.head();
    const key = Buffer.from("key-999");
    verify(mapRoot, key, await log.reader.mapValue(key, mapRoot));
    proofs++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await grown;
  expect(proofs).toBeGreaterThan(0);
});

test("heads are kept while they are young or among the last so many; others are pruned a few a flush", async () => {
  const store = openMemoryStore();
  const log = await openTestLog(store, { limits: { retainHeads: 5, retainMs: 7 * DAY } });
  const heads = [await log.reader.head(), ...(await grow(log, 0, 20, 100))];
  await expectProvable(log.reader, heads, [50, 1999]);
  log.clock.advance(7 * DAY);
  heads.push(...(await grow(log, 2000, 2, 100)));
  const gone = async (): Promise<number> => {
    const found = await Promise.allSettled(heads.map(({ mapRoot }) => log.reader.mapValue(Buffer.from("k"), mapRoot)));
    const codes = found.map((one) => (one.status === "rejected" ? (one.reason as { code: string }).code : "held"));
    expect(codes.toSorted().reverse()).toEqual(codes);
    expect(new Set(codes).isSubsetOf(new Set(["root_gone", "held"]))).toBe(true);
    return codes.filter((code) => code === "root_gone").length;
  };
  const first = await gone();
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(15);
  heads.push(...(await grow(log, 2200, 4, 100)));
  expect(await gone()).toBe(21);
  await expectProvable(log.reader, heads.slice(await gone()), [50, 2150, 2599]);
  const [report] = await fsck(store, { crypto, logs: [logInfo()] });
  expect(report!.problems).toEqual([]);
  await log.publisher.close();
  const again = await openTestLog(store);
  await expect(again.reader.mapValue(Buffer.from("k"), heads[0]!.mapRoot)).rejects.toMatchObject({ code: "root_gone" });
  expect((await again.reader.mhEntries(0, heads.length - 1)).length).toBe(heads.length);
});

test("pages of retired heads leave the store: it holds no more with a hundred heads than with ten", async () => {
  const pages = async (store: Store): Promise<number> => {
    let count = 0;
    for await (const [key] of store.range(Uint8Array.of(0x10, 0, 0, 0x6d), Uint8Array.of(0x10, 0, 0, 0x6e)))
      if (key[4] !== 0x62) count++;
    return count;
  };
  const store = openMemoryStore();
  const log = await openTestLog(store, { limits: { retainHeads: 4, retainMs: 0 } });
  await grow(log, 0, 1, 5000);
  await grow(log, 5000, 10, 5);
  const before = await pages(store);
  expect(before).toBeGreaterThan(0);
  await grow(log, 6000, 90, 5);
  expect(await pages(store)).toBeLessThanOrEqual(before * 1.5);
});

test("a root that was never published is refused as gone", async () => {
  const log = await openTestLog(openMemoryStore());
  await log.publisher.submit([item("a", "1")]);
  await log.publisher.flush();
  await expect(log.reader.mapValue(Buffer.from("a"), new Uint8Array(32).fill(1))).rejects.toMatchObject({
    code: "root_gone",
  });
});
