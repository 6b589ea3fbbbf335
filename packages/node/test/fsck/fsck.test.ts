/** What is wrong with a store is found, and what is right is not complained of. */
import { NIX } from "@trustix/protocol";
import { type Store, openMemoryStore } from "@trustix/storage";
import { beforeEach, expect, test } from "vitest";
import { fsck } from "../../src/fsck/fsck.ts";
import { valueKey } from "../../src/logs/keys.ts";
import { crypto, item, items, openTestLog } from "../publisher/test-log.ts";
import { allRecords, expectDamageFound, info, options, smallCopy, smallLog, smallStore } from "./damage-records.ts";

let store: Store;

/** 600 entries under 4 heads, store paths among them; items waiting, a refused claim. */
beforeEach(async () => {
  store = openMemoryStore();
  const { publisher } = await openTestLog(store, { protocol: NIX });
  for (let i = 0; i < 3; i++) {
    await publisher.submit([...items(i * 200, 199), item(`/nix/store/0000000000000000000000000000000${i}-x`, `${i}`)]);
    await publisher.flush();
  }
  await publisher.submit([item("key-1", "another"), ...items(5000, 3)]);
  await publisher.close();
});

test("a sound store has no problems, and the counts are told", async () => {
  const steps = new Set<string>();
  const reports = await fsck(store, { ...options, onProgress: (step) => void steps.add(step) });
  expect(reports).toEqual([
    {
      logId: info.id,
      kind: "published",
      entries: 600,
      heads: 4,
      waiting: 3,
      refused: 1,
      problems: [],
      problemCount: 0,
    },
  ]);
  expect([...steps]).toEqual(expect.arrayContaining(["heads", "entries", "map"]));
});

test("a log that the store does not hold is reported", async () => {
  const [report] = await fsck(openMemoryStore(), options);
  expect(report!.problems).toMatchObject([{ kind: "missing", message: `the store holds no log ${info.id}` }]);
});

test("the first record of every kind is checked: damage to it, or its loss, is found", async () => {
  await expectDamageFound(await smallLog(), "first of its kind");
  await expectDamageFound(await smallCopy(), "first of its kind");
});

test("a map page or garbage list that no retained head needs is found", async () => {
  const small = await smallStore();
  const pages = (await allRecords(small)).filter(([key]) => key[0] === 0x10 && key[3] === 0x6d && key[4] !== 0x62);
  for (const [key, value] of pages) {
    const old = key.slice();
    old[old.length - 1] = 0;
    await small.write([[old, value]]);
    const [report] = await fsck(small, options);
    expect(report!.problems.map(({ kind }) => kind)).toContain("surplus");
    await small.write([[old, undefined]]);
  }
  expect((await fsck(small, options))[0]!.problems).toEqual([]);
});

test.each([
  { what: "a record of unknown kind", key: [0x10, 0, 0, 0x7a, 1], value: [1], kind: "surplus" },
  { what: "a bundle after the last", key: [0x10, 0, 0, 0x62, 0, 0, 0, 0, 0, 9], value: [], kind: "missing" },
  { what: "a tile after the last", key: [0x10, 0, 0, 0x74, 0, 0, 0, 0, 0, 0, 9], value: [1], kind: "surplus" },
  {
    what: "a map root nobody signed",
    key: [0x10, 0, 0, 0x72, ...new Uint8Array(32).fill(3)],
    value: [0, 0, 0, 0, 0, 1],
    kind: "surplus",
  },
  {
    what: "a queue record already drained",
    key: [0x10, 0, 0, 0x71, 0, 0, 0, 0, 0, 0],
    value: [1, 0, 0, 0, 0],
    kind: "surplus",
  },
  {
    what: "a hash part nobody claimed",
    key: [0x10, 0, 0, 0x70, ...new Uint8Array(20).fill(3)],
    value: [0, 0, 0, 0, 0, 1],
    kind: "wrong",
  },
])("$what is found", async ({ key, value, kind }) => {
  await store.write([[Uint8Array.from(key), Uint8Array.from(value)]]);
  const [report] = await fsck(store, options);
  expect(report!.problems.map((problem) => problem.kind)).toContain(kind);
});

test("many problems are counted, and the first hundred told", async () => {
  const values = Array.from({ length: 150 }, (_, i) => crypto.sha256(Buffer.from(`value-${i}`)));
  await store.write(values.map((digest) => [valueKey(digest), undefined] as const));
  const [report] = await fsck(store, options);
  expect(report!.problems.length).toBe(100);
  expect(report!.problemCount).toBe(150);
  expect(report!.problems[0]).toMatchObject({
    kind: "missing",
    message: expect.stringMatching(/^value [0-9a-f]{64}$/),
  });
});
