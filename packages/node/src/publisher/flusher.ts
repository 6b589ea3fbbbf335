/**
 * Moves what is queued under signed heads, one batch a head, and shows readers what is durable.
 *
 * While one batch is being synced, the next is computed; it is written only once the one before it is durable, so the
 * store never holds a head without its predecessor. Each batch removes the queue records it drained.
 *
 * Markers and readers follow behind the batches: only the newest durable head gets a marker and is shown, so on a busy
 * log the marker's syncs hold up nothing. A flush resolves once its head, or a newer one, is shown.
 */
import { SparseMapError } from "@trustix/merkle";
import { type LogHead, type UnsignedHead, signHead } from "@trustix/protocol";
import type { Change } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import { type StoredHead, mapHeadIndexOf } from "../logs/head-record.ts";

import { privateValueKey, valueKey } from "../logs/keys.ts";
import { type Appended, appendEntries } from "./append-entries.ts";
import { HistoryGuard } from "./history-guard.ts";
import { judgeQueued, refusalChanges } from "./judge-items.ts";
import type { PublisherLimits, PublisherOptions } from "./options.ts";
import type { PreparedItem } from "../logs/prepare-items.ts";
import { encodeQueuePosition } from "./queue-record.ts";
import { type LostEntries, recoverChanges } from "./recover.ts";
import { retireHeads } from "./retire-heads.ts";
import type { WaitingRecord } from "./waiting-items.ts";
import { warmMap } from "./warm-map.ts";
import { type Work, WorkingState, loadWork } from "./working-state.ts";
import { type Verdict, applyWriteRule } from "./write-rule.ts";

/** A batch that is computed and not written. */
interface Planned {
  readonly records: readonly WaitingRecord[];
  readonly batch: Change[];
  readonly refusals: number;
  /** `undefined`: no entry is new, so nothing is signed. */
  readonly stored: StoredHead | undefined;
}

export class Flusher {
  readonly state: WorkingState;
  readonly #options: PublisherOptions;
  readonly #limits: PublisherLimits;
  #guard: HistoryGuard;
  /** Settles when the last one in line is done. Never rejects. */
  #line: Promise<unknown> = Promise.resolve();
  #warming: Promise<void> = Promise.resolve();
  /** The newest durable head that is not shown yet. */
  #toShow: { readonly work: Work; readonly stored: StoredHead } | undefined;
  #showing: Promise<void> | undefined;
  #ending = false;
  #stopped: string | undefined;
  #lastFlush: number | undefined;

  constructor(options: PublisherOptions, limits: PublisherLimits) {
    this.#options = options;
    this.#limits = limits;
    this.#guard = new HistoryGuard(options);
    this.state = new WorkingState(options.store, () => this.#load());
  }

  /** Why nothing is being signed, as last found. */
  get stopped(): string | undefined {
    return this.#stopped;
  }

  /** When a head was last published by a flush, in milliseconds since 1970. */
  get lastFlush(): number | undefined {
    return this.#lastFlush;
  }

  /** Resolves with the newest head once no queue record up to `seq` waits. */
  flushUpTo(seq: number): Promise<LogHead> {
    return this.#inLine(() => this.#drain(seq));
  }

  recoverFrom(source: LostEntries): Promise<LogHead> {
    return this.#inLine(async () => {
      const work = await this.state.ready();
      try {
        // If we stop before the write, the store is as old as before. If we stop after it, the next start finds the
        // newer head, which was signed and seen long ago.
        await this.state.write(work, await recoverChanges(work, source, this.#options));
      } finally {
        // The trees were changed for the batch, or for one that does not fit: either way they are read again.
        this.state.drop(work);
      }
      await this.state.ready();
      return this.#options.published.current.head;
    });
  }

  /** Flushes under way and to come end after the batch that is being computed: the queue keeps the rest. */
  end(): void {
    this.#ending = true;
  }

  /** Resolves when nothing is under way any more; call `flushUpTo` no more. */
  async close(): Promise<void> {
    this.end();
    await this.#line;
    await this.#showing?.catch(() => {});
    await this.#warming;
  }

  #inLine<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#line.then(run);
    this.#line = result.catch(() => {});
    return result;
  }

  /** The start, and what follows a rejected write: see working-state.ts. */
  async #load(): Promise<Work> {
    const { store, crypto, published, map } = this.#options;
    const work = await loadWork(store, crypto, published.keys, map);
    this.#guard = new HistoryGuard(this.#options);
    this.#stopped = await this.#guard.whyStopped(() => work.last?.head);
    if (!work.last && this.#stopped === undefined) {
      const { changes, stored } = await this.#append(work, []);
      // If we stop here, the next start signs the same bytes again: the empty log has one head, whoever signs it when.
      await store.write(changes);
      work.trees.map.committed(stored.map.version);
      work.last = stored;
      work.oldest = stored;
    }
    if (work.last) {
      // A head that was served long ago, when stopped: then the marker is the better one.
      if (this.#stopped === undefined) await this.#mark(work.last);
      this.#show(work, work.last);
    }
    this.#warming = warmMap(work.trees.map, store, () => !this.#ending && this.state.peek === work);
    return work;
  }

