/** Copying followed logs: what is stored, what it is checked against, what a lying place and a lying log cost. */
import { toHex, utf8 } from "@trustix/crypto";
import { verifyInclusion, verifyPresence } from "@trustix/merkle";
import { GetValuesRequestSchema, LogAPI, LogEntriesResponseSchema, LogExt } from "@trustix/proto";
import { NIX, decode, encode, logLeafDigest, mapEntryBytes, mapPath, mapValueHash } from "@trustix/protocol";
import { openMemoryStore } from "@trustix/storage";
import { FakeClock, FakeLog, FakeNode } from "@trustix/testkit";
import { expect, test } from "vitest";
import { loadLog } from "../../src/logs/log-trees.ts";
import { registerLogs } from "../../src/logs/register-logs.ts";
import { openAllValues } from "../../src/logs/values.ts";
import { StoredValues } from "../../src/mirror/stored-values.ts";
import { MirroredLog } from "../../src/mirror/mirrored-log.ts";
import { openTestLog } from "../publisher/test-log.ts";
import { crypto } from "../subscriber/network.ts";
import { mirrored, until } from "./mirrors.ts";

/** One head over many entries. */
function large(name: string, entries: number): FakeLog {
  const log = new FakeLog(crypto, name);
  log.publish(...Array.from({ length: entries }, (_, i) => [`key ${i}`, `value ${i}`] as const));
  return log;
}

test("every entry is copied with its value, and the held head is served", async () => {
  const log = large("mercury", 2500);
  const net = await mirrored([log], [new FakeNode("memory:m", log)]);
  await net.serves(log);
  expect(net.status(log)).toMatchObject({
    served: log.head(),
    entries: 2500,
    valued: 2500,
    target: 2500,
    why: undefined,
  });
  for (const i of [0, 1, 999, 1000, 2499]) {
    const digest = crypto.sha256(utf8(`value ${i}`));
    expect(await net.claim(log, `key ${i}`)).toMatchObject({ digest, index: i, firstSeen: net.clock.now() });
    const [value] = await openAllValues(net.store, crypto).getMany([digest]);
    expect(value).toEqual(utf8(`value ${i}`));
  }
  expect(await net.claim(log, "key 2500")).toBeUndefined();
});

test("with the disk nearly full nothing more is copied, the copy says so, and goes on when there is room", async () => {
  const log = large("mercury", 500);
  let left = 2;
  const room = async (): Promise<string | undefined> => (left-- > 0 ? undefined : "3 MiB are free");
  const net = await mirrored([log], [new FakeNode("memory:m", log)], { chunkEntries: 100, room });
  await until(() => net.status(log).why !== undefined);
  expect(net.status(log)).toMatchObject({ entries: 200, served: undefined, why: "3 MiB are free", isWrong: false });
  expect(net.told.filter(({ kind }) => kind === "stuck")).toEqual([
    { kind: "stuck", logId: log.info.id, why: "3 MiB are free" },
  ]);
  left = Infinity;
  await net.clock.advance(2_000);
  await net.serves(log);
  expect(net.status(log)).toMatchObject({ entries: 500, valued: 500, why: undefined });
});

test("the copy proves what it says, under the served head", async () => {
  const log = large("mercury", 300);
  const net = await mirrored([log], [new FakeNode("memory:m", log)]);
  await net.serves(log);
  const reader = net.mirror.reader(log.info.id)!;
  const head = await reader.head();
  const key = utf8("key 123");
  const { entry, proof } = await reader.mapValue(key, head.mapRoot);
  expect(entry).toEqual({ digest: crypto.sha256(utf8("value 123")), index: 123 });
  const valueHash = mapValueHash(crypto, mapEntryBytes(entry!.digest, 123));
  verifyPresence(crypto, head.mapRoot, mapPath(crypto, key), valueHash, proof);
  const path = await reader.auditProof(123, head.treeSize);
  const leaf = logLeafDigest(crypto, key, entry!.digest);
  verifyInclusion(crypto, { index: 123, size: 300, leaf, root: head.logRoot, proof: path });
  expect((await reader.mapValue(utf8("nothing"), head.mapRoot)).entry).toBeUndefined();
});

