import { link, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogHead, signHead } from "@trustix/protocol";
import { type Store, openMemoryStore } from "@trustix/storage";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  fileHeadMarker,
  headMarkersOf,
  markerBytes,
  markerCopy,
  parseMarkerFile,
} from "../../src/publisher/head-marker.ts";
import { crypto, items, logInfo, openTestLog, seed } from "./test-log.ts";

let root: string;
let folder: string;
const { id } = logInfo();

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "trustix-heads-"));
  folder = join(root, "deep", "heads");
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function copyOf(store: Store): Promise<Store> {
  const copy = openMemoryStore();
  for await (const entry of store.range(new Uint8Array(0), new Uint8Array(64).fill(255))) await copy.write([entry]);
  return copy;
}

/** What a person sees at the beginning of a marker's file. */
async function readContent(): Promise<Record<string, unknown>> {
  const [content] = (await readFile(join(folder, id), "latin1")).split(/(?<=^\})/m);
  return JSON.parse(content!) as Record<string, unknown>;
}

/** A store of `before` entries, its backup, and the marker after `after` more. */
async function backedUp(before: number, after: number): Promise<{ backup: Store; newest: LogHead }> {
  const store = openMemoryStore();
  const log = await openTestLog(store, { marker: fileHeadMarker(crypto, folder, id) });
  if (before > 0) await log.publisher.submit(items(0, before));
  await log.publisher.flush();
  const backup = await copyOf(store);
  await log.publisher.submit(items(before, after));
  const newest = await log.publisher.flush();
  await log.publisher.close();
  return { backup, newest };
}

test("the marker is one private file a log, and says what was last served", async () => {
  const { newest } = await backedUp(2, 3);
  expect(await fileHeadMarker(crypto, folder, id).read()).toEqual(newest);
  expect(await readdir(folder)).toEqual([id]);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, id))).mode & 0o777).toBe(0o600);
  expect(await readContent()).toMatchObject({ logId: id, treeSize: 5 });
});

test.each([{ before: 2 }, { before: 0 }])(
  "a publisher on a backup of $before entries signs nothing, says how to go on, and still queues",
  async ({ before }) => {
    const { backup, newest } = await backedUp(before, 3);
    const log = await openTestLog(backup, { marker: fileHeadMarker(crypto, folder, id) });
    expect(log.publisher.status().stopped).toMatch(
      /^the head marker .* has a head of .* entries, the store ends at .*`trustix recover`/,
    );
    const old = await log.reader.head();
    expect(old.treeSize).toBe(before);
    expect(await log.publisher.submit(items(100, 2))).toEqual({ refused: [] });
    await expect(log.publisher.flush()).rejects.toMatchObject({ code: "head_behind" });
    expect(log.publisher.status().waiting).toBe(2);
    expect(await log.reader.head()).toEqual(old);
    await log.publisher.close();
    expect(await fileHeadMarker(crypto, folder, id).read()).toEqual(newest);
    const again = await openTestLog(backup, { marker: fileHeadMarker(crypto, folder, id) });
    expect(again.publisher.status()).toMatchObject({ waiting: 2 });
    expect(again.publisher.status().stopped).toBeDefined();
  },
);

test("an empty store where the marker knows a head is refused; readers get no head at all", async () => {
  await backedUp(2, 3);
  const log = await openTestLog(openMemoryStore(), { marker: fileHeadMarker(crypto, folder, id) });
  expect(log.publisher.status().stopped).toContain("the store holds no head");
  await log.publisher.submit(items(0, 1));
  await expect(log.publisher.flush()).rejects.toMatchObject({ code: "head_behind" });
  await expect(log.reader.head()).rejects.toMatchObject({ code: "unavailable" });
});