  async #drain(seq: number): Promise<LogHead> {
    let committing: Promise<void> = Promise.resolve();
    try {
      for (;;) {
        const work = await this.state.ready();
        if (work.waiting.hasUntaken(seq)) {
          if (this.#ending) throw this.#endedError();
          await this.#checkMaySign(work);
          if (!this.state.isCurrent(work)) continue;
          const planned = await this.#plan(work, seq);
          await committing;
          if (!this.state.isCurrent(work)) continue;
          committing = this.#commit(work, planned);
          // Awaited in the next round, which may begin with a failure of its own.
          committing.catch(() => {});
          continue;
        }
        await committing;
        await this.#showing;
        // Dropped meanwhile by another's failure: what was taken may wait again.
        if (this.state.isCurrent(work)) return this.#options.published.current.head;
      }
    } finally {
      await committing;
    }
  }

  #endedError(): NodeError {
    const what = `log ${this.#options.published.info.id}: the node ends`;
    return new NodeError("unavailable", `${what}, what still waits is published after its next start`);
  }

  async #checkMaySign(work: Work): Promise<void> {
    this.#stopped = await this.#guard.whyStopped(() => work.last?.head);
    if (this.#stopped !== undefined || !work.last) {
      const why = this.#stopped ?? `log ${this.#options.published.info.id} has no head to continue`;
      throw new NodeError("head_behind", why);
    }
  }

  /** Takes the oldest records and computes their batch. Changes the trees in memory and nothing else. */
  async #plan(work: Work, seq: number): Promise<Planned> {
    try {
      const { maxFlushItems, maxFlushBytes } = this.#limits;
      return await this.#planFor(work, work.waiting.take(seq, maxFlushItems, maxFlushBytes));
    } catch (error) {
      this.state.drop(work);
      throw error;
    }
  }

  async #planFor(work: Work, records: readonly WaitingRecord[]): Promise<Planned> {
    const { store, published, clock } = this.#options;
    const { keys } = published;
    const { verdict, appended } = await this.#appendNew(
      work,
      records.flatMap((record) => record.items),
    );
    const found = { time: clock.now(), foundAt: "flush" } as const;
    const refusals = await refusalChanges(verdict.refused, found, store, keys);
    const batch: Change[] = [...refusals, [keys.queuePosition, encodeQueuePosition(records.at(-1)!.seq + 1)]];
    for (const { seq } of records) batch.push([keys.queue(seq), undefined]);
    if (!appended) return { records, batch, refusals: refusals.length, stored: undefined };
    for (const change of appended.changes) batch.push(change);
    batch.push(...(await retireHeads(work, this.#limits, clock.now(), store, keys)));
    return { records, batch, refusals: refusals.length, stored: appended.stored };
  }

  /** Into the trees with what the write rule lets in. */
  async #appendNew(work: Work, items: readonly PreparedItem[]): Promise<{ verdict: Verdict; appended?: Appended }> {
    const { store, published } = this.#options;
    // Submit let in nothing that the map has, so the map is asked about each key only once it has objected to one.
    const amongThemselves = applyWriteRule(items, () => undefined);
    try {
      return { verdict: amongThemselves, appended: await this.#append(work, amongThemselves.accepted) };
    } catch (error) {
      if (!(error instanceof SparseMapError && error.code === "path_exists")) throw error;
    }
    const verdict = await judgeQueued(work, items, store, published.keys);
    return verdict.accepted.length === 0
      ? { verdict }
      : { verdict, appended: await this.#append(work, verdict.accepted) };
  }

  async #commit(work: Work, { records, batch, refusals, stored }: Planned): Promise<void> {
    // If we stop before this write, the queue still holds every item, and the head was seen by nobody. If we stop
    // after it, the queue is without them and its position past them, and the next start publishes the head.
    await this.state.write(work, batch);
    work.waiting.drained(records.length);
    work.refused += refusals;
    if (!stored) return;
    work.last = stored;
    work.trees.map.committed(stored.map.version);
    this.#toShow = { work, stored };
    this.#showing ??= this.#showNewest().finally(() => (this.#showing = undefined));
    // Whoever waits for the head waits for this; the batches that follow do not.
    this.#showing.catch(() => {});
  }

  async #showNewest(): Promise<void> {
    for (let next = this.#toShow; next !== undefined; next = this.#toShow) {
      this.#toShow = undefined;
      const { work, stored } = next;
      try {
        // If we stop before the marker is written, it is older than the store, which is fine: nobody saw the head. If we
        // stop after it, it is not newer than the store. The other order could serve a head that a restored backup forgets.
        await this.#mark(stored);
      } catch (error) {
        // Durable and not shown to anybody: the next load tries again.
        this.state.drop(work);
        throw error;
      }
      // Superseded: another batch failed, this one is durable. The load that follows shows the head.
      if (!this.state.isCurrent(work)) continue;
      this.#show(work, stored);
      this.#lastFlush = this.#options.clock.now();
    }
  }

  #append(work: Work, items: readonly PreparedItem[]): Promise<Appended> {
    const { crypto, seed, store, published, clock, isPrivate = false } = this.#options;
    const { keys, info } = published;
    const sign = (head: UnsignedHead): LogHead => signHead(crypto, seed, head);
    const at = { protocolId: info.protocol.id, time: clock.now(), valueKey: isPrivate ? privateValueKey : valueKey };
    return appendEntries({ crypto, keys, trees: work.trees, items, ...at, sign }, store);
  }

  async #mark({ head }: StoredHead): Promise<void> {
    await this.#options.marker?.write(head);
    this.#guard.wrote(head);
  }

  #show({ trees, oldest }: Work, stored: StoredHead): void {
    const first = oldest ? mapHeadIndexOf(oldest.head) : 0;
    this.#options.published.publish({ ...stored, tree: trees.map, oldest: first });
  }
}
