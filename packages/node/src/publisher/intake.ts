/**
 * Accepting submissions: everything that arrives while one group is being written becomes the next group, one batch and
 * one sync for all of it. An item is acknowledged only once its record is durable.
 */
import { NodeError } from "../errors.ts";
import { nodeErrorOf } from "../logs/explain-failure.ts";
import type { SubmitItem } from "../model.ts";
import { judgeSubmitted, refusalChanges } from "./judge-items.ts";
import type { PublisherLimits, PublisherOptions } from "./options.ts";
import { type PreparedItem, checkItems, prepareItems } from "../logs/prepare-items.ts";
import { decodeQueueRecord, encodeQueueRecord } from "./queue-record.ts";
import type { WorkingState } from "./working-state.ts";
import type { Verdict } from "./write-rule.ts";

/** Small enough that a flush can stop between records, large enough that records cost nothing. */
const RECORD_ITEMS = 1000;
const RECORD_BYTES = 4 << 20;
/** In one batch: the engine holds it in memory, and who comes next waits for it. */
const GROUP_BYTES = 32 << 20;

export interface Submitted {
  /** Keys whose first value stands, each once. */
  readonly refused: readonly Uint8Array[];
}

interface Arrival {
  readonly items: readonly PreparedItem[];
  readonly bytes: number;
  resolve(submitted: Submitted): void;
  reject(error: unknown): void;
}

export class Intake {
  readonly #options: PublisherOptions;
  readonly #limits: PublisherLimits;
  readonly #state: WorkingState;
  readonly #onQueued: () => void;
  readonly #arrivals: Arrival[] = [];
  #arrivedItems = 0;
  #arrivedBytes = 0;
  #committing: Promise<void> | undefined;

  /** `onQueued` is called when more items wait than before. */
  constructor(options: PublisherOptions, limits: PublisherLimits, state: WorkingState, onQueued: () => void) {
    this.#options = options;
    this.#limits = limits;
    this.#state = state;
    this.#onQueued = onQueued;
  }

  async submit(items: readonly SubmitItem[]): Promise<Submitted> {
    checkItems(items, this.#limits.maxValueBytes);
    if (items.length === 0) return { refused: [] };
    let bytes = 0;
    for (const { key, value } of items) bytes += key.length + value.length;
    this.#checkRoom(items.length, bytes);
    this.#arrivedItems += items.length;
    this.#arrivedBytes += bytes;
    const prepared = prepareItems(this.#options.crypto, items);
    return new Promise((resolve, reject) => {
      this.#arrivals.push({ items: prepared, bytes, resolve, reject });
      this.#committing ??= this.#commitAll();
    });
  }

  /** Resolves when nothing that arrived is unanswered. */
  async settled(): Promise<void> {
    await this.#committing;
  }

  #checkRoom(items: number, bytes: number): void {
    const { maxWaitingItems, maxWaitingBytes } = this.#limits;
    if (items > maxWaitingItems || bytes > maxWaitingBytes) {
      const wanted = `at most ${maxWaitingItems} items and ${maxWaitingBytes} bytes wanted`;
      throw new NodeError("too_large", `one call of ${items} items and ${bytes} bytes came, ${wanted}`);
    }
    const waiting = this.#state.peek?.waiting;
    const waitingItems = this.#arrivedItems + (waiting?.items ?? 0);
    const waitingBytes = this.#arrivedBytes + (waiting?.bytes ?? 0);
    if (waitingItems + items > maxWaitingItems || waitingBytes + bytes > maxWaitingBytes)
      throw new NodeError(
        "busy",
        `${waitingItems} items (${waitingBytes} bytes) wait to be published, no room for more`,
        {
          hint: "submit again later",
        },
      );
  }

  async #commitAll(): Promise<void> {
    while (this.#arrivals.length > 0) {
      // One turn of the event loop, so that calls that came with the first share its sync.
      await new Promise((resolve) => setImmediate(resolve));
      const group = this.#takeGroup();
      try {
        const answers = await this.#commit(group);
        for (const [at, arrival] of group.entries()) arrival.resolve(answers[at]!);
      } catch (error) {
        const explained = nodeErrorOf(error, "submit (it is not known what was queued: submit again)");
        for (const arrival of group) arrival.reject(explained);
      } finally {
        for (const { items, bytes } of group) {
          this.#arrivedItems -= items.length;
          this.#arrivedBytes -= bytes;
        }
      }
    }
    // In the same turn as the last look at the arrivals: whoever comes later begins anew.
    this.#committing = undefined;
  }

  /** The oldest arrivals: all of them, unless they are very large. */
  #takeGroup(): Arrival[] {
    let count = 0;
    let bytes = 0;
    for (const arrival of this.#arrivals) {
      bytes += arrival.bytes;
      if (count > 0 && bytes > GROUP_BYTES) break;
      count++;
    }
    return this.#arrivals.splice(0, count);
  }

  async #commit(group: readonly Arrival[]): Promise<Submitted[]> {
    const { store, published, clock } = this.#options;
    const items = group.flatMap((arrival) => arrival.items);
    for (;;) {
      const work = await this.#state.ready();
      const verdict = await judgeSubmitted(work, items, store, published.keys);
      const found = { time: clock.now(), foundAt: "submit" } as const;
      const refusals = await refusalChanges(verdict.refused, found, store, published.keys);
      // A flush failed meanwhile: what was judged against is no longer what is stored.
      if (!this.#state.isCurrent(work)) continue;
      const records = recordsOf(verdict.accepted, work.nextSeq);
      work.nextSeq += records.length;
      const queued = records.map(({ seq, bytes }) => [published.keys.queue(seq), bytes] as const);
      // If we stop here, nobody was told anything: the submitter tries again. If we stop after the write, the next start
      // finds the records; a submitter that was not answered tries again and finds its items queued.
      await this.#state.write(work, [...queued, ...refusals]);
      work.refused += refusals.length;
      for (const record of records) work.waiting.add({ seq: record.seq, items: record.items });
      if (records.length > 0) this.#onQueued();
      return answersOf(group, verdict);
    }
  }
}

interface NewRecord {
  readonly seq: number;
  readonly bytes: Uint8Array;
  readonly items: PreparedItem[];
}

function recordsOf(items: readonly PreparedItem[], firstSeq: number): NewRecord[] {
  const records: NewRecord[] = [];
  for (let from = 0; from < items.length;) {
    let to = from;
    for (let bytes = 0; to < items.length && to - from < RECORD_ITEMS && bytes < RECORD_BYTES; to++)
      bytes += items[to]!.key.length + items[to]!.value.length;
    const bytes = encodeQueueRecord(items.slice(from, to));
    const seq = firstSeq + records.length;
    // From now on the items' bytes are the record's: the caller may do with its own what it likes.
    const copies = decodeQueueRecord(bytes, new Uint8Array(0));
    records.push({ seq, bytes, items: copies.map((copy, i) => items[from + i]!.movedTo(copy)) });
    from = to;
  }
  return records;
}

function answersOf(group: readonly Arrival[], verdict: Verdict): Submitted[] {
  const refused = new Set(verdict.refused.map(({ item }) => item));
  return group.map(({ items }) => {
    const keys = new Map(items.filter((item) => refused.has(item)).map((item) => [item.name, item.key]));
    return { refused: [...keys.values()] };
  });
}
