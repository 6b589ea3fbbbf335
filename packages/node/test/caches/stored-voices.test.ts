/** What is kept of caches that vote: the narinfo files, a log of each, what counts in the claims table; and what a crash leaves. */
import { utf8 } from "@trustix/crypto";
import type { KeptVoice, LogId } from "@trustix/protocol";
import { openMemoryStore, type Store } from "@trustix/storage";
import { faultyStore } from "@trustix/storage/faulty";
import { describe, expect, test } from "vitest";
import { encodeVoice } from "../../src/caches/voice-record.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { fsckStore } from "../../src/fsck/fsck-store.ts";
import { storedLogs } from "../../src/fsck/stored-logs.ts";
import { voiceKey } from "../../src/logs/keys.ts";
import { openAllValues, openValues } from "../../src/logs/values.ts";
import { crypto } from "../subscriber/network.ts";
import { BIG, claim, HELLO, keptCaches, OTHER, pathOf, PLANS, SMALL, voice, type Kept } from "./kept-caches.ts";

const digest = (text: string) => crypto.sha256(utf8(text));

test("what a cache said is there again after a restart: a narinfo that is its own and its claim is one", async () => {
  const kept = await keptCaches();
  await kept.tell(HELLO, BIG, "narinfo", claim("facts"));
  await kept.close();
  const again = await keptCaches(kept.store);
  const recalled = await again.voices.recall(HELLO);
  expect([...recalled]).toEqual([[BIG, voice("narinfo")]]);
  expect(recalled.get(BIG)!.own!.narInfo).toBe(recalled.get(BIG)!.claim!.narInfo);
  expect(await again.voices.recall(OTHER)).toEqual(new Map());
});

test("what a key signed is in a log of its own, and what counts in the claims table", async () => {
  const kept = await keptCaches();
  await kept.tell(OTHER, SMALL, "a", claim("other facts"));
  await kept.tell(HELLO, BIG, "b", claim("facts"));
  await kept.tell(HELLO, SMALL, "c", claim("facts", false));
  await kept.voices.settle();
  const [big, small] = kept.logs;
  expect((await big!.reader.entries(0, 0))[0]).toMatchObject({ key: utf8(HELLO), valueDigest: digest("facts") });
  expect((await small!.reader.head()).treeSize).toBe(2);
  expect(await kept.rows(HELLO)).toEqual([{ digest: digest("facts"), index: 0, firstSeen: 1000 }, undefined]);
  expect(await kept.rows(OTHER)).toEqual([undefined, { digest: digest("other facts"), index: 0, firstSeen: 1000 }]);
  expect(kept.recorded).toBe(1);
});

test("what is told together shares a head, and what is told again changes nothing", async () => {
  const kept = await keptCaches();
  for (let i = 0; i < 50; i++) await kept.tell(`${HELLO}-${i}`, BIG, `narinfo ${i}`, claim(`facts ${i}`));
  await kept.clock.advance(500);
  expect((await kept.logs[0]!.reader.head()).mhTreeSize).toBe(2);
  for (let i = 0; i < 50; i++) await kept.tell(`${HELLO}-${i}`, BIG, `narinfo ${i}`, claim(`facts ${i}`));
  await kept.clock.advance(500);
  expect((await kept.logs[0]!.reader.head()).mhTreeSize).toBe(2);
  expect(kept.recorded).toBe(1);
});

test("what counts no more leaves the table and stays in the log; when it counts again it is back", async () => {
  const kept = await keptCaches();
  for (const counts of [true, false, true, false]) {
    await kept.tell(HELLO, BIG, "narinfo", claim("facts", counts));
    await kept.voices.settle();
    expect((await kept.rows(HELLO))[0] !== undefined).toBe(counts);
    expect((await kept.logs[0]!.reader.head()).treeSize).toBe(1);
  }
});

