/**
 * Empties a spool into a log. An item leaves the folder only when the node has accepted its claims, when it is not to be
 * published, or when it cannot be used (then it lies in `bad/`). A crash in between submits an item again, and submitting
 * a claim again changes nothing.
 *
 * One item never holds up the others: what cannot be parsed, read or moved is passed over, and a batch that the node will
 * not take is submitted item by item.
 */
import { watch } from "node:fs";
import type { Claim, Submit } from "../claim.ts";
import { judgeItem } from "./judge-item.ts";
import type { PublishFilter } from "./publish-filter.ts";
import {
  checkSpoolFolder,
  codeOf,
  countItems,
  isItem,
  listItems,
  messageOf,
  readItem,
  removeItem,
  removeLeftovers,
  setAside,
} from "./spool-folder.ts";
import { takeWorkerLock } from "./worker-lock.ts";

/** Time, as an argument; the daemon's clock has this shape. */
export interface SpoolClock {
  /** Milliseconds since 1970. */
  now(): number;
  after(ms: number, call: () => void): { cancel(): void };
}

/** Where the worker reports; pino's loggers have this shape. */
export interface SpoolLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface SpoolOptions {
  /** `defaultSpoolFolder` says which. */
  readonly folder: string;
  readonly submit: Submit;
  readonly clock: SpoolClock;
  readonly log: SpoolLog;
  /** `publishFilter` makes one. */
  readonly filter: PublishFilter;
  /** 0 up to 1, spreads retries; default `Math.random`. */
  readonly random?: () => number;
  /** Milliseconds between looks at the folder when nothing is heard from it; default 30 000. */
  readonly poll?: number;
}

export interface DrainReport {
  /** Claims the node accepted, known ones included. */
  readonly accepted: number;
  /** Store paths whose claim the log refused: another value stands there. Dropped. */
  readonly refused: readonly string[];
  /** Items of which nothing was to be published. */
  readonly skipped: number;
  /** Items set aside in `bad/`. */
  readonly bad: number;
}

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

const BATCH_CLAIMS = 500;
const BATCH_BYTES = 512 * 1024;
const FIRST_RETRY = 1000;
const LAST_RETRY = 300_000;

/** Takes the spool as its one worker. Throws `SpoolError`: `unsafe`, `unusable`, or `locked` naming the holder. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { folder, clock, log } = options;
  await checkSpoolFolder(folder, process.geteuid?.() ?? 0);
  const release = await takeWorkerLock(folder, clock.now());
  const leftovers = await removeLeftovers(folder, clock.now());
  if (leftovers > 0) log.warn({ folder, leftovers }, "removed what killed hooks left behind");
  const worker = new Worker(options);
  return {
    drain: (signal = new AbortController().signal) => worker.drain(signal),
    run: (signal) => worker.run(signal),
    waiting: () => countItems(folder),
    close: release,
  };
}

interface Pending {
  readonly name: string;
  readonly claims: readonly Claim[];
}

/** Items that are submitted in one call. */
class Batch {
  #pending: Pending[] = [];
  #claims = 0;
  #bytes = 0;

  /** Whether these claims can go along. Alone, any can: what is too large for the node is for the node to say. */
  fits(claims: readonly Claim[]): boolean {
    if (this.#pending.length === 0) return true;
    return this.#claims + claims.length <= BATCH_CLAIMS && this.#bytes + bytesOf(claims) <= BATCH_BYTES;
  }

  add(pending: Pending): void {
    this.#pending.push(pending);
    this.#claims += pending.claims.length;
    this.#bytes += bytesOf(pending.claims);
  }

  /** What is in it; it is empty then. */
  take(): readonly Pending[] {
    const pending = this.#pending;
    this.#pending = [];
    this.#claims = this.#bytes = 0;
    return pending;
  }
}

function bytesOf(claims: readonly Claim[]): number {
  return claims.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
}

class Worker {
  readonly #options: SpoolOptions;
  /** Items that could not even be moved away; left alone until the next start. */
  readonly #stuck = new Set<string>();

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  async drain(signal: AbortSignal): Promise<DrainReport> {
    const tally = { accepted: 0, refused: [] as string[], skipped: 0, bad: 0 };
    // Until a look finds nothing: hooks go on while we submit.
    for (;;) {
      const names = await listItems(this.#options.folder, this.#stuck);
      if (names.length === 0) return tally;
      const batch = new Batch();
      for (const name of names) {
        signal.throwIfAborted();
        const claims = await this.#take(name, tally);
        if (claims === undefined) continue;
        if (!batch.fits(claims)) await this.#submit(batch.take(), tally, signal);
        batch.add({ name, claims });
      }
      await this.#submit(batch.take(), tally, signal);
    }
  }

  /** The claims of an item, or `undefined` when it is dealt with. */
  async #take(name: string, tally: { skipped: number; bad: number }): Promise<readonly Claim[] | undefined> {
    const { folder, filter, log } = this.#options;
    let bytes: Uint8Array;
    try {
      bytes = await readItem(folder, name);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      await this.#setAside(name, messageOf(error), tally);
      return undefined;
    }
    const verdict = judgeItem(bytes, filter);
    switch (verdict.kind) {
      case "bad":
        await this.#setAside(name, verdict.why, tally);
        return undefined;
      case "skip":
        log.info({ derivation: verdict.drvPath }, `skipped: ${verdict.why}`);
        await removeItem(folder, name);
        tally.skipped++;
        return undefined;
      case "publish":
        for (const { path, why } of verdict.withheld) log.info({ path }, `not published: ${why}`);
        return verdict.claims;
    }
  }

