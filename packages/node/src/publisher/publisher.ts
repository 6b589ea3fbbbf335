/**
 * The one writer of one log: submissions go into a durable queue, flushes move what is queued under a signed head.
 *
 * Always holds: what was acknowledged is in a queue record or in the log; one batch is one head; a head is served only
 * once its batch and its marker are durable; nothing is signed while anybody is known to hold a head that the store
 * does not continue. Intake and flushing run side by side and meet in `WorkingState`.
 */
import { type LogHead, type LogInfo, type UnsignedHead, signHead } from "@trustix/protocol";
import type { Change } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import { nodeErrorOf } from "../logs/explain-failure.ts";
import { type StoredHead, mapHeadIndexOf } from "../logs/head-record.ts";
import type { Publisher, PublisherStatus, RefusedClaim, SubmitItem } from "../model.ts";
import { appendEntries } from "./append-entries.ts";
import { HistoryGuard } from "./history-guard.ts";
import { Intake, type Submitted } from "./intake.ts";
import { judgeQueued, refusalChanges } from "./judge-items.ts";
import { DEFAULT_LIMITS, type PublisherLimits, type PublisherOptions } from "./options.ts";
import { encodeQueuePosition } from "./queue-record.ts";
import { listRefused } from "./list-refused.ts";
import { type LostEntries, recoverChanges } from "./recover.ts";
import { retireHeads } from "./retire-heads.ts";
import { type Work, WorkingState, loadWork } from "./working-state.ts";

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
  readonly #state: WorkingState;
  readonly #intake: Intake;
  readonly #guard: HistoryGuard;
  /** Flushes are serial: each begins when the one before has settled. Never rejects. */
  #lastFlushing: Promise<unknown> = Promise.resolve();
  #flushesWanted = 0;
  #stopped: string | undefined;
  #lastFlush: number | undefined;
  #timer: { cancel(): void } | undefined;
  #failures = 0;
  #closed = false;

  constructor(options: PublisherOptions) {
    this.info = options.published.info;
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#state = new WorkingState(options.store, () => this.#load());
    this.#intake = new Intake(options, this.#limits, this.#state, () => this.#schedule());
    this.#guard = new HistoryGuard(options);
  }

  async open(): Promise<void> {
    await this.#explained("open", this.#state.ready());
    this.#schedule();
  }

  async submit(items: readonly SubmitItem[]): Promise<Submitted> {
    this.#checkOpen();
    return this.#intake.submit(items);
  }

  async flush(): Promise<LogHead> {
    this.#checkOpen();
    const { waiting } = await this.#explained("flush", this.#state.ready());
    return this.#flushUpTo(waiting.last);
  }

  async recoverFrom(source: LostEntries): Promise<LogHead> {
    this.#checkOpen();
    const before = this.#lastFlushing;
    const recovering = (async () => {
      await before;
      const work = await this.#state.ready();
      try {
        // If we stop before the write, the store is as old as before. If we stop after it, the next start finds the
        // newer head, which was signed and seen long ago.
        await this.#state.write(work, await recoverChanges(work, source, this.#options));
      } finally {
        // The trees were changed for the batch, or by one that does not fit: either way they are read again.
        this.#state.drop(work);
      }
      await this.#state.ready();
      return this.#options.published.current.head;
    })();
    this.#lastFlushing = recovering.catch(() => {});
    return this.#explained("recovery", recovering);
  }

  async refused(): Promise<RefusedClaim[]> {
    this.#checkOpen();
    return this.#explained("listing refused claims", listRefused(this.#options.store, this.#options.published.keys));
  }

  status(): PublisherStatus {
    const work = this.#state.peek;
    return {
      waiting: work?.waiting.items ?? 0,
      refused: work?.refused ?? 0,
      stopped: this.#stopped,
      lastFlush: this.#lastFlush,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#intake.settled();
    await this.#lastFlushing;
  }

  /** The start, and what follows a rejected write: see working-state.ts. */
  async #load(): Promise<Work> {
    const { store, crypto, published } = this.#options;
    const work = await loadWork(store, crypto, published.keys);
    this.#stopped = await this.#guard.whyStopped(work.last?.head);
    if (!work.last && this.#stopped === undefined) {
      const { changes, stored } = await this.#append(work, []);
      // If we stop here, the next start signs the same bytes again: the empty log has one head, whoever signs it when.
      await store.write(changes);
      work.last = stored;
      work.oldest = stored;
    }
    if (work.last) await this.#publish(work, work.last);
    return work;
  }

  /** Flushes until no record up to `seq` waits. */
  #flushUpTo(seq: number): Promise<LogHead> {
    this.#flushesWanted++;
    const flushing = this.#drainAfter(this.#lastFlushing, seq);
    const settled = (): void => {
      this.#flushesWanted--;
      this.#schedule();
    };
    this.#lastFlushing = flushing.then(settled, settled);
    return this.#explained("flush", flushing);
  }

  async #drainAfter(before: Promise<unknown>, seq: number): Promise<LogHead> {
    await before;
    for (;;) {
      const work = await this.#state.ready();
      const [oldest] = work.waiting.oldest(1, 1);
      if (!oldest || oldest.seq > seq) return this.#options.published.current.head;
      await this.#flushOnce(work);
    }
  }

  /** Moves the oldest records of the queue into the log, under one head. */
  async #flushOnce(work: Work): Promise<void> {
    const { store, published, clock } = this.#options;
    const { keys } = published;
    this.#stopped = await this.#guard.whyStopped(work.last?.head);
    if (this.#stopped !== undefined || !work.last)
      throw new NodeError("head_behind", this.#stopped ?? `log ${this.info.id} has no head to continue`);
    const records = work.waiting.oldest(this.#limits.maxFlushItems, this.#limits.maxFlushBytes);
    const items = records.flatMap((record) => record.items);
    const verdict = await judgeQueued(work, items, store, keys);
    const found = { time: clock.now(), foundAt: "flush" } as const;
    const refusals = await refusalChanges(verdict.refused, found, store, keys);
    if (!this.#state.isCurrent(work)) return;
    const batch: Change[] = [...refusals, [keys.queuePosition, encodeQueuePosition(records.at(-1)!.seq + 1)]];
    for (const { seq } of records) batch.push([keys.queue(seq), undefined]);
    let stored: StoredHead | undefined;
    try {
      if (verdict.accepted.length > 0) {
        const appended = await this.#append(work, verdict.accepted);
        const retired = await retireHeads(work, this.#limits, clock.now(), store, keys);
        batch.push(...appended.changes, ...retired);
        stored = appended.stored;
      }
      if (!this.#state.isCurrent(work)) return;
      // If we stop before this write, the queue still holds every item, and the head was seen by nobody. If we stop
      // after it, the queue's position is past them, and the next start publishes the head.
      await this.#state.write(work, batch);
    } catch (error) {
      this.#state.drop(work);
      throw error;
    }
    work.waiting.drained(records.length);
    work.refused += refusals.length;
    if (!stored) return;
    work.last = stored;
    // Superseded: what failed was another batch, this one is durable. The load that follows publishes the head.
    if (!this.#state.isCurrent(work)) return;
    try {
      await this.#publish(work, stored);
    } catch (error) {
      // Durable and not shown to anybody: the next load tries again.
      this.#state.drop(work);
      throw error;
    }
    this.#lastFlush = clock.now();
  }

  async #append(work: Work, items: Parameters<typeof appendEntries>[0]["items"]): ReturnType<typeof appendEntries> {
    const { crypto, seed, store, published, clock } = this.#options;
    const sign = (head: UnsignedHead): LogHead => signHead(crypto, seed, head);
    const append = { crypto, keys: published.keys, trees: work.trees, items, protocolId: this.info.protocol.id, sign };
    return appendEntries({ ...append, time: clock.now() }, store);
  }

  /** Marker first, then the readers. */
  async #publish(work: Work, stored: StoredHead): Promise<void> {
    // If we stop before the marker is written, it is older than the store, which is fine: nobody saw the head. If we
    // stop after it, it equals the store's head. The other order could serve a head that a restored backup forgets.
    if (this.#stopped === undefined) await this.#options.marker?.write(stored.head);
    work.trees.map.committed(stored.map.version);
    this.#options.published.publish({
      ...stored,
      tree: work.trees.map,
      oldest: work.oldest ? mapHeadIndexOf(work.oldest.head) : 0,
    });
  }

  /** Makes sure that what waits is flushed: at once when there is much, else by the timer. */
  #schedule(): void {
    const { flushEveryMs, flushAtItems } = this.#limits;
    const waiting = this.#state.peek?.waiting;
    if (this.#closed || !waiting || waiting.items === 0 || this.#flushesWanted > 0) return;
    if (waiting.items >= flushAtItems && this.#failures === 0) return this.#flushInBackground();
    if (flushEveryMs === 0 || this.#timer) return;
    const wait = Math.min(flushEveryMs * 2 ** this.#failures, Math.max(MAX_BACKOFF_MS, flushEveryMs));
    this.#timer = this.#options.clock.after(wait, () => {
      this.#timer = undefined;
      this.#flushInBackground();
    });
  }

  #flushInBackground(): void {
    const last = this.#state.peek?.waiting.last ?? Number.MAX_SAFE_INTEGER;
    this.#flushUpTo(last)
      .then(
        () => void (this.#failures = 0),
        (error: unknown) => {
          this.#failures++;
          this.#options.onFault?.(error);
        },
      )
      .finally(() => this.#schedule())
      .catch((error: unknown) => this.#options.onFault?.(error));
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
