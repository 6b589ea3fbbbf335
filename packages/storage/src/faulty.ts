/**
 * A store that breaks at a chosen write, for tests: what it wraps is the disk that survives, what it refuses is the
 * process that did not. From the chosen write on every write fails until `reopen`, as after a real crash.
 */
import { type Change, StorageError, type Store } from "./contract.ts";

export type FaultKind =
  /** The write changes nothing and rejects. */
  | "fails"
  /** The write is persisted as a whole, and rejects nevertheless. */
  | "fails after persisting";

export interface FaultyStore extends Store {
  /** Writes seen so far, the broken ones included; empty batches do not count. */
  writes(): number;
  /** Whether the fault has struck. */
  struck(): boolean;
  /** From now on writes work again (and the fault is spent). */
  reopen(): void;
}

/** Breaks the write number `at` (the first is 1). Closing it does not close `store`. */
export function faultyStore(store: Store, at: number, kind: FaultKind): FaultyStore {
  let count = 0;
  let struck = false;
  let broken = false;
  return {
    getMany: (keys) => store.getMany(keys),
    range: (from, to, options) => store.range(from, to, options),
    snapshot: () => store.snapshot(),
    async write(batch: readonly Change[]) {
      if (batch.length > 0) count++;
      if (broken) throw new StorageError("io", `write ${count} came after the broken write ${at}`);
      if (count !== at || struck) return store.write(batch);
      struck = true;
      broken = true;
      if (kind === "fails after persisting") await store.write(batch);
      throw new StorageError("io", `write ${at} ${kind}`);
    },
    async close() {},
    writes: () => count,
    struck: () => struck,
    reopen() {
      broken = false;
    },
  };
}
