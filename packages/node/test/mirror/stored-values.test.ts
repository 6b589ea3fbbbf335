/** Which values are here, with few looks into the store. */
import { utf8 } from "@trustix/crypto";
import { openMemoryStore, type Reads } from "@trustix/storage";
import { expect, test } from "vitest";
import { privateValueKey } from "../../src/logs/keys.ts";
import { StoredValues } from "../../src/mirror/stored-values.ts";
import { crypto } from "../subscriber/network.ts";

const digests = Array.from({ length: 2000 }, (_, i) => crypto.sha256(utf8(`value ${i}`)));
const [old, fresh] = [digests.slice(0, 1000), digests.slice(1000)];

/** A store with the old ones, and how many keys were looked up in it. */
async function half(): Promise<{
  values: StoredValues;
  store: ReturnType<typeof openMemoryStore>;
  lookedUp(): number;
}> {
  const store = openMemoryStore();
  await store.write(old.map((digest) => [privateValueKey(digest), utf8("some value")]));
  let count = 0;
  const reads: Reads = {
    getMany: (keys) => ((count += keys.length), store.getMany(keys)),
    range: (...range) => store.range(...range),
  };
  return { values: new StoredValues(reads), store, lookedUp: () => count };
}

test.each([false, true])("a value is lacking if it is not stored, in a long copy (%s) and in any", async (many) => {
  const { values } = await half();
  const answer = await values.lacks(digests, many);
  expect(answer).toEqual(digests.map((_, i) => i >= 1000));
});

test("a long copy looks up no more than what may be there", async () => {
  const { values, lookedUp } = await half();
  await values.lacks(fresh, true);
  expect(lookedUp()).toBeLessThan(5);
  await values.lacks(old, true);
  expect(lookedUp()).toBeLessThan(1005);
});

test("what was stored since the filter was made is found, and what was to be stored and is not lacks", async () => {
  const { values, store } = await half();
  await values.lacks(digests, true);
  const [stored, lost] = fresh;
  for (const digest of [stored!, lost!]) values.add(digest);
  await store.write([[privateValueKey(stored!), utf8("now")]]);
  expect(await values.lacks([stored!, lost!], true)).toEqual([false, true]);
});

test("a store that fails while the filter is made fails the question, and the next one tries again", async () => {
  const { values: working } = await half();
  expect(await working.lacks([old[0]!], true)).toEqual([false]);
  let fails = true;
  const store = openMemoryStore();
  const reads: Reads = {
    getMany: (keys) => store.getMany(keys),
    async *range(...range) {
      if (fails) throw new Error("the disk is gone");
      yield* store.range(...range);
    },
  };
  const values = new StoredValues(reads);
  await expect(values.lacks(fresh, true)).rejects.toThrow("the disk is gone");
  fails = false;
  expect(await values.lacks(fresh, true)).toEqual(fresh.map(() => true));
});
