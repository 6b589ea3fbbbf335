/** Copies of followed logs: what is right is not complained of, and what is wrong is found. */
import { fromHex, toHex, utf8 } from "@trustix/crypto";
import { TEST } from "@trustix/protocol";
import type { Change, Store } from "@trustix/storage";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { beforeEach, expect, test } from "vitest";
import { claimChange } from "../../src/claims/claims.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { fsckStore } from "../../src/fsck/fsck-store.ts";
import { storedLogs } from "../../src/fsck/stored-logs.ts";
import { followedRecords, LogKeys, privateValueKey } from "../../src/logs/keys.ts";
import { encodeMirrorState, decodeMirrorState, type MirrorState } from "../../src/mirror/mirror-state.ts";
import { mirrored } from "../mirror/mirrors.ts";
import { crypto, items, openTestLog } from "../publisher/test-log.ts";

const keys = new LogKeys(0);
const digest = (text: string) => crypto.sha256(utf8(text));

function someLog(name: string, entries: number): FakeLog {
  const log = new FakeLog(crypto, name, TEST);
  log.publish(...Array.from({ length: entries }, (_, i) => [`key ${i}`, `value ${i}`] as const));
  return log;
}

/** A store with whole copies of these logs. */
async function copied(logs: readonly FakeLog[], setup: Parameters<typeof mirrored>[2] = {}): Promise<Store> {
  const net = await mirrored(
    logs,
    logs.map((log, i) => new FakeNode(`memory:${i}`, log)),
    setup,
  );
  for (const log of logs) await net.serves(log);
  await net.close();
  return net.store;
}

/** What is wrong in the whole store, as `kind: message`. */
async function problems(store: Store): Promise<string[]> {
  const logs = await storedLogs(store);
  const reports = [...(await fsck(store, { crypto, logs })), await fsckStore(store, { crypto, logs, followed: logs })];
  return reports.flatMap((report) => report.problems.map(({ kind, message }) => `${kind}: ${message}`));
}

test("copies beside a log of this node are sound, with values that several of them claim", async () => {
  const [a, b] = [someLog("mercury", 300), someLog("venus", 350)];
  const store = await copied([a, b]);
  const { publisher } = await openTestLog(store);
  await publisher.submit(items(0, 50));
  await publisher.flush();
  await publisher.close();
  expect(await problems(store)).toEqual([]);
  const logs = await storedLogs(store);
  const reports = await fsck(store, { crypto, logs });
  expect(reports.find(({ logId }) => logId === b.info.id)).toEqual({
    logId: b.info.id,
    kind: "copy",
    entries: 350,
    served: 350,
    withoutValue: 0,
    problems: [],
    problemCount: 0,
  });
  const kinds = new Map(reports.map(({ logId, kind, entries }) => [logId, `${kind} ${entries}`]));
  expect(kinds.get(a.info.id)).toBe("copy 300");
  expect(kinds.get(publisher.info.id)).toBe("published 50");
});

test("values that were not asked for may be missing, and those that nobody has if that is noted", async () => {
  const store = await copied([someLog("mercury", 20)], { eager: false });
  const logs = await storedLogs(store);
  expect(await fsck(store, { crypto, logs })).toMatchObject([{ withoutValue: 20, problems: [] }]);
  const lossy = someLog("mercury", 20);
  lossy.withheld.add(toHex(digest("value 7")));
  const eager = await copied([lossy]);
  expect(await fsck(eager, { crypto, logs })).toMatchObject([{ withoutValue: 1, problems: [] }]);
  expect(await problems(eager)).toEqual([]);
  await eager.write([[keys.missingValue(digest("value 7")), undefined]]);
  expect(await problems(eager)).toEqual([expect.stringMatching(/^missing: value .*no note that it is missing/)]);
});

test("a copy that was never begun, of an empty log, or that ends in the middle is sound", async () => {
  const empty = new FakeLog(crypto, "mercury", TEST);
  expect(await problems(await copied([empty]))).toEqual([]);
  const down = new FakeNode("memory:down", someLog("venus", 5));
  down.down = "nobody is there";
  const net = await mirrored([...down.logs.values()], [down]);
  await net.close();
  expect(await problems(net.store)).toEqual([]);
});

let store: Store;
beforeEach(async () => {
  store = await copied([someLog("mercury", 30)]);
});

