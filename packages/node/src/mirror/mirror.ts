/**
 * All followed logs that are copied in full: who is brought up to date when, how far each is, what each claims.
 *
 * A log is copied on when its head changed, and tried again ever later while no place delivers. Answers are given under
 * the head that is served, from this node's store alone: asking for a claim tells nobody anything.
 */
import type { Crypto } from "@trustix/crypto";
import type { SparseMapOptions } from "@trustix/merkle";
import type { LogHead, LogId, LogInfo } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import { readClaims } from "../claims/claims.ts";
import { openLogReader } from "../logs/log-reader.ts";
import type { LogKeys } from "../logs/keys.ts";
import { MapRoots } from "../logs/map-roots.ts";
import type { Clock, Follower, Mirror, MirrorClaim, MirrorReader, MirrorStatus } from "../model.ts";
import { type CaughtUp, catchUp } from "./catch-up.ts";
import { CHUNK_ENTRIES } from "./fetch-chunks.ts";
import { findLie } from "./find-lie.ts";
import { MirroredLog } from "./mirrored-log.ts";
import { Turns } from "./turns.ts";

export interface MirrorOptions {
  readonly crypto: Crypto;
  readonly store: Store;
  readonly clock: Clock;
  readonly logs: readonly MirrorLogOptions[];
  readonly follower: Pick<Follower, "logs" | "sources" | "onChange" | "convict">;
  /** Milliseconds for one call. Default 20 000. */
  readonly timeoutMs?: number | undefined;
  /** Entries that are stored in one batch at most. Default 16 384. */
  readonly chunkEntries?: number | undefined;
  /** Shape of the maps, unless their own defaults will do. */
  readonly map?: Pick<SparseMapOptions, "leavesPerSubtree"> | undefined;
  readonly onEvent?: ((event: MirrorEvent) => void) | undefined;
}

export interface MirrorLogOptions {
  readonly info: LogInfo;
  readonly keys: LogKeys;
  /** Whether values come along. */
  readonly eager: boolean;
}

export type MirrorEvent =
  | {
      readonly kind: "progress";
      readonly logId: LogId;
      readonly entries: number;
      readonly target: number;
      /** Entries a second. */
      readonly rate: number;
    }
  | { readonly kind: "served"; readonly logId: LogId; readonly head: LogHead }
  | { readonly kind: "stuck" | "lie"; readonly logId: LogId; readonly why: string }
  /** Something of ours went wrong. */
  | { readonly kind: "failed"; readonly logId: LogId; readonly error: unknown };

const AT_ONCE = 2;
const TURN_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** So many entries are copied in some tenths of a second. */
const NEAR = 5_000;
/** Between two lines about a long copy. */
const TOLD_EVERY_MS = 5_000;

/** Throws `corrupt` for a copy that cannot be read. Copies nothing before `start`. */
export async function openMirror(options: MirrorOptions): Promise<LogMirror> {
  const { store, crypto, clock, map } = options;
  const logs = new Map<LogId, Copy>();
  for (const { info, keys, eager } of options.logs) {
    const log = await MirroredLog.open({ store, crypto, clock, info, keys, map });
    logs.set(info.id, new Copy(log, eager, options));
  }
  return new LogMirror(options, logs);
}

export class LogMirror implements Mirror {
  readonly #options: MirrorOptions;
  readonly #copies: ReadonlyMap<LogId, Copy>;
  readonly #turns: Turns;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #listeners: (() => void)[] = [];
  #unsubscribe: (() => void) | undefined;
  #revision = 0;

  constructor(options: MirrorOptions, copies: ReadonlyMap<LogId, Copy>) {
    this.#options = options;
    this.#copies = copies;
    this.#turns = new Turns(AT_ONCE, TURN_MS, options.clock);
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
    const waits = ids.flatMap((id) => {
      const copy = this.#copies.get(id);
      return copy === undefined || !copy.isNear() ? [] : [copy.nextRest()];
    });
    if (waits.length === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        signal.removeEventListener("abort", end);
        resolve();
      };
      signal.addEventListener("abort", end);
      void Promise.all(waits).then(end);
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
    do {
      copy.again = false;
      const turn = await this.#turns.take();
      let result: CaughtUp | undefined;
      try {
        if (!this.#closing.signal.aborted)
          result = await copy.catchUp(
            this.#closing.signal,
            () => turn.isOver(),
            () => this.#served(),
          );
      } catch (error) {
        copy.failed(error);
        this.#options.onEvent?.({ kind: "failed", logId: copy.log.info.id, error });
      } finally {
        turn.end();
      }
      if (result?.kind === "interrupted") copy.again = true;
      if (result?.kind === "done") copy.failures = 0;
      else if (!copy.again) this.#retryLater(copy);
    } while (copy.again && !this.#closing.signal.aborted);
    copy.rest();
  }

  #served(): void {
    this.#revision++;
    for (const call of this.#listeners) call();
  }

  /** A lie stays one until the log signs another head. */
  #retryLater(copy: Copy): void {
    if (this.#closing.signal.aborted || copy.lie !== undefined) return;
    const ms = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(copy.failures++, 20));
    copy.retry = this.#options.clock.after(ms, () => this.#wake(copy.log.info.id));
  }
}

/** One log and how its copy fares. */
class Copy {
  readonly log: MirroredLog;
  readonly reader: MirrorReader;
  readonly eager: boolean;
  readonly #options: MirrorOptions;
  running = false;
  /** Something changed while it was running. */
  again = false;
  failures = 0;
  retry: { cancel(): void } | undefined;
  /** The head that does not fit its entries, and why. */
  lie: { readonly treeSize: number; readonly why: string } | undefined;
  #why: string | undefined;
  /** Whether that is because of what came. */
  #isWrong = false;
  readonly #resting: (() => void)[] = [];
  /** When the held head went beyond the served one. */
  #behindSince: number | undefined;
  #rate = 0;