test("a log that grows is copied on from where the copy ends", async () => {
  const log = large("mercury", 1200);
  const node = new FakeNode("memory:m", log);
  const net = await mirrored([log], [node]);
  await net.serves(log);
  for (let round = 0; round < 5; round++) {
    node.calls.length = 0;
    log.publish(...Array.from({ length: 7 }, (_, i) => [`more ${round} ${i}`, "v"] as const));
    await net.follower.pollNow(log.info.id);
    await net.serves(log);
    expect(node.calls.filter((call) => call === "GetLogEntries")).toHaveLength(1);
    expect(await net.claim(log, `more ${round} 6`)).toMatchObject({ index: 1200 + 7 * round + 6 });
    expect(await net.claim(log, "key 5")).toMatchObject({ index: 5 });
  }
});

test("each digest is fetched once, whoever claims it, and asking for a claim calls nobody", async () => {
  const [a, b] = [large("mercury", 400), large("venus", 400)];
  const nodes = [new FakeNode("memory:a", a), new FakeNode("memory:b", b)];
  const first = await mirrored([a], nodes);
  await first.serves(a);
  await first.close();
  for (const node of nodes) node.calls.length = 0;
  const net = await mirrored([a, b], nodes, { store: first.store });
  await net.serves(b);
  expect(nodes.flatMap(({ calls }) => calls).filter((call) => call.startsWith("GetValue"))).toEqual([]);
  for (const node of nodes) node.calls.length = 0;
  for (const key of ["key 3", "key 399", "nobody has it"]) {
    await net.claim(a, key);
    await net.claim(b, key);
  }
  expect(nodes.flatMap(({ calls }) => calls)).toEqual([]);
});

test("a value that many entries claim is fetched and stored once", async () => {
  const log = new FakeLog(crypto, "mercury");
  log.publish(...Array.from({ length: 900 }, (_, i) => [`key ${i}`, i % 2 === 0 ? "even" : "odd"] as const));
  const node = new FakeNode("memory:m", log);
  let asked = 0;
  node.tamper = (name, answer, request) => {
    if (name === LogExt.method.getValues.name) asked += decode(GetValuesRequestSchema, request, 1 << 20).Digests.length;
    return answer();
  };
  const net = await mirrored([log], [node]);
  await net.serves(log);
  expect(asked).toBe(2);
  const digests = ["even", "odd"].map((value) => crypto.sha256(utf8(value)));
  expect(await openAllValues(net.store, crypto).getMany(digests)).toEqual([utf8("even"), utf8("odd")]);
});

test("an empty log is served, and so is one that begins later", async () => {
  const log = new FakeLog(crypto, "mercury");
  const net = await mirrored([log], [new FakeNode("memory:m", log)]);
  await net.serves(log);
  expect(net.status(log)).toMatchObject({ entries: 0, target: 0 });
  expect(await net.claim(log, "a")).toBeUndefined();
  log.publish(["a", "1"]);
  await net.follower.pollNow(log.info.id);
  await net.serves(log);
  expect(await net.claim(log, "a")).toMatchObject({ index: 0 });
});

test("with values on demand only their digests are copied, and turning that off later fetches them", async () => {
  const log = large("mercury", 1500);
  const node = new FakeNode("memory:m", log);
  const net = await mirrored([log], [node], { eager: false });
  await net.serves(log);
  expect(node.calls.filter((call) => call.startsWith("GetValue"))).toEqual([]);
  expect(net.status(log).valued).toBeUndefined();
  expect(await net.claim(log, "key 7")).toMatchObject({ index: 7 });
  await net.close();
  const eager = await mirrored([log], [node], { store: net.store });
  await until(() => eager.status(log).valued === 1500);
  const digests = [0, 999, 1499].map((i) => crypto.sha256(utf8(`value ${i}`)));
  expect(await openAllValues(net.store, crypto).getMany(digests)).not.toContain(undefined);
});

