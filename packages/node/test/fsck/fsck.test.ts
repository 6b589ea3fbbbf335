import { NIX } from "@trustix/protocol";
import { type Change, type Store, openMemoryStore } from "@trustix/storage";
import { beforeEach, expect, test } from "vitest";
import { type FsckOptions, fsck } from "../../src/fsck/fsck.ts";
import { valueKey } from "../../src/logs/keys.ts";
import { crypto, item, items, logInfo, openTestLog } from "../publisher/test-log.ts";

const info = logInfo(NIX);
const options: FsckOptions = { crypto, logs: [info] };
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

async function allRecords(of: Store): Promise<Change[]> {
  const records: Change[] = [];
  for await (const record of of.range(new Uint8Array(0), new Uint8Array(64).fill(255))) records.push(record);
  return records;
}

test("a sound store has no problems, and the counts are told", async () => {
  const steps = new Set<string>();
  const reports = await fsck(store, { ...options, onProgress: (step) => void steps.add(step) });
  expect(reports).toEqual([
    { logId: info.id, entries: 600, heads: 4, waiting: 3, refused: 1, problems: [], problemCount: 0 },
  ]);
  expect([...steps]).toEqual(expect.arrayContaining(["heads", "entries", "map"]));
});

test("a log that the store does not hold is reported", async () => {
  const [report] = await fsck(openMemoryStore(), options);
  expect(report!.problems).toMatchObject([{ kind: "missing", message: `the store holds no log ${info.id}` }]);
});

/** A lost queue record or refused claim leaves no trace, nor do other bytes in an item that nothing has been made of. */
const UNNOTICED = { flipped: ["log q"], cut: [] as string[], lost: ["log q", "log x", "log s"] };

/**
 * Small enough to damage each of its records, and yet with all of them: pages over buckets, retained heads and retired
 * ones, full and partial tiles.
 */
async function smallStore(): Promise<Store> {
  const small = openMemoryStore();
  const { publisher } = await openTestLog(small, {
    protocol: NIX,
    limits: { retainHeads: 3, retainMs: 0 },
    map: { leavesPerSubtree: 8 },
  });
  for (let i = 0; i < 6; i++) {
    const path = item(`/nix/store/0000000000000000000000000000000${i}-x`, "value-1");
    // Few different values, so that there are few records of them.
    const claims = items(i * 50, 49).map(({ key }, n) => ({ key, value: Buffer.from(`value-${n % 9}`) }));
    await publisher.submit([...claims, path]);
    await publisher.flush();
  }
  await publisher.submit([item("key-1", "another"), ...items(5000, 3)]);
  await publisher.close();
  return small;
}

test("every record of a log is checked: damage to any one, or its loss, is found", { timeout: 120_000 }, async () => {
  const small = await smallStore();
  expect((await fsck(small, options))[0]).toMatchObject({ entries: 300, heads: 3, problems: [] });
  const seen = new Map<string, number>();
  const missed: string[] = [];
  for (const [key, value] of await allRecords(small)) {
    if (key[0] === 0x00) continue; // node-wide, no log's
    const kind = key[0] === 0x10 ? `log ${String.fromCharCode(key[3]!)}` : `space ${key[0]}`;
    const name = kind === "log m" ? `${kind}${String.fromCharCode(key[4]!)}` : kind;
    seen.set(name, (seen.get(name) ?? 0) + 1);
    const damaged = new Uint8Array(value!);
    // At another place of each record.
    damaged[(seen.get(name)! * 37) % damaged.length]! ^= 1;
    const cut = value!.slice(0, -1);
    for (const [how, change] of [
      ["flipped", damaged],
      ["cut", cut],
      ["lost", undefined],
    ] as const) {
      if (UNNOTICED[how].includes(kind)) continue;
      await small.write([[key, change]]);
      const [report] = await fsck(small, options);
      if (report!.problemCount === 0) missed.push(`${how}: ${name} ${Buffer.from(key).toString("hex")}`);
    }
    await small.write([[key, value]]);
  }
  expect(missed).toEqual([]);
  expect([...seen.keys()].sort()).toEqual(
    ["b", "d", "h", "mb", "mg", "mp", "p", "q", "r", "s", "t", "x"]
      .map((kind) => `log ${kind}`)
      .concat("space 1", "space 32")
      .sort(),
  );
  expect(seen.get("log mp")).toBeGreaterThan(10);
  expect((await fsck(small, options))[0]!.problems).toEqual([]);
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
