/** What the publisher makes of the heads that remotes show of its own log. */
import { openMemoryStore } from "@trustix/storage";
import type { LogHead } from "@trustix/protocol";
import { expect, test } from "vitest";
import { items, openTestLog } from "../publisher/test-log.ts";

/** The heads of a log of these flushes, under the same key as all others here. */
async function headsOf(from: number, flushes: readonly number[]): Promise<LogHead[]> {
  const log = await openTestLog(openMemoryStore());
  const heads: LogHead[] = [];
  let next = from;
  for (const count of flushes) {
    await log.publisher.submit(items(next, count));
    heads.push(await log.publisher.flush());
    next += count;
  }
  await log.publisher.close();
  return heads;
}

test.each([
  { what: "of the same size", flushes: [5] },
  { what: "that is smaller", flushes: [2] },
])("a head of another history $what stops the publisher, whatever larger ones others show", async ({ flushes }) => {
  const mine = await headsOf(0, [2, 3]);
  const [other] = await headsOf(500, flushes);
  for (const shown of [
    [other!, ...mine],
    [...mine, other!],
  ]) {
    let elsewhere: readonly LogHead[] = [];
    const log = await openTestLog(openMemoryStore(), { newestElsewhere: async () => elsewhere });
    for (const count of [2, 3]) {
      await log.publisher.submit(items(count === 2 ? 0 : 2, count));
      await log.publisher.flush();
    }
    elsewhere = mine;
    await log.publisher.submit(items(5, 1));
    expect((await log.publisher.flush()).treeSize).toBe(6);
    elsewhere = shown;
    await log.publisher.submit(items(6, 1));
    await expect(log.publisher.flush()).rejects.toThrow(`a remote has another head of ${other!.treeSize} entries`);
    await log.publisher.close();
  }
});
