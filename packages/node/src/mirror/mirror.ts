/**
 * All followed logs that are copied in full: who is brought up to date when, how far each is, what each claims.
 *
 * A log is copied on when its head changed, and tried again ever later while no place delivers. Answers are given under
 * the head that is served, from this node's store alone: asking for a claim tells nobody anything.
 */
import type { LogId } from "@trustix/protocol";
import { readClaims } from "../claims/claims.ts";
import type { Mirror, MirrorClaim, MirrorReader, MirrorStatus } from "../model.ts";
import type { CaughtUp } from "./caught-up.ts";
import { Copy } from "./copy.ts";
import type { MirrorOptions } from "./options.ts";
import { StoredValues } from "./stored-values.ts";
import { Turns } from "./turns.ts";

/** Whole logs, and what comes after an interruption or a failure; each needs memory. */
const LONG = { atOnce: 2, turnMs: 30_000, runsAtOnce: 4 };
/** A few new entries: they do not wait for the copies of whole logs, nor for those whose places hang. */
const SHORT = { atOnce: 2, turnMs: 5_000, runsAtOnce: 2 };
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/** Throws `corrupt` for a copy that cannot be read, `bad_config` for a log of this node. Copies nothing before `start`. */
export async function openMirror(options: MirrorOptions): Promise<LogMirror> {
  const copies = new Map<LogId, Copy>();
  const mirror = new LogMirror(options, copies);
  const values = new StoredValues(options.store);
  for (const log of options.logs)
    copies.set(log.info.id, await Copy.open({ ...options, ...log, values }, () => mirror.served()));
  return mirror;
}

export class LogMirror implements Mirror {
  readonly #options: MirrorOptions;
  readonly #copies: ReadonlyMap<LogId, Copy>;
  readonly #long: Turns;
  readonly #short: Turns;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #listeners: (() => void)[] = [];
  #unsubscribe: (() => void) | undefined;
  #revision = 0;

  constructor(options: MirrorOptions, copies: ReadonlyMap<LogId, Copy>) {
    this.#options = options;
    this.#copies = copies;
    this.#long = new Turns(LONG.atOnce, LONG.turnMs, options.clock);
    this.#short = new Turns(SHORT.atOnce, SHORT.turnMs, options.clock);
  }

  /** Begins to copy, and goes on with every new head. */
  start(): void {
    this.#unsubscribe = this.#options.follower.onChange((logId) => this.#wake(logId));
    for (const logId of this.#copies.keys()) this.#wake(logId);
  }

  /** Calls after each change of what is served. */
  onServed(call: () => void): void {
    this.#listeners.push(call);
  }

  has(logId: LogId): boolean {
    return this.#copies.has(logId);
  }

  hasValues(logId: LogId): boolean {
    return this.#copies.get(logId)?.eager ?? false;
  }

  revision(): number {
    return this.#revision;
  }

  async claims(path: Uint8Array, ids: readonly LogId[]): Promise<(MirrorClaim | undefined)[]> {
    const copies = ids.map((id) => this.#copies.get(id)!);
    // The heads before the read: a claim of a later one is not below their sizes, and an earlier one stays.
    const heads = copies.map(({ log }) => log.served?.head);
    const stored = await readClaims(
      this.#options.store,
      path,
      copies.map(({ log }) => log.keys.serial),
    );
    return stored.map((claim, i) => {
      const head = heads[i];
      return claim !== undefined && head !== undefined && claim.index < head.treeSize ? claim : undefined;
    });
  }

  async caughtUp(ids: readonly LogId[], signal: AbortSignal): Promise<void> {
    let waiting = ids.flatMap((id) => this.#copies.get(id) ?? []).filter((copy) => copy.isNear());
    if (waiting.length === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const ends = waiting.map((copy) =>
        copy.onArrival(() => {
          waiting = waiting.filter((other) => other !== copy);
          if (waiting.length === 0) end();
        }),
      );
      const end = (): void => {
        signal.removeEventListener("abort", end);
        for (const stop of ends) stop();
        resolve();
      };
      signal.addEventListener("abort", end);
    });
  }

  status(logId: LogId): MirrorStatus | undefined {
    return this.#copies.get(logId)?.status();
  }

  reader(logId: LogId): MirrorReader | undefined {
    return this.#copies.get(logId)?.reader;
  }

  /** Ends what is under way; what is stored stays. */
  async close(): Promise<void> {
    this.#unsubscribe?.();
    this.#closing.abort();
    for (const copy of this.#copies.values()) copy.retry?.cancel();
    await Promise.all(this.#running);
  }

  #wake(logId: LogId): void {
    const copy = this.#copies.get(logId);
    if (copy === undefined || this.#closing.signal.aborted) return;
    copy.retry?.cancel();
    copy.retry = undefined;
    copy.noteHead();
    if (copy.running) {
      copy.again = true;
      return;
    }
    copy.running = true;
    const run = this.#run(copy).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Never rejects. */
  async #run(copy: Copy): Promise<void> {
    const { signal } = this.#closing;
    do {
      copy.again = false;
      const isSmall = copy.isSmall();
      const turn = await (isSmall ? this.#short : this.#long).take();
      const { runsAtOnce } = isSmall ? SHORT : LONG;
      let result: CaughtUp | undefined;
      try {
        if (!signal.aborted) result = await copy.catchUp({ turn, signal, runsAtOnce });
      } catch (error) {
        this.#options.onEvent?.({ kind: "failed", logId: copy.log.info.id, error });
      } finally {
        turn.end();
      }
      if (result?.kind === "interrupted") copy.again = true;
      if (result?.kind !== "done" && !copy.again) this.#retryLater(copy);
    } while (copy.again && !signal.aborted);
    copy.rest();
  }

  /** Another head is served. */
  served(): void {
    this.#revision++;
    for (const call of this.#listeners) call();
  }

  /** A lie stays one until the log signs another head. */
  #retryLater(copy: Copy): void {
    if (this.#closing.signal.aborted || copy.isStopped) return;
    const ms = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(copy.failures++, 20));
    copy.retry = this.#options.clock.after(ms, () => this.#wake(copy.log.info.id));
  }
}
