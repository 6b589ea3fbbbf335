/**
 * The contract in memory: for tests, and for nodes configured to forget. Nothing survives the process.
 *
 * Entries lie in sorted blocks. A snapshot shares the blocks; a write copies a block before its first change after a
 * snapshot, so that snapshots never change and cost nothing to make or to close.
 */
import { checkBatch, checkKey } from "./check-batch.ts";
import { type Change, type Entry, type RangeOptions, type Snapshot, StorageError, type Store } from "./contract.ts";

const BLOCK_ENTRIES = 256;

interface Block {
  /** Changed in place only while this equals the store's epoch. */
  readonly epoch: number;
  /** Ascending, never empty but in a store's only block. */
  readonly keys: Uint8Array[];
  readonly values: Uint8Array[];
}

const EMPTY = new Uint8Array(0);

/** An empty store that lives as long as the process. */
export function openMemoryStore(): Store {
  let blocks: Block[] = [{ epoch: 0, keys: [], values: [] }];
  let epoch = 0;
  let closed = false;

  function checkOpen(): void {
    if (closed) throw new StorageError("closed", "the memory store was closed");
  }

  /** The block at `at`, safe to change. */
  function own(at: number): Block {
    const block = blocks[at]!;
    if (block.epoch === epoch) return block;
    const copy = { epoch, keys: block.keys.slice(), values: block.values.slice() };
    blocks[at] = copy;
    return copy;
  }

  function apply([key, value]: Change): void {
    const at = blockOf(blocks, key);
    const place = lowerBound(blocks[at]!.keys, key);
    const found = blocks[at]!.keys[place];
    const present = found !== undefined && Buffer.compare(found, key) === 0;
    if (value === undefined) {
      if (!present) return;
      const block = own(at);
      block.keys.splice(place, 1);
      block.values.splice(place, 1);
      if (block.keys.length === 0 && blocks.length > 1) blocks.splice(at, 1);
      return;
    }
    const block = own(at);
    if (present) {
      block.values[place] = new Uint8Array(value);
      return;
    }
    block.keys.splice(place, 0, new Uint8Array(key));
    block.values.splice(place, 0, new Uint8Array(value));
    if (block.keys.length <= BLOCK_ENTRIES) return;
    const half = block.keys.length >> 1;
    blocks.splice(at + 1, 0, { epoch, keys: block.keys.splice(half), values: block.values.splice(half) });
  }

  return {
    async getMany(keys) {
      checkOpen();
      return getMany(blocks, keys);
    },
    async *range(from, to, options) {
      checkOpen();
      epoch++;
      yield* range(blocks.slice(), from, to, options);
    },
    async write(batch) {
      checkOpen();
      checkBatch(batch);
      for (const change of batch) apply(change);
    },
    snapshot(): Snapshot {
      checkOpen();
      epoch++;
      let held: Block[] | undefined = blocks.slice();
      const view = (): Block[] => {
        checkOpen();
        if (held === undefined) throw new StorageError("closed", "the snapshot was closed");
        return held;
      };
      return {
        async getMany(keys) {
          return getMany(view(), keys);
        },
        async *range(from, to, options) {
          yield* range(view(), from, to, options);
        },
        async close() {
          held = undefined;
        },
      };
    },
    async close() {
      closed = true;
      blocks = [];
    },
  };
}

function getMany(blocks: readonly Block[], keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
  return keys.map((key) => {
    checkKey(key);
    const block = blocks[blockOf(blocks, key)]!;
    const place = lowerBound(block.keys, key);
    const found = block.keys[place];
    return found !== undefined && Buffer.compare(found, key) === 0 ? block.values[place] : undefined;
  });
}

function* range(
  blocks: readonly Block[],
  from: Uint8Array,
  to: Uint8Array,
  options: RangeOptions = {},
): Generator<Entry> {
  const { limit = Infinity, reverse = false, keysOnly = false } = options;
  if (Buffer.compare(from, to) >= 0) return;
  const wanted = blocks.slice(blockOf(blocks, from), blockOf(blocks, to) + 1);
  let given = 0;
  for (const block of reverse ? wanted.toReversed() : wanted) {
    const first = lowerBound(block.keys, from);
    const end = lowerBound(block.keys, to);
    for (let i = 0; i < end - first; i++) {
      if (given++ >= limit) return;
      const at = reverse ? end - 1 - i : first + i;
      yield [block.keys[at]!, keysOnly ? EMPTY : block.values[at]!];
    }
  }
}

/** The last block whose first key is not above `key`, or the first block. */
function blockOf(blocks: readonly Block[], key: Uint8Array): number {
  let low = 0;
  let high = blocks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (Buffer.compare(blocks[middle]!.keys[0]!, key) <= 0) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The place of the first key that is not below `key`. */
function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare(keys[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
