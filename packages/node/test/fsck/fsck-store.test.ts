/** What lies in a store beside its logs' own records, and outside it: the head marker. */
import { type Evidence, writeEvidence } from "@trustix/client";
import { concatBytes, fromHex } from "@trustix/crypto";
import { type LogHead, signHead } from "@trustix/protocol";
import { type Store, openMemoryStore } from "@trustix/storage";
import { FakeClock } from "@trustix/testkit";
import { beforeEach, expect, test } from "vitest";
import { openEvidence } from "../../src/evidence/index.ts";
import { checkUnclaimed } from "../../src/fsck/check-values.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { fsckStore } from "../../src/fsck/fsck-store.ts";
import { Findings, type Problem } from "../../src/fsck/report.ts";
import {
  FORGOTTEN_CALLS_KEY,
  LogKeys,
  evidenceKey,
  logRecordKey,
  madeCallKey,
  NODE_KEY,
  privateValueKey,
  valueKey,
  voiceKey,
  VOICES_STATE_KEY,
} from "../../src/logs/keys.ts";
import { RememberedLogs } from "../../src/subscriber/remembered-logs.ts";
import { crypto, items, logInfo, openTestLog, seed } from "../publisher/test-log.ts";

const info = logInfo();
const other = logInfo(undefined, new Uint8Array(32).fill(9));
let store: Store;
let head: LogHead;

/** Two logs, the second without entries; the first is followed as well, and was caught lying. */
beforeEach(async () => {
  store = openMemoryStore();
  const { publisher } = await openTestLog(store);
  await publisher.submit(items(0, 100));
  await publisher.flush();
  await publisher.submit(items(100, 200));
  head = await publisher.flush();
  await publisher.close();
  const second = await openTestLog(store, { seed: new Uint8Array(32).fill(9) });
  await second.publisher.close();
  const remembered = new RememberedLogs(store, crypto);
  await remembered.keepHead(info, head, 1);
  const evidence = openEvidence({ store, crypto, clock: new FakeClock(), isConfigured: () => true });
  await evidence.keep(lie(signed({ logRoot: new Uint8Array(32) })), "found");
});

/** What convicts the log if its own key signed `second`. */
const lie = (second: LogHead): Evidence => ({
  publicKey: info.publicKey,
  kind: "same_size",
  first: head,
  second,
});

const keyOfEvidence = evidenceKey({
  publicKey: info.publicKey,
  kind: 1,
  subject: new Uint8Array(32),
  id: new Uint8Array(32),
});
const heldKey = concatBytes(Uint8Array.of(0x30), fromHex(info.id), Uint8Array.of(0x68));

async function problems(followed = [info]): Promise<Problem["message"][]> {
  const report = await fsckStore(store, { crypto, logs: [info, other], followed });
  expect(report.problemCount).toBe(report.problems.length);
  return report.problems.map(({ kind, message }) => `${kind}: ${message}`);
}

test("a sound store has no problems", async () => {
  await store.write([
    [madeCallKey(1_700_000_000_000, new Uint8Array(16)), new Uint8Array(0)],
    [FORGOTTEN_CALLS_KEY, new Uint8Array(6)],
  ]);
  expect(await fsckStore(store, { crypto, logs: [info, other], followed: [info] })).toEqual({
    values: 300,
    followed: 1,
    evidence: 1,
    answers: 0,
    problems: [],
    problemCount: 0,
  });
  expect((await fsckStore(openMemoryStore(), { crypto, logs: [] })).problems).toEqual([]);
});

