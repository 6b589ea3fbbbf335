/**
 * Empties a spool into a log. An item leaves the folder only when the node has accepted its claims, when it is not to be
 * published, or when it cannot be used (then it lies in `bad/`). A crash in between submits an item again, and submitting
 * a claim again changes nothing.
 *
 * One item never holds up the others: what cannot be parsed, read or moved is passed over, and a batch that the node will
 * not take is submitted item by item.
 */
import { watch } from "node:fs";
import { Bell } from "./bell.ts";
import { DrainPass } from "./drain-pass.ts";
import { checkSpoolFolder, countItems, isItem, messageOf, removeLeftovers } from "./spool-folder.ts";
import type { DrainReport, SpoolOptions } from "./spool-options.ts";
import { takeWorkerLock } from "./worker-lock.ts";

export interface Spool {
  /** Submits everything that waits, once. Rejects with the submitter's error on an outage; what was not accepted stays. */
  drain(signal?: AbortSignal): Promise<DrainReport>;
  /** Drains now and whenever something comes, with backoff on an outage, until `signal` aborts. Rejects never. */
  run(signal: AbortSignal): Promise<void>;
  /** Items that wait now. */
  waiting(): Promise<number>;
  /** Gives the lock back. */
  close(): Promise<void>;
}

const FIRST_RETRY = 1000;
const LAST_RETRY = 300_000;

/** Takes the spool as its one worker. Throws `SpoolError`: `unsafe`, `unusable`, or `locked` naming the holder. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { folder, clock, log } = options;
  await checkSpoolFolder(folder, process.geteuid?.() ?? 0);
  const release = await takeWorkerLock(folder, clock.now());
  try {
    const leftovers = await removeLeftovers(folder, clock.now());
    if (leftovers > 0) log.warn({ folder, leftovers }, "removed what killed hooks left behind");
  } catch (error) {
    await release();
    throw error;
  }
  return {
    drain: (signal = new AbortController().signal) => new DrainPass(options, signal).run(),
    run: (signal) => run(options, signal),
    waiting: () => countItems(folder),
    close: release,
  };
}

async function run(options: SpoolOptions, signal: AbortSignal): Promise<void> {
  const { folder, clock, log, poll = 30_000, random = Math.random } = options;
  const bell = new Bell(clock, signal);
  // Without a listener on the folder the poll is enough, only slower.
  const watcher = listen(folder, (name) => name !== null && isItem(name) && bell.ring());
  // The clock's timers need not keep a process alive; waiting for work does.
  const alive = setInterval(() => undefined, 2 ** 30);
  let failures = 0;
  try {
    while (!signal.aborted) {
      bell.reset();
      try {
        const report = await new DrainPass(options, signal).run();
        if (failures > 0) log.info({ folder }, "the node answers again");
        failures = 0;
        if (report.accepted > 0) log.info({ folder, ...report }, "submitted");
        await bell.wait(poll, true);
      } catch (error) {
        if (signal.aborted) return;
        const delay = retryDelay(++failures, random);
        log.warn({ folder, delay }, `cannot submit, nothing is lost: ${messageOf(error)}`);
        await bell.wait(delay, false);
      }
    }
  } finally {
    clearInterval(alive);
    watcher?.close();
  }
}

/** Doubles from a second to five minutes; half of it by chance, so that many machines do not come back at once. */
export function retryDelay(failures: number, random: () => number): number {
  const longest = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(failures - 1, 20));
  return Math.round(longest * (0.5 + 0.5 * random()));
}

function listen(folder: string, heard: (name: string | null) => void): { close(): void } | undefined {
  try {
    const watcher = watch(folder, (_event, name) => heard(name));
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
