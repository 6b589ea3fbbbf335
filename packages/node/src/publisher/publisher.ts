/**
 * The one writer of one log: submissions go into a durable queue, flushes move what is queued under a signed head.
 *
 * Always holds: what was acknowledged is in a queue record or in the log; one batch is one head; a head is served only
 * once its batch and its marker are durable; nothing is signed while anybody is known to hold a head that the store
 * does not continue. Intake and flushing run side by side and meet in `WorkingState`.
 */
import type { LogHead, LogInfo } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import { nodeErrorOf } from "../logs/explain-failure.ts";
import type { Publisher, PublisherStatus, RefusedPage, SubmitItem } from "../model.ts";
import { Flusher } from "./flusher.ts";
import { Intake, type Submitted } from "./intake.ts";
import { listRefused } from "./list-refused.ts";
import { DEFAULT_LIMITS, type PublisherLimits, type PublisherOptions } from "./options.ts";
import type { LostEntries } from "./recover.ts";

/** After a flush by timer failed, the next one waits twice as long, up to this. */
const MAX_BACKOFF_MS = 30_000;

/** Opens the log for writing and publishes its last head; a brand-new log signs the head of the empty log. */
export async function openPublisher(options: PublisherOptions): Promise<RecoverablePublisher> {
  const publisher = new LogPublisher(options);
  await publisher.open();
  return publisher;
}

/** A publisher that can catch up with what it published and then lost. */
export interface RecoverablePublisher extends Publisher {
  /**
   * Appends the entries that `source` has and the store has not, under the head that this log's key signed over them,
   * and goes on from there. Every root is recomputed; resolves with that head. Throws `unverifiable` when the source's
   * entries do not make its head, `stale_head` when it has nothing newer.
   */
  recoverFrom(source: LostEntries): Promise<LogHead>;
}

class LogPublisher implements RecoverablePublisher {
  readonly info: LogInfo;
  readonly #options: PublisherOptions;
  readonly #limits: PublisherLimits;
  readonly #flusher: Flusher;
  readonly #intake: Intake;
  /** Flushes asked for and not settled: the timer leaves the work to them. */
  #flushing = 0;
  #timer: { cancel(): void } | undefined;
  /** In a row, of flushes by timer. */
  #failures = 0;
  #ending = false;
  #closed = false;

  constructor(options: PublisherOptions) {
    this.info = options.published.info;
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#flusher = new Flusher(options, this.#limits);
    this.#intake = new Intake(options, this.#limits, this.#flusher.state, () => this.#schedule());
  }

  async open(): Promise<void> {
    await this.#explained("open", this.#flusher.state.ready());
    this.#schedule();
  }

  async submit(items: readonly SubmitItem[]): Promise<Submitted> {
    this.#checkOpen();
    return this.#intake.submit(items);
  }

  async flush(): Promise<LogHead> {
    this.#checkOpen();
    const { waiting } = await this.#explained("flush", this.#flusher.state.ready());
    return this.#flushUpTo(waiting.last);
  }

  async recoverFrom(source: LostEntries): Promise<LogHead> {
    this.#checkOpen();
    return this.#explained("recovery", this.#flusher.recoverFrom(source));
  }

  async refused(after?: Uint8Array): Promise<RefusedPage> {
    this.#checkOpen();
    return this.#explained(
      "listing refused claims",
      listRefused(this.#options.store, this.#options.published.keys, after),
    );
  }

  status(): PublisherStatus {
    const work = this.#flusher.state.peek;
    const { stopped, lastFlush } = this.#flusher;
    return { waiting: work?.waiting.items ?? 0, refused: work?.refused ?? 0, stopped, lastFlush };
  }

  endFlushing(): void {
    this.#ending = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#flusher.end();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.endFlushing();
    await this.#intake.settled();
    await this.#flusher.close();
  }

  async #flushUpTo(seq: number): Promise<LogHead> {
    this.#flushing++;
    try {
      return await this.#explained("flush", this.#flusher.flushUpTo(seq));
    } finally {
      this.#flushing--;
      this.#schedule();
    }
  }

  /**
   * Makes sure that what waits is flushed: at once when there is much, else by the timer. What waits is not known while
   * the state could not be loaded again: then the timer tries that.
   */
  #schedule(): void {
    const { flushEveryMs, flushAtItems } = this.#limits;
    const waiting = this.#flusher.state.peek?.waiting;
    if (this.#ending || waiting?.items === 0 || this.#flushing > 0) return;
    if (waiting && waiting.items >= flushAtItems && this.#failures === 0) return this.#flushInBackground(waiting.last);
    if (flushEveryMs === 0 || this.#timer) return;
    const wait = Math.min(flushEveryMs * 2 ** this.#failures, Math.max(MAX_BACKOFF_MS, flushEveryMs));
    this.#timer = this.#options.clock.after(wait, () => {
      this.#timer = undefined;
      this.#flushInBackground(this.#flusher.state.peek?.waiting.last ?? Number.MAX_SAFE_INTEGER);
    });
  }

  #flushInBackground(seq: number): void {
    this.#flushUpTo(seq).then(
      () => {
        this.#failures = 0;
      },
      (error: unknown) => {
        if (this.#ending) return;
        this.#failures++;
        this.#options.onFault?.(error);
      },
    );
  }

  async #explained<T>(what: string, promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      throw nodeErrorOf(error, `log ${this.info.id}: ${what}`);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new NodeError("unavailable", `log ${this.info.id}: the publisher is closed`);
  }
}