test.each([
  { what: "a value that no entry claims", key: valueKey(new Uint8Array(32).fill(3)), wanted: /^surplus: value 0303/ },
  { what: "a value's key that is too long", key: valueKey(new Uint8Array(33)), wanted: /^surplus: value 0000/ },
  { what: "a log's record without a log", key: new LogKeys(2).head(0), wanted: /^surplus: .*belongs to no log/ },
  { what: "one far away", key: new LogKeys(0xffff).bundle(0), wanted: /^surplus: .*belongs to no log/ },
  { what: "a record before all others", key: Uint8Array.of(0, 1), wanted: /^surplus: .*belongs to no log/ },
  { what: "a record in a space of its own", key: Uint8Array.of(0x22), wanted: /^surplus: .*belongs to no log/ },
  { what: "a record behind all others", key: Uint8Array.of(0xff, 0xff), wanted: /^surplus: .*belongs to no log/ },
  { what: "a layout record of another version", key: NODE_KEY, wanted: /^unreadable: the store's layout record/ },
  { what: "a held head cut short", key: heldKey, wanted: /^unreadable: held head of followed log/ },
  {
    what: "a followed log's record of unknown kind",
    key: concatBytes(heldKey, Uint8Array.of(1)),
    wanted: /^surplus: a record of unknown kind beside followed/,
  },
  {
    what: "a private value that no entry claims",
    key: privateValueKey(new Uint8Array(32).fill(3)),
    wanted: /^surplus: value 0303/,
  },
  {
    what: "what a cache said cut short",
    key: voiceKey(new Uint8Array(32), 1),
    wanted: /^unreadable: what a binary cache/,
  },
  {
    what: "a record beside what caches said",
    key: voiceKey(new Uint8Array(32), 1).slice(0, -1),
    wanted: /^surplus: a record of unknown kind beside what binary caches said/,
  },
  { what: "the caches' state of another version", key: VOICES_STATE_KEY, wanted: /^unreadable: the state of what/ },
  { what: "evidence that is none", key: keyOfEvidence, wanted: /^unreadable: evidence: evidence .*ends after 3 bytes/ },
  {
    what: "a record beside evidence",
    key: keyOfEvidence.slice(0, -1),
    wanted: /^surplus: a record of unknown kind beside evidence/,
  },
  {
    what: "a signed call that holds something",
    key: madeCallKey(1, new Uint8Array(16)),
    wanted: /^wrong: signed call/,
  },
  {
    what: "a signed call's key that is too long",
    key: madeCallKey(1, new Uint8Array(17)),
    wanted: /^surplus: a record of unknown kind beside signed calls/,
  },
  { what: "a time of forgotten calls cut short", key: FORGOTTEN_CALLS_KEY, wanted: /^unreadable: the time of/ },
  { what: "a record of unknown kind of signed calls", key: Uint8Array.of(0x40, 1), wanted: /^surplus: .*signed calls/ },
])("$what is found", async ({ key, wanted }) => {
  await store.write([[key, Uint8Array.of(9, 1, 1)]]);
  expect(await problems()).toEqual([expect.stringMatching(wanted)]);
});

test("evidence that convicts nobody is found, and a head that another key signed where the log's key is known", async () => {
  const remembered = new RememberedLogs(store, crypto);
  const forged = signed({ logRoot: new Uint8Array(32) }, new Uint8Array(32).fill(9));
  await remembered.keepHead(info, forged, 1);
  const file = writeEvidence(lie(forged));
  const place = { publicKey: info.publicKey, kind: 1, subject: new Uint8Array(32), id: crypto.sha256(file) };
  await store.write([[evidenceKey(place), concatBytes(new Uint8Array(7), file)]]);
  const accusesNobody = expect.stringMatching(/^wrong: [0-9a-f]{64}: evidence: it does not convict/) as string;
  expect(await problems([])).toEqual([accusesNobody]);
  expect((await problems()).sort()).toEqual([accusesNobody, expect.stringMatching(/^wrong: held head .*not signed/)]);
  await store.write([[evidenceKey({ ...place, kind: 2 }), concatBytes(new Uint8Array(7), file)]]);
  expect(await problems([])).toHaveLength(2);
});

test("a serial that two logs have, or that was never given, is found", async () => {
  const [record] = await store.getMany([logRecordKey(fromHex(other.id))]);
  for (const [serial, wanted] of [
    [0, /has serial 0, which another log has/],
    [7, /has serial 7, the next to be given is 2/],
  ] as const) {
    await store.write([[logRecordKey(fromHex(other.id)), record!.with(2, serial)]]);
    expect((await problems()).join("\n")).toMatch(wanted);
  }
});

test("values of a large store are gone through part by part", async () => {
  const findings = new Findings(undefined);
  const surplus = crypto.sha256(Buffer.from("nobody's"));
  await store.write([[valueKey(surplus), Uint8Array.of(1)]]);
  expect(await checkUnclaimed(store, [new LogKeys(0)], findings, () => {}, 20)).toBe(301);
  expect(findings.problems).toMatchObject([{ kind: "surplus" }]);
});

test.each([
  { what: "the newest head", marker: () => head, wanted: [] },
  { what: "nothing", marker: () => undefined, wanted: [] },
  { what: "a newer head", marker: () => signed({ treeSize: 301 }), wanted: ["missing"] },
  { what: "another head of the size", marker: () => signed({ logRoot: new Uint8Array(32) }), wanted: ["wrong"] },
  { what: "an older head that is no past of it", marker: () => signed({ treeSize: 100 }), wanted: ["wrong"] },
  { what: "a head of another key", marker: () => signed({}, new Uint8Array(32).fill(9)), wanted: ["wrong"] },
])("a head marker with $what", async ({ marker, wanted }) => {
  const [report] = await fsck(store, {
    crypto,
    logs: [info],
    markers: () => [{ place: "/heads/id", read: async () => marker() }],
  });
  expect(report!.problems.map(({ kind }) => kind)).toEqual(wanted);
});

function signed(change: Partial<LogHead>, by = seed): LogHead {
  return signHead(crypto, by, { ...head, ...change });
}
