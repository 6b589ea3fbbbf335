import { entryLeafHash, leafHash, verifyConsistency, verifyInclusion } from "@trustix/merkle";
import { type LogHead, NIX } from "@trustix/protocol";
import { openMemoryStore } from "@trustix/storage";
import { beforeAll, expect, test } from "vitest";
import { openValues } from "../../src/logs/values.ts";
import { type TestLog, crypto, item, items, openTestLog } from "../publisher/test-log.ts";

/** 5 heads: empty, then 3, 300, 301 and 900 entries. */
const SIZES = [0, 3, 300, 301, 900];
const store = openMemoryStore();
const heads: LogHead[] = [];
let log: TestLog;

beforeAll(async () => {
  log = await openTestLog(store, { maxRange: 1000 });
  heads.push(await log.reader.head());
  for (let i = 1; i < SIZES.length; i++) {
    await log.publisher.submit(items(SIZES[i - 1]!, SIZES[i]! - SIZES[i - 1]!));
    heads.push(await log.publisher.flush());
  }
  await log.publisher.submit(items(10_000, 5));
});

test("entries come with key, value digest and leaf, up to the published size and the limit", async () => {
  const entries = await log.reader.entries(250, 310);
  expect(entries.length).toBe(61);
  for (const [i, { key, valueDigest, leafDigest }] of entries.entries()) {
    expect(Buffer.from(key!).toString()).toBe(`key-${250 + i}`);
    expect(valueDigest).toEqual(crypto.sha256(Buffer.from(`value-${250 + i}`)));
    expect(leafDigest).toEqual(entryLeafHash(crypto, key!, valueDigest!));
  }
  expect((await log.reader.entries(0, 899)).length).toBe(900);
  expect(await log.reader.entries(5, 4)).toEqual([]);
  expect(await log.reader.entries(0, -1)).toEqual([]);
  expect(await log.reader.entries(900, 899)).toEqual([]);
});

test.each([
  [0, 900],
  [900, 900],
  [5, 3],
  [-1, 3],
  [0.5, 3],
  [0, NaN],
  [0, 2 ** 60],
])("entries %d to %d are refused", async (start, finish) => {
  await expect(log.reader.entries(start, finish)).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(log.reader.mhEntries(start, finish)).rejects.toMatchObject({ code: "invalid_argument" });
});

test("a range over the limit is refused, and says the limit", async () => {
  const { reader } = await openTestLog(store, { maxRange: 10 });
  expect((await reader.entries(0, 9)).length).toBe(10);
  await expect(reader.entries(0, 10)).rejects.toMatchObject({ code: "too_large" });
  await expect(reader.entries(0, 10)).rejects.toThrow("at most 10 wanted");
});

test("consistency holds between any two heads, of the log and of the map-head log", async () => {
  for (const first of heads)
    for (const second of heads) {
      if (second.treeSize < first.treeSize) continue;
      verifyConsistency(crypto, {
        first: first.treeSize,
        second: second.treeSize,
        firstRoot: first.logRoot,
        secondRoot: second.logRoot,
        proof: await log.reader.consistencyProof(first.treeSize, second.treeSize),
      });
      verifyConsistency(crypto, {
        first: first.mhTreeSize,
        second: second.mhTreeSize,
        firstRoot: first.mhRoot,
        secondRoot: second.mhRoot,
        proof: await log.reader.mhConsistencyProof(first.mhTreeSize, second.mhTreeSize),
      });
    }
});

test("inclusion is proved at every head's size, of the log and of the map-head log", async () => {
  for (const head of heads.slice(1))
    for (const index of [0, head.treeSize >> 1, head.treeSize - 1]) {
      const [entry] = await log.reader.entries(index, index);
      const proof = await log.reader.auditProof(index, head.treeSize);
      verifyInclusion(crypto, { index, size: head.treeSize, leaf: entry!.leafDigest, root: head.logRoot, proof });
    }
  const leaves = await log.reader.mhEntries(0, heads.length - 1);
  for (const [index, head] of heads.entries()) {
    expect(leaves[index]).toEqual({
      key: undefined,
      valueDigest: undefined,
      leafDigest: leafHash(crypto, head.mapRoot),
    });
    const newest = heads.at(-1)!;
    const proof = await log.reader.mhAuditProof(index, newest.mhTreeSize);
    const claim = { index, size: newest.mhTreeSize, leaf: leaves[index]!.leafDigest, root: newest.mhRoot, proof };
    verifyInclusion(crypto, claim);
  }
});

test("proofs beyond the published tree, backwards or of nothing are refused", async () => {
  const refused = { code: "invalid_argument" };
  await expect(log.reader.consistencyProof(0, 901)).rejects.toMatchObject(refused);
  await expect(log.reader.consistencyProof(4, 3)).rejects.toMatchObject(refused);
  await expect(log.reader.consistencyProof(-1, 3)).rejects.toMatchObject(refused);
  await expect(log.reader.mhConsistencyProof(0, 6)).rejects.toMatchObject(refused);
  await expect(log.reader.auditProof(3, 3)).rejects.toMatchObject(refused);
  await expect(log.reader.auditProof(0, 901)).rejects.toMatchObject(refused);
  await expect(log.reader.mhAuditProof(0, 2 ** 53)).rejects.toMatchObject(refused);
});

test("values are given by digest in order, undefined for those that no published log claims", async () => {
  const values = openValues(store, crypto);
  const [a, b] = ["value-0", "value-899"].map((value) => Buffer.from(value));
  const digests = [b!, Buffer.from("value-10000"), a!].map((value) => crypto.sha256(value));
  expect(await values.getMany(digests)).toEqual([new Uint8Array(b!), undefined, new Uint8Array(a!)]);
  await expect(values.getMany([new Uint8Array(31)])).rejects.toMatchObject({ code: "invalid_argument" });
});

test("a value that is not what its digest says is corrupt", async () => {
  const damaged = openMemoryStore();
  const digest = crypto.sha256(Buffer.from("x"));
  await damaged.write([[Uint8Array.of(0x20, ...digest), Buffer.from("y")]]);
  await expect(openValues(damaged, crypto).getMany([digest])).rejects.toMatchObject({ code: "corrupt" });
});

test("a Nix log finds the full path by its hash part", async () => {
  const { publisher, reader } = await openTestLog(openMemoryStore(), { protocol: NIX });
  const path = "/nix/store/00000000000000000000000000000001-hello-2.12";
  await publisher.submit([item("not a path", "v"), item(path, "v")]);
  const part = new Uint8Array(20);
  part[0] = 1;
  expect(await reader.keyByHashPart(part)).toBeUndefined();
  await publisher.flush();
  expect(await reader.keyByHashPart(part)).toEqual(new Uint8Array(Buffer.from(path)));
  expect(await reader.keyByHashPart(new Uint8Array(20))).toBeUndefined();
  await expect(reader.keyByHashPart(new Uint8Array(19))).rejects.toMatchObject({ code: "invalid_argument" });
});
