/**
 * What the node may rely on: ordered keys, one atomic durable batch, snapshots. Nothing else; layouts live in
 * `merkle` (bytes) and `node` (keys). Every backend runs the suite in `conformance.ts`.
 *
 * Promises, for every backend:
 * - **Order.** Keys are compared as unsigned bytes, a proper prefix first. `range` yields ascending keys.
 * - **Atomicity.** After a crash at any moment a batch is there as a whole or not at all.
 * - **Durability.** `write` resolves only when the batch would survive power loss. Writes are applied in the order in
 *   which `write` was called; a batch is never visible before those called earlier.
 * - **Failure.** If `write` rejects, it is unknown whether the batch was persisted (as a whole or not at all): the
 *   caller must reload from the store before writing again.
 * - **Visibility.** What a resolved `write` wrote is seen by every read that starts later. A read that started earlier,
 *   or while a write is under way, may or may not see it, except in a snapshot: it never changes.
 * - **Ownership.** Bytes handed in are not kept after `write` returns its promise; bytes handed out are the caller's to
 *   read, not to change. They are plain `Uint8Array`s, never Buffers, whose `slice` does not copy.
 */
export interface Reads {
  /** Values in the order of `keys`; `undefined` for a key that is not there. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  /** Entries with `from <= key < to`, ascending. Held open only while iterated; stop early with `break`. */
  range(from: Uint8Array, to: Uint8Array, options?: RangeOptions): AsyncIterable<Entry>;
}

export interface RangeOptions {
  /** At most so many entries (from the end when `reverse`). */
  readonly limit?: number;
  /** Descending keys. */
  readonly reverse?: boolean;
  /** Leave values out (they come as empty arrays): for listing keys. */
  readonly keysOnly?: boolean;
}

export type Entry = readonly [key: Uint8Array, value: Uint8Array];

/** One change of a batch: a value sets the key, `undefined` removes it. A later change of a key in a batch wins. */
export type Change = readonly [key: Uint8Array, value: Uint8Array | undefined];

export interface Snapshot extends Reads {
  /** Frees it. Reads after it reject. */
  close(): Promise<void>;
}

export interface Store extends Reads {
  /** See the promises above. An empty batch resolves at once. */
  write(batch: readonly Change[]): Promise<void>;
  /** The state at this moment, unchanged by later writes. Close it soon: it holds back compaction. */
  snapshot(): Snapshot;
  /** Waits for writes under way, then frees the store and its lock. Later calls reject with `closed`. */
  close(): Promise<void>;
}

export type StorageErrorCode =
  /** Another live process holds this state; the message names it. */
  | "locked"
  /** The store was closed. */
  | "closed"
  /** The files cannot be read as a store, or some of them are gone. */
  | "corrupt"
  /** There is no store, and none was to be made. */
  | "missing"
  /** The disk or the engine failed (full disk, permissions). */
  | "io";

export class StorageError extends Error {
  override name = "StorageError";
  readonly code: StorageErrorCode;
  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
