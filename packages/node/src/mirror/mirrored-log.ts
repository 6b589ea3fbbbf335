/**
 * The copy of one followed log in this node's store. Entries are appended chunk by chunk; each chunk is shown to be a
 * part of a signed head before it is stored, and the head is served once the map that all entries make has its root.
 *
 * One batch a chunk: log tiles, bundles, map records, values, claims and the state. If we stop before the batch, the
 * state names the chunk before; after it, the next start goes on behind this one. While a batch is being written the
 * next chunk is computed; a rejected batch drops what is in memory, and the next user reads the store.
 */
import { concatBytes, toHex, equalBytes, type Crypto } from "@trustix/crypto";
import { BUNDLE_ENTRIES, LogTree, SparseMap, SparseMapError } from "@trustix/merkle";
import type { LogEntry, MapProof, MapVersion, RecordChange, SparseMapOptions } from "@trustix/merkle";
import type { Hash, LogHead, LogInfo } from "@trustix/protocol";
import type { Change, Store } from "@trustix/storage";
import { claimChange, decodeClaim } from "../claims/claims.ts";
import { NodeError } from "../errors.ts";
import { appendToTrees, type NewEntry, type TreeAppend, type TreeAppended } from "../logs/append-to-trees.ts";
import { nodeErrorOf } from "../logs/explain-failure.ts";
import { type StoredHead, readLastHead } from "../logs/head-record.ts";
import { type LogKeys, claimsBetween, serialOfClaim, privateValueKey } from "../logs/keys.ts";
import type { LogTrees } from "../logs/log-trees.ts";
import { PublishedLog } from "../logs/published-log.ts";
import { readEntries } from "../logs/read-entries.ts";
import { resolveNeeds } from "../logs/resolve-needs.ts";
import type { Clock } from "../model.ts";
import type { Chunk } from "./fetch-chunks.ts";
import { type MirrorState, NOTHING_MIRRORED, decodeMirrorState, encodeMirrorState } from "./mirror-state.ts";
import type { StoredValues } from "./stored-values.ts";

export interface MirroredLogOptions {
  readonly store: Store;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly info: LogInfo;
  readonly keys: LogKeys;
  /** Of all logs that are copied into this store. */
  readonly values: StoredValues;
  /** Shape of the map, unless its own defaults will do. */
  readonly map?: Pick<SparseMapOptions, "leavesPerSubtree"> | undefined;
  /** Told of each head that answers are given under from now on. */
  readonly onServed?: ((head: LogHead) => void) | undefined;
}

/** An entry of a key that is known. */
export interface EntryAt {
  /** Of the value. */
  readonly digest: Hash;
  readonly index: number;
}

/** What a signed head says cannot be: nothing is served under it. */
export class LieError extends Error {
  override name = "LieError";
  readonly lie:
    | {
        readonly kind: "map";
        /** Side nodes of the path in the map that the entries make. */
        readonly ours: (path: Hash) => Promise<MapProof>;
        /** An entry whose key's path begins with so many bits of this one; `undefined`: the log has none. */
        readonly keysBelow: (path: Hash, bits: number) => Promise<(EntryAt & { readonly key: Uint8Array }) | undefined>;
      }
    /** The entry with the smaller index first. */
    | { readonly kind: "key_twice"; readonly key: Uint8Array; readonly entries: readonly [EntryAt, EntryAt] };

  constructor(message: string, lie: LieError["lie"]) {
    super(message);
    this.lie = lie;
  }
}

/** The entries are not those of the head: whoever delivered them did not deliver the log. */
export class ForeignEntriesError extends Error {
  override name = "ForeignEntriesError";
}

/** Shows that a tree of `size` leaves with this root grew into the target. Throws if it cannot be shown. */
export type ProvePrefix = (size: number, root: Hash) => Promise<void>;

/** While a log is copied, its map is in memory up to some millions of entries; afterwards only what is asked for. */
const COPYING: SparseMapOptions = { bucketCacheBytes: 128 << 20, trieBytes: 128 << 20, pageCacheBytes: 1 << 20 };
const SERVING: SparseMapOptions = { bucketCacheBytes: 2 << 20, trieBytes: 4 << 20, pageCacheBytes: 1 << 20 };
/** Fewer new entries than this need neither the large caches nor the filter of stored values. */
const MANY = 20_000;

const NOTHING = new Uint8Array(0);

type Trees = Pick<LogTrees, "log" | "map"> & { lastBundle: Uint8Array | undefined; readonly large: boolean };

