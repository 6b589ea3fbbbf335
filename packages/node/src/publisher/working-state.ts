/**
 * What the publisher holds in memory, and the rule that keeps it honest: it is loaded from the store, changed together
 * with a batch, and dropped as a whole when any batch was rejected, because then nobody knows what the store holds.
 * The next user loads it afresh. So recovery is the start-up, and there is no second way.
 */
import type { Crypto } from "@trustix/crypto";
import type { SparseMapOptions } from "@trustix/merkle";
import type { Change, Store } from "@trustix/storage";
import { type StoredHead, readOldestHead } from "../logs/head-record.ts";
import type { LogKeys } from "../logs/keys.ts";
import { type LogTrees, loadLog } from "../logs/log-trees.ts";
import { numberOf } from "../logs/keys.ts";
import { prepareItems } from "../logs/prepare-items.ts";
import { decodeQueuePosition, decodeQueueRecord } from "./queue-record.ts";
import { WaitingItems } from "./waiting-items.ts";

export interface Work {
  /** The last durable head. */
  last: StoredHead | undefined;
  /** The oldest head that is still provable. */
  oldest: StoredHead | undefined;
  readonly trees: LogTrees;
  readonly waiting: WaitingItems;
  /** Number of the next queue record. */
  nextSeq: number;
  refused: number;
}

/** Reads what is durable. Memory is bounded by what the publisher admits as waiting. Throws `corrupt`. */
export async function loadWork(store: Store, crypto: Crypto, keys: LogKeys, map?: SparseMapOptions): Promise<Work> {
  const { last, trees } = await loadLog(store, crypto, keys, map);
  const [stored] = await store.getMany([keys.queuePosition]);
  let nextSeq = stored ? decodeQueuePosition(stored, keys.queuePosition) : 0;
  const waiting = new WaitingItems();
  const { from, to } = keys.queueFrom(nextSeq);
  for await (const [key, value] of store.range(from, to)) {
    const seq = numberOf(key);
    waiting.add({ seq, items: prepareItems(crypto, decodeQueueRecord(value, key)) });
    nextSeq = seq + 1;
  }
  let refused = 0;
  const all = keys.allRefused();
  for await (const _ of store.range(all.from, all.to, { keysOnly: true })) refused++;
  return { last, oldest: await readOldestHead(store, keys), trees, waiting, nextSeq, refused };
}

export class WorkingState {
  readonly #store: Store;
  readonly #load: () => Promise<Work>;
  #current: Work | undefined;
  #loading: Promise<Work> | undefined;
  readonly #writes = new Set<Promise<unknown>>();

  /** `load` reads the store, and does what must be done before anything else is written. */
  constructor(store: Store, load: () => Promise<Work>) {
    this.#store = store;
    this.#load = load;
  }

  /** For looking at only. */
  get peek(): Work | undefined {
    return this.#current;
  }

  /** The state, loaded when there is none. */
  async ready(): Promise<Work> {
    return this.#current ?? (await (this.#loading ??= this.#reload().finally(() => (this.#loading = undefined))));
  }

  /** Check after every `await` and before changing `work` or writing what was made of it. */
  isCurrent(work: Work): boolean {
    return this.#current === work;
  }

  /** Changed in memory without a batch, or by a batch that will not be written: nobody may use it any more. */
  drop(work: Work): void {
    if (this.#current === work) this.#current = undefined;
  }

  /** Writes a batch made from `work`, which must be current. Drops `work` when the batch is rejected. */
  async write(work: Work, batch: readonly Change[]): Promise<void> {
    const write = this.#store.write(batch);
    this.#writes.add(write);
    try {
      await write;
    } catch (error) {
      this.drop(work);
      throw error;
    } finally {
      this.#writes.delete(write);
    }
  }

  async #reload(): Promise<Work> {
    // A write that is still under way may yet become durable and be acknowledged: read only what is settled.
    await Promise.allSettled(this.#writes);
    const work = await this.#load();
    this.#current = work;
    return work;
  }
}
