/**
 * The publisher's promise, at every moment at which it can be stopped: nothing acknowledged is lost, nothing is there
 * twice, no second history is signed, and the store checks out. Each run begins with an empty disk, breaks at one write,
 * and is opened again on what the disk holds.
 */
import { consistencyProof, verifyConsistency } from "@trustix/merkle";
import type { LogHead } from "@trustix/protocol";
import { type Store, openMemoryStore } from "@trustix/storage";
import { type FaultKind, faultyStore } from "@trustix/storage/faulty";
import { expect } from "vitest";
import { fromHex } from "@trustix/crypto";
import { decodeHead } from "../../src/logs/head-record.ts";
import { registerLogs } from "../../src/logs/register-logs.ts";
import { logRecordKey } from "../../src/logs/keys.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { fsckStore } from "../../src/fsck/fsck-store.ts";
import { resolveNeeds } from "../../src/logs/resolve-needs.ts";
import type { HeadMarker } from "../../src/publisher/head-marker.ts";
import { expectNothingLost } from "./check-notes.ts";
import { type TestLog, type TestLogOptions, crypto, logInfo, openTestLog } from "./test-log.ts";
import { type Notes, newNotes, runWorkload } from "./workload.ts";

/** Outlives the process as the file does. */
class MemoryMarker implements HeadMarker {
  readonly place = "in memory";
  writes = 0;
  breakAt = Infinity;
  kind: FaultKind = "fails";
  #kept: LogHead | undefined;

  async read(): Promise<LogHead | undefined> {
    return this.#kept;
  }

  async write(head: LogHead): Promise<void> {
    this.writes++;
    const isBroken = this.writes === this.breakAt;
    if (!isBroken || this.kind === "fails after persisting") this.#kept = head;
    if (isBroken) throw new Error(`marker write ${this.breakAt} ${this.kind}`);
  }
}

/** Everything a crash may not break, on a store as it was left. */
async function expectSound(disk: Store, notes: Notes, options: TestLogOptions): Promise<void> {
  const info = logInfo();
  const [record] = await disk.getMany([logRecordKey(fromHex(info.id))]);
  // Stopped before the log had its place in the store: there is nothing to check, and nothing was promised.
  if (!record) expect(notes.acknowledged.size).toBe(0);
  const report = await fsck(disk, { crypto, logs: record ? [info] : [] });
  const beside = await fsckStore(disk, { crypto, logs: record ? [info] : [] });
  expect([...report, beside].flatMap(({ problems }) => problems)).toEqual([]);
  const log = await openTestLog(disk, options);
  expect(log.publisher.status().stopped).toBeUndefined();
  await expectNothingLost(disk, log, notes);
  await expectContinues(disk, log, notes);
  await log.publisher.flush();
  await runWorkload(log.publisher, log.reader, notes);
  await log.publisher.flush();
  expect(log.publisher.status().waiting).toBe(0);
  await expectNothingLost(disk, log, notes);
  const again = await fsck(disk, { crypto, logs: [info] });
  const besideAgain = await fsckStore(disk, { crypto, logs: [info] });
  expect([...again, besideAgain].flatMap(({ problems }) => problems)).toEqual([]);
  await log.publisher.close();
}

/** The head that readers were last shown before the crash is a past of the one they are shown now. */
async function expectContinues(disk: Store, log: TestLog, notes: Notes): Promise<void> {
  const head = await log.reader.head();
  for (const seen of notes.heads) {
    const proof = await resolveNeeds(
      consistencyProof(crypto, log.published.keys.logTiles, seen.treeSize, head.treeSize),
      disk,
    );
    verifyConsistency(crypto, {
      first: seen.treeSize,
      second: head.treeSize,
      firstRoot: seen.logRoot,
      secondRoot: head.logRoot,
      proof,
    });
  }
}

/** Old heads are retired as soon as they may be, and the map's border moves as it does in a log a thousand times larger. */
const PRUNING: TestLogOptions = { limits: { retainHeads: 2, retainMs: 0 }, map: { leavesPerSubtree: 8 } };

export interface CrashCase {
  readonly kind: FaultKind;
  readonly maxFlushItems: number;
  readonly kept: "all" | "two";
}

/** Runs the workload until its first, its second ... its last write to the store breaks. */
export async function crashAtEveryStoreWrite({ kind, maxFlushItems, kept }: CrashCase): Promise<void> {
  const pruning = kept === "two" ? PRUNING : {};
  const seen = { borders: new Set<number>(), mostHeads: 0 };
  let at = 1;
  for (let struck = true; struck; at++) {
    const disk = openMemoryStore();
    const store = faultyStore(disk, at, kind);
    const marker = new MemoryMarker();
    const notes = newNotes();
    try {
      const log = await openTestLog(store, { ...pruning, marker, limits: { ...pruning.limits, maxFlushItems } });
      await runWorkload(log.publisher, log.reader, notes);
      await log.publisher.close();
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(io|storage)$/) });
    }
    struck = store.struck();
    if (pruning.map) await lookAtHeads(disk, seen);
    await expectSound(disk, notes, { ...pruning, marker });
  }
  expect(at).toBeGreaterThan(15);
  if (pruning.map) expect(seen).toEqual({ borders: new Set([0, 3, 6]), mostHeads: 2 });
}

/** How far a crashed log had come: its borders, and how many heads it kept. */
async function lookAtHeads(disk: Store, seen: { readonly borders: Set<number>; mostHeads: number }): Promise<void> {
  const [record] = await disk.getMany([logRecordKey(fromHex(logInfo().id))]);
  if (!record) return;
  const { from, to } = (await registerLogs(disk, [logInfo()])).get(logInfo().id)!.heads();
  let heads = 0;
  for await (const [key, value] of disk.range(from, to)) {
    seen.borders.add(decodeHead(value, key).map.border);
    heads++;
  }
  seen.mostHeads = Math.max(seen.mostHeads, heads);
}

/** The same with the writes of the marker. */
export async function crashAtEveryMarkerWrite(kind: FaultKind): Promise<void> {
  let at = 1;
  for (let struck = true; struck; at++) {
    const disk = openMemoryStore();
    const marker = new MemoryMarker();
    marker.breakAt = at;
    marker.kind = kind;
    const notes = newNotes();
    try {
      const log = await openTestLog(disk, { marker });
      await runWorkload(log.publisher, log.reader, notes);
    } catch (error) {
      expect(String(error)).toContain(`marker write ${at} ${kind}`);
    }
    struck = marker.writes >= at;
    marker.breakAt = Infinity;
    await expectSound(disk, notes, { marker });
  }
  expect(at).toBeGreaterThan(5);
}
