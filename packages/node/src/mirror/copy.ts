/**
 * One log that is copied: how far it is, what holds it up, and what is known of the places that it is copied from. One
 * turn at a time; who has a turn when is the mirror's business.
 */
import type { LogHead } from "@trustix/protocol";
import type { Room } from "../free-room.ts";
import { openLogReader } from "../logs/log-reader.ts";
import { MapRoots } from "../logs/map-roots.ts";
import type { Clock, MirrorReader, MirrorStatus } from "../model.ts";
import { catchUp } from "./catch-up.ts";
import type { CaughtUp } from "./caught-up.ts";
import { CHUNK_ENTRIES } from "./fetch-chunks.ts";
import type { MissingPass } from "./fill-values.ts";
import { showLie } from "./find-lie.ts";
import { MirroredLog } from "./mirrored-log.ts";
import type { MirrorEvent, MirrorLogOptions, MirrorOptions } from "./options.ts";
import { PlaceOrder } from "./place-order.ts";
import type { StoredValues } from "./stored-values.ts";
import type { Turn } from "./turns.ts";

/** So many entries are copied in some tenths of a second. */
const NEAR = 5_000;
/** Between two lines about a long copy. */
const TOLD_EVERY_MS = 5_000;
/** Missing values. */
const MOST_COUNTED = 10_000;
const UNBOUNDED: Room = async () => undefined;
/** A log that lies may take its time to answer. */
const LIE_SEARCH_MS = 30_000;

export type CopyOptions = Omit<MirrorOptions, "logs"> & MirrorLogOptions & { readonly values: StoredValues };

export interface CopyTurn {
  readonly turn: Turn;
  readonly signal: AbortSignal;
  /** Calls for entries under way at once. */
  readonly runsAtOnce: number;
}

export class Copy {
  readonly log: MirroredLog;
  readonly reader: MirrorReader;
  readonly #options: CopyOptions;
  readonly #order = new PlaceOrder();
  readonly #missingPass: MissingPass = { after: undefined };
  readonly #waiting = new Set<() => void>();
  running = false;
  /** Something changed while it was running. */
  again = false;
  /** Turns in a row after which nothing was reached. */
  failures = 0;
  retry: { cancel(): void } | undefined;
  /** A turn for small work was not enough. */
  #isLong = false;
  /** The head that does not fit its entries, and why. */
  #lie: { readonly treeSize: number; readonly why: string } | undefined;
  #why: string | undefined;
  /** Whether that is because of what came. */
  #isWrong = false;
  /** When the held head went beyond the served one. */
  #behindSince: number | undefined;
  #rate = 0;
  /** After the last turn. */
  #missingCount = 0;

  private constructor(options: CopyOptions, log: MirroredLog) {
    this.#options = options;
    this.log = log;
    const { store: reads, crypto } = options;
    this.reader = openLogReader({ reads, crypto, published: log.published, roots: new MapRoots(reads, log.published) });
  }

  /** `onServed`: votes may come out differently from now on. Throws `corrupt`, `storage`, `bad_config`. */
  static async open(options: CopyOptions, onServed: () => void): Promise<Copy> {
    const opened: { copy?: Copy } = {};
    const log = await MirroredLog.open({
      ...options,
      onServed: (head) => {
        opened.copy?.noteServed(head);
        onServed();
      },
    });
    const copy = new Copy(options, log);
    opened.copy = copy;
    await copy.#countMissing();
    return copy;
  }

  get eager(): boolean {
    return this.#options.eager;
  }

  /** Whether the log was caught lying, and has signed nothing since. */
  get isStopped(): boolean {
    return this.#lie !== undefined;
  }

  status(): MirrorStatus {
    const { log } = this;
    return {
      served: log.served?.head,
      servedAt: log.served?.time,
      entries: log.entries,
      valued: this.eager ? log.valued : undefined,
      missing: this.#missingCount,
      target: this.#held()?.treeSize,
      behindSince: this.#isBehind() ? this.#behindSince : undefined,
      rate: this.#rate,
      why: this.#lie?.why ?? this.#why,
      isWrong: this.#lie !== undefined || (this.#why !== undefined && this.#isWrong),
      isLie: this.#lie !== undefined,
    };
  }

  /** Whether it is about to serve the held head. */
  isNear(): boolean {
    return this.running && this.failures === 0 && this.#isBehind() && this.#left() <= NEAR;
  }

  /** Whether a short turn should be enough. */
  isSmall(): boolean {
    const { log } = this;
    const values = this.eager ? log.entries - log.valued : 0;
    return this.failures === 0 && !this.#isLong && this.#left() + values <= NEAR;
  }

  /** Calls once when it serves the held head, or stops without. Returns what ends that. */
  onArrival(call: () => void): () => void {
    this.#waiting.add(call);
    return () => void this.#waiting.delete(call);
  }

