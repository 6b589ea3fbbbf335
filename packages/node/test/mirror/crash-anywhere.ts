/**
 * The mirror's promise, at every moment at which it can be stopped: the store checks out, and the next process goes on to
 * the end, with every claim and every value. Each run begins with an empty disk, breaks at one write, and is opened again
 * on what the disk holds.
 */
import { toHex } from "@trustix/crypto";
import { type Store, openMemoryStore } from "@trustix/storage";
import { type FaultKind, faultyStore } from "@trustix/storage/faulty";
import type { FakeLog } from "@trustix/testkit";
import { expect } from "vitest";
import { fsck } from "../../src/fsck/fsck.ts";
import { fsckStore } from "../../src/fsck/fsck-store.ts";
import { storedLogs } from "../../src/fsck/stored-logs.ts";
import { openAllValues } from "../../src/logs/values.ts";
import { crypto } from "../subscriber/network.ts";
import type { Mirrored } from "./mirrors.ts";
import { until } from "./mirrors.ts";
import { comeLate, isWhole, NEVER, newScript, openCopies, publish, runScript, type Scripted } from "./scripted-copy.ts";

/** Runs the script until its first write breaks, then one of the next ones, `step` further on, ... until none does. */
export async function crashAtWrites(kind: FaultKind, step: number): Promise<void> {
  let at = 1;
  for (let struck = true; struck; at += step) {
    const disk = openMemoryStore();
    const store = faultyStore(disk, at, kind);
    const script = newScript();
    try {
      await runScript(script, store, () => store.struck());
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(io|storage)$/) });
    }
    struck = store.struck();
    await expectSound(disk);
    await expectGoesOn(disk, script);
  }
  expect(at).toBeGreaterThan(30);
}

export async function expectSound(disk: Store): Promise<void> {
  const logs = await storedLogs(disk);
  const reports = [...(await fsck(disk, { crypto, logs })), await fsckStore(disk, { crypto, logs, followed: logs })];
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
}

/** The next process copies whatever is published by then. */
async function expectGoesOn(disk: Store, script: Scripted): Promise<void> {
  const net = await openCopies(script, disk, true);
  for (const log of script.logs) {
    comeLate(log);
    publish(log, 9, 12);
    await net.follower.pollNow(log.info.id);
  }
  await expectCopied(net, script);
  await net.close();
  await expectSound(disk);
}

/** Both copies come to their ends. */
export async function expectCopied(net: Mirrored, { logs }: Scripted): Promise<void> {
  for (const log of logs) {
    const isLost = log.entries.some(({ value }) => Buffer.from(value).toString() === NEVER);
    await until(() => isWhole(net, log, isLost ? 1 : 0) && net.status(log).target === net.status(log).served?.treeSize);
    await expectClaims(net, log);
  }
}

/** Every entry of the log is a claim, and its value is here. */
async function expectClaims(net: Mirrored, log: FakeLog): Promise<void> {
  expect(net.status(log).served).toEqual(log.head());
  const values = await openAllValues(net.store, crypto).getMany(log.entries.map(({ digest }) => digest));
  const wrong: string[] = [];
  for (const [index, { key, value, digest }] of log.entries.entries()) {
    const name = Buffer.from(key).toString();
    const claim = await net.claim(log, name);
    if (claim?.index !== index || toHex(claim.digest) !== toHex(digest)) wrong.push(`claim of ${name}`);
    const text = values[index] === undefined ? NEVER : Buffer.from(values[index]).toString();
    if (text !== Buffer.from(value).toString()) wrong.push(`value of ${name}`);
  }
  expect(wrong).toEqual([]);
}