export class MirroredLog {
  readonly info: LogInfo;
  readonly keys: LogKeys;
  /** What answers are given under: for readers and proofs. */
  readonly published: PublishedLog;
  readonly #options: MirroredLogOptions;
  #state: MirrorState;
  #trees: Trees | undefined;
  /** State as of the batch that is being written. */
  #planned: MirrorState;
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: MirroredLogOptions, state: MirrorState) {
    this.#options = options;
    this.info = options.info;
    this.keys = options.keys;
    this.published = new PublishedLog(options.info, options.keys);
    this.#state = state;
    this.#planned = state;
  }

  /** Throws `corrupt`, `storage`; `bad_config` for a log that this store has published. */
  static async open(options: MirroredLogOptions): Promise<MirroredLog> {
    const { store, keys, info } = options;
    const [record] = await store.getMany([keys.mirrorState]);
    if (record === undefined && (await readLastHead(store, keys)) !== undefined)
      throw new NodeError("bad_config", `log ${info.id} was published from this store: it cannot be copied into it`, {
        hint: 'follow it with syncmode = "light", or with another state folder',
      });
    const state = record === undefined ? NOTHING_MIRRORED : decodeMirrorState(record, keys.mirrorState);
    const log = new MirroredLog(options, state);
    if (state.served !== undefined) await log.#ready(false);
    return log;
  }

  /** Entries that are stored. */
  get entries(): number {
    return this.#state.entries;
  }

  /** The values of so many first entries are stored, or noted as missing. */
  get valued(): number {
    return this.#state.valued;
  }

  /** The head that answers are given under. */
  get served(): StoredHead | undefined {
    return this.#state.served;
  }

  /**
   * Takes the next entries of `target` and resolves once their batch is handed to the store; `settle` waits for it.
   * `chunk` begins where the last one ended, and may be empty; `withValues`: the values that were lacking are in it. Throws `ForeignEntriesError`, `LieError`, what `prove`
   * throws, and what the store throws; nothing of the chunk is stored then.
   */
  async append(chunk: Chunk, withValues: boolean, target: LogHead, prove: ProvePrefix): Promise<void> {
    const { crypto, store, info } = this.#options;
    const trees = await this.#ready(this.#isFar(target));
    if (chunk.first !== trees.log.size)
      throw new RangeError(`entries from ${chunk.first} on came, the copy has ${trees.log.size}`);
    try {
      const entries = newEntries(crypto, chunk);
      const { keys } = this;
      const version = (this.#planned.map?.version ?? -1) + 1;
      const append = { crypto, keys, trees, entries, protocolId: info.protocol.id, version };
      const { changes, map } = await this.#appended(append, chunk, target, prove);
      await checkLog(trees, target, prove);
      const { size } = trees.log;
      const isWhole = size === target.treeSize;
      if (isWhole && !equalBytes(map.root, target.mapRoot)) {
        const text = `the map root of its head of ${size} entries is not the one that its entries make`;
        throw new LieError(text, this.#mapOf(trees, map, chunk, entries));
      }
      const before = this.#planned;
      const served = isWhole ? { head: target, time: this.#options.clock.now(), map } : before.served;
      // Proofs under the head served until now may be under way: its map is kept until the next one.
      const oldest = before.served?.map.version ?? map.version;
      changes.push(...(await this.#retire(trees, oldest)));
      const valued = withValues && before.valued === chunk.first ? size : before.valued;
      const state = { entries: size, valued, map, oldest, served };
      this.#pushOwn(changes, chunk, entries, state);
      // The batch before this one must be durable before this one is handed over: its failure would spoil it.
      await this.#writing;
      this.#planned = state;
      this.#writing = this.#write(trees, changes, state, store);
      // Awaited by the next chunk or by `settle`.
      this.#writing.catch(() => {});
    } catch (error) {
      this.#drop();
      throw nodeErrorOf(error, `log ${info.id}: its copy`);
    }
  }

  #isFar(target: LogHead): boolean {
    return target.treeSize - this.#planned.entries >= MANY;
  }

  /** Key and value digest of stored entries `start..finish` inclusive. Throws `corrupt`. */
  stored(start: number, finish: number): Promise<LogEntry[]> {
    const indices = Array.from({ length: finish - start + 1 }, (_, i) => start + i);
    return readEntries(this.#options.store, this.keys, indices);
  }

  /** Which of the digests have no value here. `target`: whose entries they are, if the log is being copied up to it. */
  lacks(digests: readonly Hash[], target?: LogHead): Promise<boolean[]> {
    return this.#options.values.lacks(digests, target !== undefined && this.#isFar(target));
  }

  /** Which of them are noted as missing: no place had them. */
  async noted(digests: readonly Hash[]): Promise<boolean[]> {
    const notes = await this.#options.store.getMany(digests.map((digest) => this.keys.missingValue(digest)));
    return notes.map((note) => note !== undefined);
  }

  /** The next noted ones, in order. */
  async missing(after: Hash | undefined, atMost: number): Promise<Hash[]> {
    const { from: first, to } = this.keys.missingValues();
    const from = after === undefined ? first : concatBytes(this.keys.missingValue(after), Uint8Array.of(0));
    const digests: Hash[] = [];
    for await (const [key] of this.#options.store.range(from, to, { limit: atMost, keysOnly: true }))
      digests.push(key.slice(first.length));
    return digests;
  }

  /** How many are noted; counts no further than `atMost`. */
  async countMissing(atMost: number): Promise<number> {
    const { from, to } = this.keys.missingValues();
    let count = 0;
    for await (const _ of this.#options.store.range(from, to, { limit: atMost, keysOnly: true })) count++;
    return count;
  }

  /** These values came by another way. */
  async forgetMissing(digests: readonly Hash[]): Promise<void> {
    await this.#options.store.write(digests.map((digest) => [this.keys.missingValue(digest), undefined]));
  }

  /**
   * Stores values that were checked, and notes those that are missing; `valued` as in the state.
   */
  async keepValues(
    digests: readonly Hash[],
    values: readonly (Uint8Array | undefined)[],
    valued: number,
  ): Promise<void> {
    await this.settle();
    const changes: Change[] = [];
    for (const [i, digest] of digests.entries()) {
      const value = values[i];
      const noted = this.keys.missingValue(digest);
      if (value === undefined) changes.push([noted, NOTHING]);
      else {
        changes.push([privateValueKey(digest), value], [noted, undefined]);
        this.#options.values.add(digest);
      }
    }
    const state = { ...this.#state, valued: Math.max(valued, this.#state.valued) };
    changes.push([this.keys.mirrorState, encodeMirrorState(state)]);
    try {
      await this.#options.store.write(changes);
    } catch (error) {
      this.#drop();
      throw nodeErrorOf(error, `log ${this.info.id}: its copy`);
    }
    this.#state = state;
    this.#planned = state;
  }

  /** Resolves when all that was appended is durable. Throws what the store threw. */
  async settle(): Promise<void> {
    const writing = this.#writing;
    this.#writing = Promise.resolve();
    try {
      await writing;
    } catch (error) {
      throw nodeErrorOf(error, `log ${this.info.id}: its copy`);
    }
    // The large caches were for copying.
    if (this.#trees?.large) {
      this.#drop();
      await this.#ready(false);
    }
  }

  async #appended(append: TreeAppend, chunk: Chunk, target: LogHead, prove: ProvePrefix): Promise<TreeAppended> {
    try {
      return await appendToTrees(append, this.#options.store);
    } catch (error) {
      if (!(error instanceof SparseMapError && error.code === "path_exists")) throw error;
      const { key, entries } = await this.#findTwice(append, chunk);
      // Whose fault it is shows only now: anybody can make up an entry that was there before.
      for (const { leaf } of append.entries) append.trees.log.append(leaf);
      await checkLog(append.trees, target, prove);
      const [first, second] = entries.map(({ index }) => index);
      const text = `its log has one key twice, as entries ${first} and ${second}: a key is written once`;
      throw new LieError(text, { kind: "key_twice", key, entries });
    }
  }

  async #findTwice(
    { trees, entries }: TreeAppend,
    chunk: Chunk,
  ): Promise<{ key: Uint8Array; entries: readonly [EntryAt, EntryAt] }> {
    const seen = new Map<string, EntryAt>();
    const known = await resolveNeeds(trees.map.locate(entries.map(({ path }) => path)), this.#options.store);
    for (const [i, { key, path, digest }] of entries.entries()) {
      const entry = { digest, index: chunk.first + i };
      const index = known[i];
      const first = index === undefined ? seen.get(toHex(path)) : await this.#entryAt(index);
      if (first !== undefined) return { key, entries: [first, entry] };
      seen.set(toHex(path), entry);
    }
    throw new NodeError("corrupt", `log ${this.info.id}: the map of its copy has a leaf that no entry made`);
  }

  async #entryAt(index: number): Promise<EntryAt & { readonly key: Uint8Array }> {
    const [{ key, valueDigest }] = (await this.stored(index, index)) as [LogEntry];
    return { key, digest: valueDigest, index };
  }

  /** The map in memory, which is of no other use any more, and the entries that are not stored. */
  #mapOf(trees: Trees, at: MapVersion, chunk: Chunk, entries: readonly NewEntry[]): LieError["lie"] {
    const { store } = this.#options;
    return {
      kind: "map",
      async ours(path) {
        const answer = await resolveNeeds(trees.map.prove(path, at), store);
        return answer.kind === "beside" ? answer.unfinished : answer.proof;
      },
      keysBelow: async (path, bits) => {
        const { from, to } = claimsBetween(path, bits);
        for await (const [key, value] of store.range(from, to))
          if (serialOfClaim(key) === this.keys.serial) return this.#entryAt(decodeClaim(value, key).index);
        const i = entries.findIndex((entry) => sharesBits(entry.path, path, bits));
        return i < 0 ? undefined : { key: entries[i]!.key, digest: entries[i]!.digest, index: chunk.first + i };
      },
    };
  }

  /** Map versions before `oldest`, which the batch does without. */
  async #retire(trees: Trees, oldest: number): Promise<RecordChange[]> {
    const versions = Array.from({ length: oldest - this.#planned.oldest }, (_, i) => this.#planned.oldest + i);
    return resolveNeeds(trees.map.retire(versions), this.#options.store);
  }

  #pushOwn(changes: Change[], chunk: Chunk, entries: readonly NewEntry[], state: MirrorState): void {
    const firstSeen = this.#options.clock.now();
    const { serial } = this.keys;
    for (const [i, { path, digest }] of entries.entries()) {
      const { value } = chunk.entries[i]!;
      if (value === "absent") changes.push([this.keys.missingValue(digest), NOTHING]);
      else if (value !== undefined) {
        changes.push([privateValueKey(digest), value]);
        this.#options.values.add(digest);
      }
      changes.push(claimChange(path, serial, { digest, index: chunk.first + i, firstSeen }));
    }
    changes.push([this.keys.mirrorState, encodeMirrorState(state)]);
  }

  async #write(trees: Trees, changes: readonly Change[], state: MirrorState, store: Store): Promise<void> {
    try {
      await store.write(changes);
    } catch (error) {
      // Nobody knows what the store holds: what was computed from it is dropped, and read again.
      this.#drop();
      throw error;
    }
    const isNewHead = state.served !== this.#state.served;
    this.#state = state;
    if (state.map !== undefined) trees.map.committed(state.map.version);
    if (!isNewHead) return;
    this.#publish(trees);
    this.#options.onServed?.(state.served!.head);
  }

  #publish(trees: Trees): void {
    const { served, oldest } = this.#state;
    if (served !== undefined) this.published.publish({ ...served, tree: trees.map, oldest });
  }

  #drop(): void {
    this.#trees = undefined;
  }

  /** The trees as stored, or as the batch that is being written will have them. */
  async #ready(large: boolean): Promise<Trees> {
    if (this.#trees !== undefined && (this.#trees.large || !large)) return this.#trees;
    await this.#writing.catch(() => {});
    this.#writing = Promise.resolve();
    const { store, crypto } = this.#options;
    const { keys } = this;
    const [record] = await store.getMany([keys.mirrorState]);
    const state = record === undefined ? NOTHING_MIRRORED : decodeMirrorState(record, keys.mirrorState);
    const log = await resolveNeeds(LogTree.open(crypto, keys.logTiles, state.entries), store);
    const options = { ...(large ? COPYING : SERVING), ...this.#options.map };
    const map = await resolveNeeds(SparseMap.open(crypto, keys.map, state.map, options), store);
    const held = state.entries % BUNDLE_ENTRIES;
    const bundle = Math.floor(state.entries / BUNDLE_ENTRIES);
    const [lastBundle] = held === 0 ? [undefined] : await store.getMany([keys.bundle(bundle)]);
    // A batch that was said to have failed may be stored.
    const isNewHead = state.served?.head.treeSize !== this.#state.served?.head.treeSize;
    this.#state = state;
    this.#planned = state;
    this.#trees = { log, map, lastBundle, large };
    this.#publish(this.#trees);
    if (isNewHead) this.#options.onServed?.(state.served!.head);
    return this.#trees;
  }
}

/** Whether the tree is the target's, or a beginning of it. Throws `ForeignEntriesError`, and what `prove` throws. */
async function checkLog({ log }: Pick<Trees, "log">, target: LogHead, prove: ProvePrefix): Promise<void> {
  if (log.size !== target.treeSize) return prove(log.size, log.root());
  if (!equalBytes(log.root(), target.logRoot))
    throw new ForeignEntriesError(`its ${log.size} entries do not make the log root of the signed head`);
}

function sharesBits(a: Hash, b: Hash, bits: number): boolean {
  for (let bit = 0; bit < bits; bit++) if (((a[bit >> 3]! ^ b[bit >> 3]!) & (128 >> (bit & 7))) !== 0) return false;
  return true;
}

/** With the hashes that a tree needs; leaf hashes were recomputed when the entries came. */
function newEntries(crypto: Crypto, { entries }: Chunk): NewEntry[] {
  const paths = Buffer.allocUnsafeSlow(entries.length * 32);
  const plain = new Uint8Array(paths.buffer);
  return entries.map(({ key, valueDigest, leafDigest }, i) => {
    crypto.sha256Into(key, paths, i * 32);
    return { key, digest: valueDigest, leaf: leafDigest, path: plain.subarray(i * 32, i * 32 + 32) };
  });
}