test("a log keeps the first value of a path: another one is not counted as that", async () => {
  const kept = await keptCaches();
  await kept.tell(HELLO, BIG, "narinfo", claim("facts"));
  await kept.voices.settle();
  await kept.tell(HELLO, BIG, "narinfo", claim("other facts"));
  await kept.voices.settle();
  expect(await kept.rows(HELLO)).toEqual([undefined, undefined]);
  expect((await kept.logs[0]!.reader.claims([pathOf(HELLO)]))[0]!.digest).toEqual(digest("facts"));
});

test("values that only this node's user asked for are not among those of the public services", async () => {
  const kept = await keptCaches();
  await kept.tell(HELLO, BIG, "narinfo", claim("facts"));
  await kept.voices.settle();
  expect(await openValues(kept.store, crypto).getMany([digest("facts")])).toEqual([undefined]);
  expect(await openAllValues(kept.store, crypto).getMany([digest("x"), digest("facts")])).toEqual([
    undefined,
    utf8("facts"),
  ]);
});

test("a second answer is evidence and dissent; of what two keys signed there is no evidence", async () => {
  const kept = await keptCaches();
  const publicKey = PLANS[0]!.cache.info.publicKey;
  const narInfos = [utf8("first"), utf8("second")] as const;
  await kept.tell(HELLO, BIG, "first", claim("facts"), { voter: BIG, publicKey, narInfos });
  await kept.tell(OTHER, BIG, "first", claim("facts"), { voter: BIG, publicKey: undefined, narInfos });
  expect(kept.evidence).toEqual([{ kind: "cache_key_signed_two", publicKey, narInfos }]);
  expect(kept.seconds).toEqual([`${BIG} ${HELLO}`, `${BIG} ${OTHER}`]);
});

test("everything that is kept can be gone through, path by path; caches that left are passed over", async () => {
  const kept = await keptCaches();
  for (const path of [HELLO, OTHER]) {
    await kept.tell(path, BIG, `${path} at big`, claim(path));
    await kept.tell(path, SMALL, `${path} at small`, claim(path));
  }
  const all = async ({ voices }: Kept) => {
    const found: string[] = [];
    for await (const one of voices.all())
      found.push(
        [...one.values()]
          .map(({ own }) => Buffer.from(own!.narInfo).toString())
          .sort()
          .join(", "),
      );
    return found.sort();
  };
  expect(await all(kept)).toEqual([HELLO, OTHER].map((path) => `${path} at big, ${path} at small`).sort());
  await kept.close();
  const without = await keptCaches(kept.store, { plans: PLANS.slice(1) });
  expect(await all(without)).toEqual([HELLO, OTHER].map((path) => `${path} at small`).sort());
});

test("fsck finds all of it in order, and what a cache said that nobody has", async () => {
  const kept = await keptCaches();
  for (const path of [HELLO, OTHER]) await kept.tell(path, BIG, `at ${path}`, claim(path));
  await kept.voices.settle();
  const logs = await storedLogs(kept.store);
  const check = async (): Promise<string[]> => {
    const reports = [...(await fsck(kept.store, { crypto, logs })), await fsckStore(kept.store, { crypto, logs })];
    return reports.flatMap(({ problems }) => problems.map(({ message }) => message));
  };
  expect(await check()).toEqual([]);
  expect(await fsckStore(kept.store, { crypto, logs })).toMatchObject({ values: 2, answers: 2 });
  await kept.store.write([[voiceKey(pathOf(HELLO), 77), encodeVoice(voice("whose?"))]]);
  expect(await check()).toEqual([expect.stringMatching(/^what a cache with serial 77 said, which nobody has/)]);
});

