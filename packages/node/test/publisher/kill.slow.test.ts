/**
 * SIGKILL at a random moment, again and again on one state: after each, the store checks out and every acknowledged item
 * is in the log or the queue. The kernel keeps what was written, so this shows order and atomicity; that writes are
 * synced is the store's own promise.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { rootAt } from "@trustix/merkle";
import { openEmbeddedStore } from "@trustix/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fsck } from "../../src/fsck/fsck.ts";
import { resolveNeeds } from "../../src/logs/resolve-needs.ts";
import { fileHeadMarker } from "../../src/publisher/head-marker.ts";
import { keptClaims } from "./check-notes.ts";
import { crypto, logInfo, openTestLog } from "./test-log.ts";

const kills = 50;
/** Lines that a publisher says before it is killed: by work and not by time, so that a busy machine changes nothing. */
const LINES = { least: 10, most: 50 };

interface Said {
  acknowledged?: number[];
  treeSize?: number;
  logRoot?: string;
  open?: boolean;
  stopped?: string;
  wrong?: string;
}

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trustix-kill-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** What a publisher on the state said until it was killed, up to 10 ms after its `lines`th line. */
async function runAndKill(first: number, lines: number): Promise<Said[]> {
  const program = join(import.meta.dirname, "publish-for-ever.ts");
  const args = [program, join(folder, "state"), join(folder, "heads"), String(first)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
  const said: Said[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.endsWith("}")) continue; // cut off by the kill
    said.push(JSON.parse(line) as Said);
    if (said.length === lines) setTimeout(() => child.kill("SIGKILL"), Math.random() * 10);
  }
  expect(await ended).toBe("SIGKILL");
  return said;
}

test(`nothing acknowledged is lost over ${kills} kills of a publisher on one state`, { timeout: 600_000 }, async () => {
  const acknowledged: number[] = [];
  const heads: Said[] = [];
  for (let i = 0; i < kills; i++) {
    const lines = Math.floor(LINES.least + Math.random() * (LINES.most - LINES.least));
    const said = await runAndKill(i * 1_000_000, lines);
    expect(said[0]).toEqual({ open: true });
    expect(said.filter(({ wrong }) => wrong)).toEqual([]);
    acknowledged.push(...said.flatMap((line) => line.acknowledged ?? []));
    heads.push(...said.filter((line) => line.treeSize !== undefined));

    const store = await openEmbeddedStore(join(folder, "state"));
    const [report] = await fsck(store, { crypto, logs: [logInfo()] });
    expect(report!.problems).toEqual([]);
    const log = await openTestLog(store, { marker: fileHeadMarker(crypto, join(folder, "heads"), logInfo().id) });
    expect(log.publisher.status().stopped).toBeUndefined();
    const kept = await keptClaims(store, log);
    expect(acknowledged.filter((n) => kept.get(`k${n}`) !== `v${n}`)).toEqual([]);
    const head = await log.reader.head();
    for (const { treeSize, logRoot } of heads) {
      expect(head.treeSize).toBeGreaterThanOrEqual(treeSize!);
      const root = await resolveNeeds(rootAt(crypto, log.published.keys.logTiles, treeSize!), store);
      expect(Buffer.from(root).toString("hex")).toBe(logRoot);
    }
    await log.publisher.close();
    await store.close();
  }
  expect(acknowledged.length).toBeGreaterThan(kills * 10);
  expect(heads.length).toBeGreaterThan(kills);
});