  constructor(log: MirroredLog, eager: boolean, options: MirrorOptions) {
    this.log = log;
    this.eager = eager;
    this.#options = options;
    const { store: reads, crypto } = options;
    this.reader = openLogReader({
      reads,
      crypto,
      published: log.published,
      roots: new MapRoots(reads, log.published),
    });
  }

  status(): MirrorStatus {
    const held = this.#held();
    const { log } = this;
    const isBehind = held !== undefined && held.treeSize > (log.served?.head.treeSize ?? -1);
    return {
      served: log.served?.head,
      servedAt: log.served?.time,
      entries: log.entries,
      valued: this.eager ? log.valued : undefined,
      target: held?.treeSize,
      behindSince: isBehind ? this.#behindSince : undefined,
      rate: this.running ? this.#rate : 0,
      why: this.lie?.why ?? this.#why,
      isWrong: this.lie !== undefined || (this.#why !== undefined && this.#isWrong),
      isLie: this.lie !== undefined,
    };
  }

  /** Whether it is about to serve the held head. */
  isNear(): boolean {
    const held = this.#held();
    if (!this.running || held === undefined || this.failures > 0) return false;
    return held.treeSize > (this.log.served?.head.treeSize ?? -1) && held.treeSize - this.log.entries <= NEAR;
  }

  /** Resolves when it stops, for whatever reason. */
  nextRest(): Promise<void> {
    return new Promise((resolve) => this.#resting.push(resolve));
  }

  rest(): void {
    this.running = false;
    for (const resolve of this.#resting.splice(0)) resolve();
  }

  failed(error: unknown): void {
    this.#isWrong = false;
    this.#why = error instanceof Error ? error.message : String(error);
  }

  /** `onServed`: votes may come out differently from now on. */
  async catchUp(signal: AbortSignal, isOver: () => boolean, onServed: () => void): Promise<CaughtUp> {
    const { clock, follower, timeoutMs = 20_000, chunkEntries = CHUNK_ENTRIES } = this.#options;
    const { log } = this;
    const { id } = log.info;
    const before = log.served;
    if ((this.#held()?.treeSize ?? -1) > (before?.head.treeSize ?? -1)) this.#behindSince ??= clock.now();
    const result = await catchUp({
      log,
      target: () => this.#target(),
      sources: () => follower.sources(id),
      eager: this.eager,
      clock,
      signal,
      timeoutMs,
      chunkEntries,
      isOver,
      onProgress: this.#meter(),
    });
    this.#conclude(result);
    if (result.kind === "lie") await this.#showLie(result, signal, timeoutMs);
    if (log.served !== before && log.served !== undefined) {
      onServed();
      this.#options.onEvent?.({ kind: "served", logId: id, head: log.served.head });
    }
    if (result.kind === "done") this.#behindSince = undefined;
    return result;
  }

  #conclude(result: CaughtUp): void {
    const logId = this.log.info.id;
    switch (result.kind) {
      case "done":
        if (this.lie === undefined) this.#why = undefined;
        return;
      case "interrupted":
        return;
      case "stuck":
        if (result.why !== this.#why) this.#options.onEvent?.({ kind: "stuck", logId, why: result.why });
        this.#why = result.why;
        this.#isWrong = result.cause !== "unreachable";
        return;
      case "lie": {
        const why = result.error.message;
        this.lie = { treeSize: result.head.treeSize, why };
        this.#options.onEvent?.({ kind: "lie", logId, why });
      }
    }
  }

  /** Asks the log for what shows its lie, and hands it in. */
  async #showLie(
    { at, head, error }: Extract<CaughtUp, { kind: "lie" }>,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<void> {
    const evidence = await findLie({ at, head, lie: error.lie, signal, timeoutMs });
    if (evidence !== undefined) await this.#options.follower.convict(this.log.info.id, evidence);
  }

  #held(): LogHead | undefined {
    return this.#options.follower.logs().find(({ info }) => info.id === this.log.info.id)?.head;
  }

  /** A head that was found not to fit is not tried again. */
  #target(): LogHead | undefined {
    const held = this.#held();
    if (this.lie !== undefined && held !== undefined && held.treeSize > this.lie.treeSize) this.lie = undefined;
    return this.lie === undefined ? held : undefined;
  }

  #meter(): (entries: number, target: number) => void {
    const { clock, onEvent } = this.#options;
    const logId = this.log.info.id;
    const start = { at: clock.now(), entries: this.log.entries };
    let told = start.at;
    return (entries, target) => {
      const now = clock.now();
      this.#rate = (1000 * (entries - start.entries)) / Math.max(1, now - start.at);
      if (now - told < TOLD_EVERY_MS) return;
      told = now;
      onEvent?.({ kind: "progress", logId, entries, target, rate: this.#rate });
    };
  }
}