  rest(): void {
    this.running = false;
    this.#arrive();
  }

  #arrive(): void {
    const calls = [...this.#waiting];
    this.#waiting.clear();
    for (const call of calls) call();
  }

  /** The held head may be another. */
  noteHead(): void {
    if (this.#isBehind()) this.#behindSince ??= this.#options.clock.now();
  }

  /** Answers are given under this head from now on. */
  noteServed(head: LogHead): void {
    const isBehind = this.#isBehind();
    this.#behindSince = isBehind ? this.#options.clock.now() : undefined;
    if (!isBehind) this.#arrive();
    this.#tell({ kind: "served", logId: this.log.info.id, head });
  }

  /** Throws what the store throws. */
  async catchUp({ turn, signal, runsAtOnce }: CopyTurn): Promise<CaughtUp> {
    const { follower, timeoutMs = 20_000, chunkEntries = CHUNK_ENTRIES, room = UNBOUNDED } = this.#options;
    const { log, eager } = this;
    const bounds = { timeoutMs, chunkEntries, runsAtOnce };
    try {
      const result = await catchUp({
        log,
        target: () => this.#target(),
        sources: () => follower.sources(log.info.id),
        order: this.#order,
        missing: this.#missingPass,
        eager,
        room,
        clock: this.#options.clock,
        signal,
        ...bounds,
        isOver: () => turn.isOver(),
        onProgress: this.#meter(),
      });
      await this.#countMissing();
      this.#conclude(result);
      if (result.kind === "lie") await this.#showLie(result, signal, timeoutMs);
      return result;
    } catch (error) {
      this.#isWrong = false;
      this.#why = error instanceof Error ? error.message : String(error);
      throw error;
    } finally {
      this.#rate = 0;
    }
  }

  async #countMissing(): Promise<void> {
    if (this.eager) this.#missingCount = await this.log.countMissing(MOST_COUNTED);
  }

  #conclude(result: CaughtUp): void {
    const logId = this.log.info.id;
    switch (result.kind) {
      case "done":
        this.#isLong = false;
        this.failures = 0;
        this.#why = undefined;
        return;
      case "interrupted":
        this.#isLong = true;
        return;
      case "stuck":
        if (result.why !== this.#why) this.#tell({ kind: "stuck", logId, why: result.why });
        this.#why = result.why;
        this.#isWrong = result.cause !== "unreachable";
        return;
      case "lie": {
        const why = result.error.message;
        this.#lie = { treeSize: result.head.treeSize, why };
        this.#tell({ kind: "lie", logId, why });
      }
    }
  }

  /** Asks the log for what shows its lie, and hands it in. */
  async #showLie(
    { at, head, error }: Extract<CaughtUp, { kind: "lie" }>,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<void> {
    const { clock, follower } = this.#options;
    const { id } = this.log.info;
    const others = follower.sources(id).filter(({ transport }) => transport !== at.transport);
    const search = { head, lie: error.lie, timeoutMs };
    const evidence = await within(LIE_SEARCH_MS, clock, signal, (stop) =>
      showLie([at, ...others], { ...search, signal: stop }),
    );
    if (evidence !== undefined) await follower.convict(id, evidence);
  }

  #tell(event: MirrorEvent): void {
    this.#options.onEvent?.(event);
  }

  #held(): LogHead | undefined {
    return this.#options.follower.logs().find(({ info }) => info.id === this.log.info.id)?.head;
  }

  #isBehind(): boolean {
    return (this.#held()?.treeSize ?? -1) > (this.log.served?.head.treeSize ?? -1);
  }

  /** Entries that are still to be copied. */
  #left(): number {
    return Math.max(0, (this.#held()?.treeSize ?? 0) - this.log.entries);
  }

  /** A head that was found not to fit is not tried again. */
  #target(): LogHead | undefined {
    const held = this.#held();
    if (this.#lie !== undefined && held !== undefined && held.treeSize > this.#lie.treeSize) this.#lie = undefined;
    return this.#lie === undefined ? held : undefined;
  }

  #meter(): (entries: number, target: number) => void {
    const { clock } = this.#options;
    const logId = this.log.info.id;
    const start = { at: clock.now(), entries: this.log.entries };
    let told = start.at;
    return (entries, target) => {
      const now = clock.now();
      this.#rate = (1000 * (entries - start.entries)) / Math.max(1, now - start.at);
      if (now - told < TOLD_EVERY_MS) return;
      told = now;
      this.#tell({ kind: "progress", logId, entries, target, rate: this.#rate });
    };
  }
}

/** Aborts the signal that `run` is given after `ms`, or with `signal`. */
async function within<T>(
  ms: number,
  clock: Clock,
  signal: AbortSignal,
  run: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  if (signal.aborted) end();
  signal.addEventListener("abort", end);
  const timer = clock.after(ms, end);
  try {
    return await run(stop.signal);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", end);
  }
}
