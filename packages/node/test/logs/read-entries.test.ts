import { type LogEntry, bundleChanges } from "@trustix/merkle";
import { openMemoryStore } from "@trustix/storage";
import { expect, test } from "vitest";
import { LogKeys } from "../../src/logs/keys.ts";
import { readEntries } from "../../src/logs/read-entries.ts";

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
  }
});