describe("markers where another environment would have put them", () => {
  const own = (): string => join(root, "own");
  const markers = (...elsewhere: string[]): ReturnType<typeof headMarkersOf> =>
    headMarkersOf(crypto, { headMarker: own(), headMarkersElsewhere: elsewhere }, id);

  // A fresh state under another XDG_CONFIG_HOME once signed a second history, and followers convicted an honest log.
  test("a newer one stops a fresh state, is named, and is not touched", async () => {
    const { newest } = await backedUp(2, 3);
    const log = await openTestLog(openMemoryStore(), markers(join(root, "none"), folder));
    expect(log.publisher.status().stopped).toContain(
      `the head marker ${join(folder, id)} has a head of 5 entries, the store holds no head`,
    );
    await log.publisher.submit(items(500, 1));
    await expect(log.publisher.flush()).rejects.toMatchObject({ code: "head_behind" });
    expect(await fileHeadMarker(crypto, own(), id).read()).toBeUndefined();
    expect(await fileHeadMarker(crypto, folder, id).read()).toEqual(newest);
  });

  test("one that is a past of the store stops nobody, and stays as it is", async () => {
    const store = openMemoryStore();
    const former = await openTestLog(store, { marker: fileHeadMarker(crypto, folder, id) });
    await former.publisher.submit(items(0, 2));
    const old = await former.publisher.flush();
    await former.publisher.close();
    const log = await openTestLog(store, markers(folder));
    await log.publisher.submit(items(2, 2));
    const newest = await log.publisher.flush();
    expect(newest.treeSize).toBe(4);
    expect(await fileHeadMarker(crypto, own(), id).read()).toEqual(newest);
    expect(await fileHeadMarker(crypto, folder, id).read()).toEqual(old);
  });

  test("one that appears while the publisher runs stops it at the next head", async () => {
    const log = await openTestLog(openMemoryStore(), markers(folder));
    await log.publisher.submit(items(0, 1));
    await log.publisher.flush();
    await backedUp(2, 3);
    await log.publisher.submit(items(1, 1));
    await expect(log.publisher.flush()).rejects.toThrow(join(folder, id));
  });

  test.each([
    { what: "damaged", content: () => "{", why: "not JSON" },
    {
      what: "signed by another key",
      content: (head: LogHead) => markerBytes(id, signHead(crypto, new Uint8Array(32).fill(8), head)),
      why: "not signed by the key",
    },
  ])("one that is $what stops the publisher: nobody knows how new it was", async ({ content, why }) => {
    const { newest } = await backedUp(0, 1);
    await writeFile(join(folder, id), content(newest));
    const log = await openTestLog(openMemoryStore(), markers(folder));
    expect(log.publisher.status().stopped).toContain(`head marker ${join(folder, id)}: ${why}`);
  });

  test("a place that cannot hold one is passed over", async () => {
    await writeFile(join(root, "file"), "");
    const log = await openTestLog(openMemoryStore(), markers(join(root, "file"), join(root, "none")));
    await log.publisher.submit(items(0, 1));
    expect((await log.publisher.flush()).treeSize).toBe(1);
  });
});

test("a newer head at a remote stops the publisher as the marker does, also while it runs", async () => {
  const { backup, newest } = await backedUp(2, 3);
  await rm(folder, { recursive: true });
  let elsewhere: LogHead | undefined = undefined;
  const log = await openTestLog(backup, {
    marker: fileHeadMarker(crypto, folder, id),
    newestElsewhere: async () => elsewhere,
  });
  expect(log.publisher.status().stopped).toBeUndefined();
  await log.publisher.submit(items(100, 1));
  elsewhere = newest;
  await expect(log.publisher.flush()).rejects.toThrow("a remote has a head of 5 entries, the store ends at 2");
  expect(log.publisher.status().stopped).toBeDefined();
  expect((await log.reader.head()).treeSize).toBe(2);
});

test("a remote that is down, or answers with a head of another key, stops nobody", async () => {
  const { newest } = await backedUp(2, 3);
  const forged = signHead(crypto, new Uint8Array(32).fill(8), { ...newest, treeSize: 1000 });
  for (const newestElsewhere of [async () => forged, () => Promise.reject(new Error("down"))]) {
    const log = await openTestLog(openMemoryStore(), { newestElsewhere });
    await log.publisher.submit(items(0, 1));
    expect((await log.publisher.flush()).treeSize).toBe(1);
  }
});

