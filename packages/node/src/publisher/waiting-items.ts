/**
 * The durable queue as it stands in memory: every item here is in a stored queue record, in the same order. A record is
 * drained as a whole, so a flush deletes records and never rewrites one.
 */
import type { PreparedItem } from "../logs/prepare-items.ts";

export interface WaitingRecord {
  readonly seq: number;
  readonly items: readonly PreparedItem[];
}

export class WaitingItems {
  /** Not yet drained, ascending. */
  readonly #records: WaitingRecord[] = [];
  /** So many of them are in a batch that is computed or being written. */
  #taken = 0;
  readonly #byName = new Map<string, PreparedItem>();
  #items = 0;
  #bytes = 0;

  get items(): number {
    return this.#items;
  }

  /** Of keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The sequence number of the last record, -1 when there is none. */
  get last(): number {
    return this.#records.at(-1)?.seq ?? -1;
  }

  /** The first waiting item for a path. */
  find(name: string): PreparedItem | undefined {
    return this.#byName.get(name);
  }

  /** Once the record is durable. */
  add(record: WaitingRecord): void {
    this.#records.push(record);
    for (const item of record.items) {
      if (!this.#byName.has(item.name)) this.#byName.set(item.name, item);
      this.#items++;
      this.#bytes += item.key.length + item.value.length;
    }
  }

  /** Whether `take` would give anything. */
  hasUntaken(seq: number): boolean {
    const next = this.#records[this.#taken];
    return next !== undefined && next.seq <= seq;
  }

  /**
   * The oldest records that were not taken yet, none after number `seq`: at least one if there is any, then more while
   * they hold at most `maxItems` items and `maxBytes` bytes. They stay in the queue until they are drained.
   */
  take(seq: number, maxItems: number, maxBytes: number): WaitingRecord[] {
    const taken: WaitingRecord[] = [];
    let items = 0;
    let bytes = 0;
    for (let record; (record = this.#records[this.#taken]) && record.seq <= seq; this.#taken++) {
      items += record.items.length;
      for (const { key, value } of record.items) bytes += key.length + value.length;
      if (taken.length > 0 && (items > maxItems || bytes > maxBytes)) break;
      taken.push(record);
    }
    return taken;
  }

  /** Once the batch that drained them is durable: forgets the oldest `count` records. */
  drained(count: number): void {
    this.#taken -= count;
    for (const record of this.#records.splice(0, count))
      for (const item of record.items) {
        if (this.#byName.get(item.name) === item) this.#byName.delete(item.name);
        this.#items--;
        this.#bytes -= item.key.length + item.value.length;
      }
  }
}