test("a value that nobody has is no obstacle, and is asked for again with the next head", async () => {
  const log = large("mercury", 30);
  const node = new FakeNode("memory:m", log);
  const lost = crypto.sha256(utf8("value 11"));
  log.withheld.add(toHex(lost));
  const net = await mirrored([log], [node]);
  await net.serves(log);
  expect(await net.claim(log, "key 11")).toMatchObject({ digest: lost, index: 11 });
  const values = openAllValues(net.store, crypto);
  expect(await values.getMany([lost])).toEqual([undefined]);
  log.withheld.clear();
  log.publish(["next", "head"]);
  await net.follower.pollNow(log.info.id);
  await net.serves(log);
  await until(() => net.status(log).rate === 0);
  expect(await values.getMany([lost])).toEqual([utf8("value 11")]);
});

/** Changes the first leaf of each answer that holds entries. */
function swapped(): FakeNode["tamper"] {
  return (name, answer) => {
    if (name !== LogAPI.method.getLogEntries.name) return answer();
    const message = decode(LogEntriesResponseSchema, answer(), 1 << 20);
    const [first] = message.Leaves;
    first!.ValueDigest = crypto.sha256(utf8("another value"));
    first!.LeafDigest = logLeafDigest(crypto, first!.Key, first!.ValueDigest);
    return encode(LogEntriesResponseSchema, message);
  };
}

test("entries that the signed head does not commit to are not stored, and another place is asked", async () => {
  const log = large("mercury", 1500);
  const [liar, honest] = [new FakeNode("memory:liar", log), new FakeNode("memory:honest", log)];
  liar.tamper = swapped();
  const net = await mirrored([log], [liar, honest], { eager: false });
  await net.serves(log);
  expect(await net.claim(log, "key 0")).toMatchObject({ digest: crypto.sha256(utf8("value 0")) });
  expect(net.status(log).why).toBeUndefined();
});

test("where only a liar serves the log, nothing is served, the reason is shown, and it is tried again", async () => {
  const log = large("mercury", 40);
  const liar = new FakeNode("memory:liar", log);
  liar.tamper = swapped();
  const net = await mirrored([log], [liar], { eager: false });
  await until(() => net.status(log).why !== undefined);
  expect(net.status(log)).toMatchObject({ served: undefined, entries: 0, isLie: false });
  expect(net.status(log).why).toMatch(/^memory:liar: its 40 entries do not make the log root of the signed head/);
  expect(net.told.filter(({ kind }) => kind === "stuck")).toHaveLength(1);
  liar.tamper = (_name, answer) => answer();
  await net.clock.advance(60_000);
  await net.serves(log);
});

/** A log of many entries, one of which its map leaves out or has otherwise. */
function lying(entries: number, index: number, inMap: Uint8Array | undefined): FakeLog {
  const log = new FakeLog(crypto, "mercury");
  log.add(...Array.from({ length: entries }, (_, i) => [`key ${i}`, `value ${i}`] as const));
  log.lieInMap(index, inMap);
  log.sign();
  return log;
}

const LIES: [string, FakeLog, RegExp][] = [
  ["a small map without a key", lying(3, 1, undefined), /entry 1/],
  ["a large map without a key", lying(700, 533, undefined), /entry 533/],
  ["without the first key", lying(700, 0, undefined), /entry 0/],
  ["another digest in the map", lying(700, 99, mapEntryBytes(new Uint8Array(32), 99)), /entry 99/],
  ["another index in the map", lying(700, 99, mapEntryBytes(crypto.sha256(utf8("value 99")), 98)), /entry 98/],
  ["an index beyond the log", lying(700, 99, mapEntryBytes(crypto.sha256(utf8("value 99")), 700)), /entry 700/],
];

