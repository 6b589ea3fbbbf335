/** A rejected write in a process that lives on: memory is dropped and loaded again, and nothing is lost or doubled. */
import { type Change, type Store, openMemoryStore } from "@trustix/storage";
import { faultyStore } from "@trustix/storage/faulty";
import { expect, test } from "vitest";
import { fsck } from "../../src/fsck/fsck.ts";
import { crypto, items, logInfo, openTestLog } from "./test-log.ts";

test("a store that failed and works again is gone on with", async () => {
  for (let at = 1; at <= 8; at++)
    for (const kind of ["fails", "fails after persisting"] as const) {
      const disk = openMemoryStore();
      await openTestLog(disk);
      const store = faultyStore(disk, at, kind);
      const log = await openTestLog(store);
      const submitted: string[] = [];
      for (let i = 0; i < 5; i++) {
        const call = items(i * 2, 2);
        await log.publisher.submit(call).then(
          () => submitted.push(...call.map(({ key }) => key.toString())),
          () => store.reopen(),
        );
        await log.publisher.flush().catch(() => store.reopen());
      }
      expect(store.struck()).toBe(true);
      const head = await log.publisher.flush();
      const stored = (await log.reader.entries(0, head.treeSize - 1)).map(({ key }) => Buffer.from(key!).toString());
      expect(new Set(stored).size).toBe(stored.length);
      expect(stored).toEqual(expect.arrayContaining(submitted));
      await log.publisher.close();
      const [report] = await fsck(disk, { crypto, logs: [logInfo()] });
      expect(report).toMatchObject({ problems: [], waiting: 0 });
    }
});

test("a submit that is still being written when a flush fails is in what is loaded afterwards", async () => {
  const disk = openMemoryStore();
  let flushFails = false;
  let slow: Promise<void> = Promise.resolve();
  const store: Store = {
    ...disk,
    async write(batch: readonly Change[]) {
      const isSubmit = batch.some(([key, value]) => key[3] === 0x71 && value !== undefined);
      if (isSubmit) await slow;
      else if (flushFails) {
        flushFails = false;
        throw new Error("the flush was not written");
      }
      return disk.write(batch);
    },
  };
  const { publisher, reader } = await openTestLog(store);
  await publisher.submit(items(0, 3));
  let release = (): void => {};
  slow = new Promise((resolve) => (release = resolve));
  const submitted = publisher.submit(items(3, 3));
  await new Promise((resolve) => setTimeout(resolve, 10));
  flushFails = true;
  await expect(publisher.flush()).rejects.toThrow("the flush was not written");
  const again = publisher.flush();
  await new Promise((resolve) => setTimeout(resolve, 10));
  release();
  await submitted;
  await again;
  expect((await publisher.flush()).treeSize).toBe(6);
  expect((await reader.entries(0, 5)).length).toBe(6);
});

test("what waits while the store can be neither written nor read is flushed by the timer once it works again", async () => {
  const disk = openMemoryStore();
  let down = false;
  const unlessDown = <T>(call: () => T): T => {
    if (down) throw new Error("the disk is gone");
    return call();
  };
  const store: Store = {
    ...disk,
    getMany: async (keys) => unlessDown(() => disk.getMany(keys)),
    range: (from, to, options) => unlessDown(() => disk.range(from, to, options)),
    write: async (batch) => unlessDown(() => disk.write(batch)),
  };
  const faults: unknown[] = [];
  const onFault = (error: unknown): unknown => faults.push(error);
  const { publisher, reader, clock } = await openTestLog(store, { onFault, limits: { flushEveryMs: 1000 } });
  await publisher.submit(items(0, 3));
  down = true;
  clock.advance(1000);
  await expect.poll(() => faults.length).toBe(1);
  await expect.poll(() => clock.pending).toBe(1);
  clock.advance(1999);
  expect(faults.length).toBe(1);
  clock.advance(1);
  await expect.poll(() => faults.length).toBe(2);
  await expect.poll(() => clock.pending).toBe(1);
  await expect(publisher.submit(items(3, 1))).rejects.toThrow("the disk is gone");
  expect((await reader.head()).treeSize).toBe(0);
  down = false;
  clock.advance(4000);
  await expect.poll(async () => (await reader.head()).treeSize).toBe(3);
});
