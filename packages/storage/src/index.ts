/** L1. Ordered keys with atomic durable batches and snapshots. The contract is in `contract.ts`. */
export type { Change, Entry, RangeOptions, Reads, Snapshot, StorageErrorCode, Store } from "./contract.ts";
export { StorageError } from "./contract.ts";
export { openMemoryStore } from "./memory-store.ts";
export { openEmbeddedStore } from "./embedded-store.ts";
export type { EmbeddedOptions, EmbeddedStore } from "./embedded-store.ts";