test.each([
  { what: "as large as", entries: 5 },
  { what: "smaller than", entries: 2 },
])(
  "a marker $what the store that is no past of it is a second history, and stops the publisher",
  async ({ entries }) => {
    const mine = openMemoryStore();
    const log = await openTestLog(mine);
    await log.publisher.submit(items(0, 5));
    await log.publisher.flush();
    await log.publisher.close();
    const other = await openTestLog(openMemoryStore(), { marker: fileHeadMarker(crypto, folder, id) });
    await other.publisher.submit(items(500, entries));
    await other.publisher.flush();
    const again = await openTestLog(mine, { marker: fileHeadMarker(crypto, folder, id) });
    expect(again.publisher.status().stopped).toMatch(new RegExp(`has another head of ${entries} entries`));
  },
);

test.each([
  { what: "map-head size", change: { mhTreeSize: 7 } },
  { what: "map-head root", change: { mhRoot: new Uint8Array(32) } },
  { what: "map root", change: { mapRoot: new Uint8Array(32).fill(1) } },
])("an equal log root does not excuse another $what", async ({ change }) => {
  const store = openMemoryStore();
  const log = await openTestLog(store);
  await log.publisher.submit(items(0, 2));
  const { signature: _, ...unsigned } = await log.publisher.flush();
  await log.publisher.close();
  await fileHeadMarker(crypto, folder, id).write(signHead(crypto, seed, { ...unsigned, ...change }));
  const again = await openTestLog(store, { marker: fileHeadMarker(crypto, folder, id) });
  expect(again.publisher.status().stopped).toContain("has another head of 2 entries");
});

test("a marker older than the store, or none, is fine and is brought up to date", async () => {
  const store = openMemoryStore();
  const log = await openTestLog(store, { marker: fileHeadMarker(crypto, folder, id) });
  await log.publisher.submit(items(0, 2));
  await log.publisher.flush();
  await log.publisher.close();
  const unmarked = await openTestLog(store);
  await unmarked.publisher.submit(items(2, 2));
  const newest = await unmarked.publisher.flush();
  await unmarked.publisher.close();
  for (const prepare of [async () => {}, () => rm(folder, { recursive: true })]) {
    await prepare();
    const again = await openTestLog(store, { marker: fileHeadMarker(crypto, folder, id) });
    expect(again.publisher.status().stopped).toBeUndefined();
    expect(await fileHeadMarker(crypto, folder, id).read()).toEqual(newest);
    await again.publisher.close();
  }
});

test("a head is not served before its marker is written, and is once it can be", async () => {
  const marker = fileHeadMarker(crypto, folder, id);
  let full = false;
  const log = await openTestLog(openMemoryStore(), {
    marker: { ...marker, write: (head) => (full ? Promise.reject(new Error("disk full")) : marker.write(head)) },
  });
  await log.publisher.submit(items(0, 2));
  full = true;
  await expect(log.publisher.flush()).rejects.toThrow("disk full");
  expect((await log.reader.head()).treeSize).toBe(0);
  await expect(log.publisher.flush()).rejects.toThrow("disk full");
  full = false;
  expect((await log.publisher.flush()).treeSize).toBe(2);
  expect((await log.reader.head()).treeSize).toBe(2);
  expect((await marker.read())?.treeSize).toBe(2);
});

test.each(["", "{", "null", "[]", '{"logId":"x"}', "x".repeat(5000)])(
  "a marker that reads %j stops the publisher and says what is wrong",
  async (content) => {
    const store = openMemoryStore();
    await openTestLog(store, { marker: fileHeadMarker(crypto, folder, id) });
    await writeFile(join(folder, id), content);
    const log = await openTestLog(store, { marker: fileHeadMarker(crypto, folder, id) });
    expect(log.publisher.status().stopped).toMatch(/^head marker .*put it back from a copy/);
  },
);

test("a marker whose fields are tampered with stops the publisher", async () => {
  const store = openMemoryStore();
  await openTestLog(store, { marker: fileHeadMarker(crypto, folder, id) });
  const good = await readContent();
  for (const change of [
    { treeSize: -1 },
    { treeSize: 1 },
    { logRoot: "00" },
    { mhRoot: "zz".repeat(32) },
    { signature: 5 },
    { logId: "other" },
  ]) {
    await writeFile(join(folder, id), JSON.stringify({ ...good, ...change }));
    const log = await openTestLog(store, { marker: fileHeadMarker(crypto, folder, id) });
    expect(log.publisher.status().stopped).toContain(`head marker ${join(folder, id)}: `);
  }
});