for (const [name, log, what] of LIES) {
  test(`a log whose map is not the one of its entries is convicted by what it signed: ${name}`, async () => {
    for (const goLike of [false, true]) {
      const node = new FakeNode("memory:m", log);
      node.goLike = goLike;
      const net = await mirrored([log], [node]);
      const isAbsence = log.entries.some(({ entryBytes }) => entryBytes === undefined);
      await until(() => net.status(log).isLie && net.status(log).rate === 0);
      expect(net.status(log)).toMatchObject({ served: undefined });
      const { size } = { size: log.entries.length };
      expect(net.status(log).why).toBe(
        `the map root of its head of ${size} entries is not the one that its entries make`,
      );
      const against = net.follower.against(log.info.id);
      // Servers of the existing program cannot prove an absence, so nothing is proved against them.
      if (goLike && isAbsence) expect(against).toBeUndefined();
      else expect(against?.why).toMatch(what);
      await net.close();
    }
  });
}

test("a log that holds one key twice is convicted, however far apart", async () => {
  for (const [entries, twice] of [
    [3, 2],
    [2500, 2400],
  ] as const) {
    const log = new FakeLog(crypto, "mercury");
    log.publish(
      ...Array.from({ length: entries }, (_, i) => [i === twice ? "key 0" : `key ${i}`, `value ${i}`] as const),
    );
    const net = await mirrored([log], [new FakeNode("memory:m", log)]);
    await until(() => net.follower.against(log.info.id) !== undefined);
    expect(net.status(log)).toMatchObject({ served: undefined, isLie: true });
    expect(net.status(log).why).toBe(`its log has one key twice, as entries 0 and ${twice}: a key is written once`);
    expect(net.follower.against(log.info.id)!.why).toMatch(/twice/);
  }
});

test("entries that a place made up convict nobody: a key twice, or too many", async () => {
  const log = large("mercury", 30);
  const liar = new FakeNode("memory:liar", log);
  liar.tamper = (name, answer) => {
    if (name !== LogAPI.method.getLogEntries.name) return answer();
    const message = decode(LogEntriesResponseSchema, answer(), 1 << 20);
    message.Leaves[7] = message.Leaves[3]!;
    return encode(LogEntriesResponseSchema, message);
  };
  const net = await mirrored([log], [liar], { eager: false });
  await until(() => net.status(log).why !== undefined);
  expect(net.status(log)).toMatchObject({ isLie: false, entries: 0 });
  expect(net.follower.against(log.info.id)).toBeUndefined();
  const honest = await mirrored([log], [liar, new FakeNode("memory:honest", log)], { eager: false });
  await honest.serves(log);
});

test("a log's records are those of a publisher or those of a copy, never both", async () => {
  const log = new FakeLog(crypto, "mercury");
  const published = openMemoryStore();
  const keys = (await registerLogs(published, [log.info])).get(log.info.id)!;
  const { publisher } = await openTestLog(published);
  await publisher.flush();
  await publisher.close();
  const values = new StoredValues(published);
  const own = { store: published, crypto, clock: new FakeClock(), values, info: publisher.info };
  const ownKeys = (await registerLogs(published, [publisher.info])).get(publisher.info.id)!;
  await expect(MirroredLog.open({ ...own, keys: ownKeys })).rejects.toThrow(/was published from this store/);
  await MirroredLog.open({ ...own, info: log.info, keys });

  const copy = await mirrored([log], [new FakeNode("memory:m", log)]);
  await copy.serves(log);
  const copyKeys = (await registerLogs(copy.store, [log.info])).get(log.info.id)!;
  await expect(loadLog(copy.store, crypto, copyKeys)).rejects.toThrow(/the store holds a copy of this log/);
});

test("paths of the Nix protocol are found by their hash part", async () => {
  const log = new FakeLog(crypto, "mercury", NIX);
  const path = "/nix/store/jhljligxal6sqbs1rh1h7gpzas9xhxy9-rocket-1.0";
  log.publish([path, "{}"]);
  const net = await mirrored([log], [new FakeNode("memory:m", log)]);
  await net.serves(log);
  const { fromNix32 } = await import("@trustix/nix-formats");
  const reader = net.mirror.reader(log.info.id)!;
  expect(await reader.keyByHashPart(fromNix32("jhljligxal6sqbs1rh1h7gpzas9xhxy9", 20))).toEqual(utf8(path));
});
