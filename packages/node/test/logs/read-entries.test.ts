import { type LogEntry, bundleChanges } from "@trustix/merkle";
import { openMemoryStore } from "@trustix/storage";
import { describe, expect, test } from "vitest";
import { KeptBundles } from "../../src/logs/kept-bundles.ts";
import { LogKeys } from "../../src/logs/keys.ts";
import { readEntries, readEntry } from "../../src/logs/read-entries.ts";

const keys = new LogKeys(3);
const entries: LogEntry[] = Array.from({ length: 600 }, (_, i) => ({
  key: new Uint8Array(Buffer.from("k".repeat(i % 7) + i)),
  valueDigest: new Uint8Array(32).fill(i),
}));

async function filled(): Promise<ReturnType<typeof openMemoryStore>> {
  const store = openMemoryStore();
  await store.write(bundleChanges(keys.bundles, 0, undefined, entries));
  return store;
}

test.each([
  { what: "each alone", step: 1, together: 1 },
  { what: "few of each bundle", step: 97, together: 7 },
  { what: "many of each bundle", step: 1, together: 600 },
])("entries come in the order asked for: $what", async ({ step, together }) => {
  const store = await filled();
  const all = entries.map((_, i) => (i * step) % entries.length).reverse();
  for (let from = 0; from < all.length; from += together) {
    const indices = all.slice(from, from + together);
    expect(await readEntries(store, keys, indices)).toEqual(indices.map((index) => entries[index]));
  }
});

test("an entry that is not stored, or whose bundle is damaged, is corrupt", async () => {
  const store = await filled();
  const refused = { name: "NodeError", code: "corrupt" };
  await expect(readEntries(store, keys, [600])).rejects.toMatchObject(refused);
  await expect(readEntries(store, keys, [5000])).rejects.toMatchObject(refused);
  const [whole] = await store.getMany([keys.bundle(0)]);
  for (const damaged of [new Uint8Array(0), whole!.slice(0, 50), new Uint8Array(100), new Uint8Array(300).fill(255)]) {
    await store.write([[keys.bundle(0), damaged]]);
    await expect(readEntries(store, keys, [200])).rejects.toMatchObject(refused);
    await expect(readEntry(store, keys, new KeptBundles(), 200, 600)).rejects.toMatchObject(refused);
  }
});

describe("one entry", () => {
  /** A store that counts what it is asked for. */
  async function counted() {
    const store = await filled();
    const seen = { reads: 0 };
    const reads = {
      ...store,
      getMany: (wanted: readonly Uint8Array[]) => {
        seen.reads += wanted.length;
        return store.getMany(wanted);
      },
    };
    return { store, reads, seen };
  }

  test("comes out of a bundle that was read before, without reading again", async () => {
    const { reads, seen } = await counted();
    const kept = new KeptBundles();
    for (let round = 0; round < 2; round++) {
      for (const [index, entry] of entries.entries()) {
        expect(await readEntry(reads, keys, kept, index, 600)).toEqual(entry);
      }
    }
    expect(seen.reads).toBe(3);
  });

  test("that was not published when its bundle was read is read again: it may have become another", async () => {
    const { store, reads, seen } = await counted();
    const kept = new KeptBundles();
    // A flush under way has stored 600 entries, 520 are published.
    expect(await readEntry(reads, keys, kept, 519, 520)).toEqual(entries[519]);
    // It failed, and the store went on with other entries.
    const others = entries.slice(520).map(({ key }) => ({ key, valueDigest: new Uint8Array(32).fill(255) }));
    const [bundle] = await store.getMany([keys.bundle(2)]);
    await store.write(bundleChanges(keys.bundles, 520, bundle, others));
    expect(await readEntry(reads, keys, kept, 518, 600)).toEqual(entries[518]);
    expect(seen.reads).toBe(1);
    expect(await readEntry(reads, keys, kept, 520, 600)).toEqual(others[0]);
    expect(await readEntry(reads, keys, kept, 599, 600)).toEqual(others[79]);
    expect(await readEntry(reads, keys, kept, 519, 600)).toEqual(entries[519]);
    expect(seen.reads).toBe(2);
  });

  test("bundles are kept within bounds, those used last", async () => {
    const { reads, seen } = await counted();
    const bundleBytes = (await reads.getMany([keys.bundle(0)]))[0]!.length;
    const kept = new KeptBundles(2.5 * bundleBytes);
    seen.reads = 0;
    // Larger than an eighth: none of them is kept.
    for (const index of [0, 0, 1]) await readEntry(reads, keys, kept, index, 600);
    expect(seen.reads).toBe(3);

    const numbered = new KeptBundles(100);
    for (let n = 0; n < 8; n++) numbered.keep(n, new Uint8Array(12), 10_000);
    expect(numbered.find(0)).toBeDefined();
    numbered.keep(8, new Uint8Array(12), 10_000);
    // The one used longest ago had to go: not the first one, which was asked for.
    expect([0, 1, 2, 8].map((n) => numbered.find(n * 256) !== undefined)).toEqual([true, false, true, true]);
    numbered.keep(8, new Uint8Array(12), 10_000);
    expect(numbered.find(2 * 256)).toBeDefined();
    numbered.keep(9, new Uint8Array(12), 9 * 256);
    expect(numbered.find(9 * 256)).toBeUndefined();
  });
});