describe("the two copies of the head", () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const head = fc.record({
    logRoot: hash,
    treeSize: fc.maxSafeNat(),
    mapRoot: hash,
    mhRoot: hash,
    mhTreeSize: fc.nat(1000),
    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  });
  const HALF = 4096;
  const fileOf = (first: LogHead, second: LogHead): Buffer =>
    Buffer.concat([markerCopy(crypto, id, first), markerCopy(crypto, id, second)]);
  const read = (file: Uint8Array): LogHead => parseMarkerFile(crypto, file, id, "/heads/log");

  test("stop anywhere while a head is marked, and the file says that head or the one before", () => {
    const stop = fc.record({ copy: fc.constantFrom(0, 1), sectors: fc.array(fc.boolean(), { maxLength: 8 }) });
    fc.assert(
      fc.property(head, head, stop, (before, head, { copy, sectors }) => {
        const after = { ...head, mhTreeSize: before.mhTreeSize + 1 };
        const file = copy === 0 ? fileOf(before, before) : fileOf(after, before);
        const whole = fileOf(after, after);
        // Of the copy that was being written, any of the disk's sectors may have got there.
        for (const [i, written] of sectors.entries()) {
          const at = copy * HALF + i * 512;
          if (written) whole.copy(file, at, at, at + 512);
        }
        const found = read(file);
        if (copy === 1) expect(found).toEqual(after);
        else expect([before, after]).toContainEqual(found);
      }),
    );
  });

  test("damage to one copy loses nothing, to both it is told", () => {
    const damage = fc.record({
      at: fc.nat(HALF - 1),
      by: fc.integer({ min: 1, max: 255 }),
      copy: fc.constantFrom(0, 1),
    });
    fc.assert(
      fc.property(head, damage, (head, { at, by, copy }) => {
        const file = fileOf(head, head);
        file[copy * HALF + at]! ^= by;
        expect(read(file)).toEqual(head);
      }),
    );
    const file = fileOf(fc.sample(head, 1)[0]!, fc.sample(head, 1)[0]!);
    for (const at of [100, HALF + 100]) file[at]! ^= 1;
    expect(() => read(file)).toThrow("neither of its two copies is whole");
    expect(() => read(Buffer.alloc(2 * HALF))).toThrow("neither of its two copies is whole");
  });

  test("a whole copy of another log is refused, not passed over", () => {
    const [one] = fc.sample(head, 1);
    const other = "ab".repeat(32) as typeof id;
    const file = Buffer.concat([markerCopy(crypto, other, one!), markerCopy(crypto, id, one!)]);
    expect(() => read(file)).toThrow(`it is of log "${other}"`);
  });

  test("are written over in place, and a file of any other form is replaced as a whole", async () => {
    const [first, second] = fc.sample(head, 2) as [LogHead, LogHead];
    const place = join(folder, id);
    const marker = fileHeadMarker(crypto, folder, id);
    await marker.write(first);
    await link(place, `${place}.link`);
    await marker.write(second);
    expect(await readFile(`${place}.link`)).toEqual(fileOf(second, second));
    for (const content of [markerBytes(id, first), Buffer.alloc(0), Buffer.alloc(2 * HALF - 1)]) {
      await rm(`${place}.link`);
      await writeFile(place, content);
      await link(place, `${place}.link`);
      await marker.write(second);
      expect(await readFile(place)).toEqual(fileOf(second, second));
      expect(await readFile(`${place}.link`)).toEqual(Buffer.from(content));
    }
    expect((await stat(place)).mode & 0o777).toBe(0o600);
  });

  test("what earlier versions wrote is read, and what is cut off or too long is not", async () => {
    const [one] = fc.sample(head, 1) as [LogHead];
    expect(read(markerBytes(id, one))).toEqual(one);
    expect(() => read(fileOf(one, one).subarray(0, 2 * HALF - 1))).toThrow("more than 4096 bytes came");
    await fileHeadMarker(crypto, folder, id).write(one);
    await writeFile(join(folder, id), Buffer.concat([fileOf(one, one), Buffer.from("\n")]));
    await expect(fileHeadMarker(crypto, folder, id).read()).rejects.toThrow("more than 4096 bytes came");
  });
});