describe("whether everything is in logs and table", () => {
  test("it is after an orderly end, and not while something waits, after a crash, or by another configuration", async () => {
    const store = openMemoryStore();
    const opened = async (fingerprint?: Uint8Array) => {
      const kept = await keptCaches(store, { ...(fingerprint && { fingerprint }) });
      return { kept, whole: kept.voices.wasWhole };
    };
    const first = await opened();
    expect(first.whole).toBe(true);
    await first.kept.tell(HELLO, BIG, "narinfo", claim("facts"));
    await first.kept.close();
    const second = await opened();
    expect(second.whole).toBe(false);
    second.kept.voices.reviewed();
    await second.kept.close();
    const third = await opened();
    expect(third.whole).toBe(true);
    const afterCrash = await opened();
    expect(afterCrash.whole).toBe(false);
    afterCrash.kept.voices.reviewed();
    await afterCrash.kept.close();
    const other = await opened(new Uint8Array(32).fill(1));
    expect(other.whole).toBe(false);
    await other.kept.close();
    expect((await opened(new Uint8Array(32).fill(1))).whole).toBe(false);
  });

  test("a store that fails is tried again, later each time, and nothing is lost", async () => {
    const disk = openMemoryStore();
    let fails = 0;
    const store: Store = {
      ...disk,
      write: (batch) => (fails-- > 0 ? Promise.reject(new Error("disk full")) : disk.write(batch)),
    };
    const kept = await keptCaches(store);
    await kept.tell(HELLO, BIG, "narinfo", claim("facts"));
    fails = 2;
    await kept.clock.advance(500);
    expect(kept.faults.length).toBe(1);
    await kept.clock.advance(5_000);
    expect(kept.faults.length).toBe(2);
    expect((await kept.rows(HELLO))[0]).toBeUndefined();
    await kept.clock.advance(10_000);
    expect((await kept.rows(HELLO))[0]).toMatchObject({ index: 0 });
    expect(kept.faults.length).toBe(2);
  });

  test("a crash at any write leaves what was told, and going through it brings logs and table about", async () => {
    const told: readonly [string, LogId, boolean][] = [
      [HELLO, BIG, true],
      [OTHER, BIG, true],
      [HELLO, SMALL, false],
      [OTHER, SMALL, true],
    ];
    let struck = 0;
    for (let at = 1; at <= 16; at++)
      for (const kind of ["fails", "fails after persisting"] as const) {
        const disk = openMemoryStore();
        await (await keptCaches(disk)).close();
        const store = faultyStore(disk, at, kind);
        const promised: string[] = [];
        try {
          const kept = await keptCaches(store);
          for (const [path, voter, counts] of told) {
            await kept.tell(path, voter, `${path} ${voter}`, claim(path, counts));
            promised.push(`${path} ${voter}`);
            if (path === OTHER) await kept.voices.settle();
          }
        } catch {
          // the process ends here
        }
        if (store.struck()) struck++;
        const again = await keptCaches(disk);
        const found = await namesIn(again);
        expect(found.map(([name]) => name)).toEqual(expect.arrayContaining(promised));
        for (const [, path, voter, kept] of found) {
          const counts = told.find(([one, by]) => one === path && by === voter)![2];
          await again.voices.keep(path, [{ voter, voice: kept, claim: claim(path, counts) }], []);
        }
        await again.voices.settle();
        for (const [, path, voter] of found) {
          const [big, small] = await again.rows(path);
          const counts = told.find(([one, by]) => one === path && by === voter)![2];
          expect((voter === BIG ? big : small) !== undefined).toBe(counts);
        }
        expect(again.faults).toEqual([]);
        await again.close();
      }
    expect(struck).toBeGreaterThan(20);
  });
});

/** Name, path, voter and voice of everything that is kept. */
async function namesIn({ voices }: Kept): Promise<[string, string, LogId, KeptVoice][]> {
  const found: [string, string, LogId, KeptVoice][] = [];
  for await (const one of voices.all())
    for (const [voter, kept] of one) {
      const name = Buffer.from(kept.own!.narInfo).toString();
      found.push([name, name.split(" ")[0]!, voter, kept]);
    }
  return found;
}