const path = (text: string) => crypto.sha256(utf8(text));
const claim = (key: string, serial: number, index: number): Change =>
  claimChange(path(key), serial, { digest: digest(`value ${index}`), index, firstSeen: 1 });

const TABLE: readonly [what: string, changes: readonly Change[], wanted: readonly RegExp[]][] = [
  ["a claim that no entry makes", [claim("nothing", 0, 3)], [/^surplus: 31 claims of log .* its copy has 30 entries/]],
  ["a claim of nobody", [claim("key 3", 7, 3)], [/^surplus: a claim of serial 7, which nobody has/]],
  ["a claim that names another entry", [claim("key 3", 0, 4)], [/entry 3 names entry 4/, /entry 3 has value/]],
  [
    "a record beside claims",
    [[Uint8Array.of(0x50, 1), new Uint8Array(1)]],
    [/^surplus: a record of unknown kind beside/],
  ],
  [
    "a claim that cannot be read",
    [[claim("key 3", 0, 3)[0], new Uint8Array(3)]],
    [/^unreadable: the claim of entry 3/, /^unreadable: claim/],
  ],
  ["a value that is lost", [[privateValueKey(digest("value 9")), undefined]], [/^missing: value .*and no note/]],
  [
    "a value that is another",
    [[privateValueKey(digest("value 9")), utf8("x")]],
    [/^wrong: value .* has another digest/],
  ],
  [
    "a note of a value that no entry claims",
    [[keys.missingValue(digest("value 99")), new Uint8Array(0)]],
    [/^surplus: missing value .* is noted, which no entry claims/],
  ],
  [
    "a note that holds something",
    [[keys.missingValue(digest("value 9")), utf8("x")]],
    [/^wrong: a note of a missing value holds 1 bytes/],
  ],
  ["a head of a published log", [[keys.head(0), new Uint8Array(1)]], [/^surplus: a record of unknown kind 100/]],
  ["a lost state", [[keys.mirrorState, undefined]], [/^surplus: a record of unknown kind|30 entries are stored/]],
];

test.each(TABLE)("%s is found", async (_what, changes, wanted) => {
  expect(await problems(store)).toEqual([]);
  await store.write(changes);
  const found = await problems(store);
  for (const pattern of wanted) expect(found).toContainEqual(expect.stringMatching(pattern));
});

async function change(by: (state: MirrorState) => MirrorState): Promise<void> {
  const [record] = await store.getMany([keys.mirrorState]);
  await store.write([[keys.mirrorState, encodeMirrorState(by(decodeMirrorState(record!, keys.mirrorState)))]]);
}

test("a served head that is not the log's, or newer than the held one, is found", async () => {
  await change((state) => {
    const { head, ...rest } = state.served!;
    return { ...state, served: { ...rest, head: { ...head, signature: new Uint8Array(64) } } };
  });
  expect(await problems(store)).toEqual(["wrong: the served head is not signed by the log's key"]);
  store = await copied([someLog("mercury", 30)]);
  const log = someLog("mercury", 30);
  const held = Uint8Array.of(...followedRecords().from, ...fromHex(log.info.id), 0x68);
  const older = await copied([someLog("mercury", 20)]);
  const [smaller] = await older.getMany([held]);
  await store.write([[held, smaller]]);
  expect(await problems(store)).toEqual(["wrong: the served head has 30 entries, the held one 20"]);
  await store.write([[held, undefined]]);
  expect(await problems(store)).toEqual(["missing: the held head; one of 30 entries is served"]);
});

test("each byte of a copy's state is checked, but for those that say what nothing else says", async () => {
  const [record] = await store.getMany([keys.mirrorState]);
  const missed: number[] = [];
  for (let at = 0; at < record!.length; at++) {
    const damaged = record!.slice();
    damaged[at]! ^= 1;
    await store.write([[keys.mirrorState, damaged]]);
    if ((await problems(store)).length === 0) missed.push(at);
  }
  // How many entries have their values; the numbers of versions of a map without pages; when the head was served.
  const free = [
    [7, 19],
    [20, 26],
    [67, 73],
    [286, 292],
  ] as const;
  expect(missed.filter((at) => !free.some(([from, to]) => at >= from && at < to))).toEqual([]);
});