  async #submit(
    batch: readonly Pending[],
    tally: { accepted: number; refused: string[]; bad: number },
    signal: AbortSignal,
  ): Promise<void> {
    if (batch.length === 0) return;
    const { folder, submit, log } = this.#options;
    const claims = batch.flatMap((pending) => pending.claims);
    const outcome = await submit(claims, signal);
    if (outcome.state === "invalid") {
      if (batch.length === 1) await this.#setAside(batch[0]!.name, `the node will not take it: ${outcome.why}`, tally);
      else for (const pending of batch) await this.#submit([pending], tally, signal);
      return;
    }
    const paths = outcome.refused.map((key) => Buffer.from(key).toString());
    for (const path of paths) log.warn({ path }, "dropped: the log already holds another value for this path");
    // Only now: the node has it for good.
    for (const { name } of batch) await removeItem(folder, name);
    tally.refused.push(...paths);
    tally.accepted += claims.length - paths.length;
  }

  async #setAside(name: string, why: string, tally: { bad: number }): Promise<void> {
    const { folder, log } = this.#options;
    tally.bad++;
    log.warn({ item: name }, `set aside in bad/: ${why}`);
    try {
      await setAside(folder, name, why);
    } catch (error) {
      this.#stuck.add(name);
      log.warn({ item: name }, `cannot be moved to bad/, left alone: ${messageOf(error)}`);
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { folder, log, poll = 30_000 } = this.#options;
    const bell = new Bell(this.#options.clock, signal);
    // Without a listener on the folder the poll is enough, only slower.
    const watcher = listen(folder, (name) => name !== null && isItem(name) && bell.ring());
    // The clock's timers need not keep a process alive; waiting for work does.
    const alive = setInterval(() => undefined, 2 ** 30);
    let failures = 0;
    try {
      while (!signal.aborted) {
        bell.reset();
        try {
          const report = await this.drain(signal);
          if (failures > 0) log.info({ folder }, "the node answers again");
          failures = 0;
          if (report.accepted > 0) log.info({ folder, ...report }, "submitted");
          await bell.wait(poll, true);
        } catch (error) {
          if (signal.aborted) return;
          const delay = retryDelay(++failures, this.#options.random ?? Math.random);
          log.warn({ folder, delay }, `cannot submit, nothing is lost: ${messageOf(error)}`);
          await bell.wait(delay, false);
        }
      }
    } finally {
      clearInterval(alive);
      watcher?.close();
    }
  }
}

/** Doubles from a second to five minutes; half of it by chance, so that many machines do not come back at once. */
export function retryDelay(failures: number, random: () => number): number {
  const longest = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(failures - 1, 20));
  return Math.round(longest * (0.5 + 0.5 * random()));
}

/** Waits for time, for a ring (also one that came before), or for the end. */
class Bell {
  readonly #clock: SpoolClock;
  readonly #signal: AbortSignal;
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(clock: SpoolClock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  reset(): void {
    this.#rung = false;
  }

  /** With `byRing` false a ring is not heard: new items do not make a node that is away come back. */
  async wait(ms: number, byRing: boolean): Promise<void> {
    if (this.#signal.aborted || (byRing && this.#rung)) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(ms, done);
      const signal = this.#signal;
      function done(): void {
        timer.cancel();
        signal.removeEventListener("abort", done);
        resolve();
      }
      if (byRing) this.#wake = done;
      signal.addEventListener("abort", done, { once: true });
    });
    this.#wake = undefined;
  }
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
