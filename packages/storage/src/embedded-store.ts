/**
 * The contract over LevelDB, in a folder of its own. One process at a time: the engine's lock arbitrates.
 *
 * Always holds: one `write` is one synced engine batch; batches reach the engine one after the other in the order of
 * the calls; after a batch failed, those called before its failure was known fail too and reach nothing, and the engine
 * is opened afresh before it is used again. LevelDB goes on appending to its log after a failed append (a full disk,
 * say), where its recovery may not find what follows the torn record: only a fresh log is safe.
 */
import { chmod, mkdir } from "node:fs/promises";
import { type ChainedBatch, ClassicLevel } from "classic-level";
import { checkBatch, checkKey } from "./check-batch.ts";
import { type Change, type Entry, type RangeOptions, type Snapshot, StorageError, type Store } from "./contract.ts";
import { describeOwner, forgetOwner, nameOwner } from "./folder-lock.ts";
import { holdsDatabase } from "./whole-database.ts";

export interface EmbeddedOptions {
  /** Bytes of the engine's block cache; 64 MiB unless given. */
  readonly cacheBytes?: number;
  /**
   * Bytes collected in memory (and in the engine's log) before they become a sorted file; 8 MiB unless given. More
   * measured worse for flushes of a log (writes, reads, the time to open), and better for copies, which come in batches
   * of megabytes.
   */
  readonly writeBufferBytes?: number;
  /** For whoever only reads: no store is made, and `missing` is thrown where there is none. */
  readonly mustExist?: boolean;
}

/** A store on disk. */
export interface EmbeddedStore extends Store {
  /** Rewrites everything densely. Takes long; only worth it before measuring or copying the folder. */
  compact(): Promise<void>;
}

type Engine = ClassicLevel<Uint8Array, Uint8Array>;
type Prepared = ChainedBatch<Engine, Uint8Array, Uint8Array>;
type EngineSnapshot = ReturnType<Engine["snapshot"]>;

/** Reads between two looks at the event loop: 128 reads of the engine take about half a millisecond. */
const READS_A_TURN = 128;
/** Entries fetched from the engine at once while ranging. */
const RANGE_ENTRIES = 256;
const RANGE_BYTES = 1 << 18;
const EMPTY = new Uint8Array(0);

/**
 * Opens (or makes) the store in `folder`, which becomes readable by its owner only. Throws `StorageError`: `locked`
 * when a process holds it, `corrupt` when its files are not a whole store (they stay as they are), `io` for all else.
 */
export async function openEmbeddedStore(folder: string, options: EmbeddedOptions = {}): Promise<EmbeddedStore> {
  const store = new LevelStore(folder, options);
  await store.open();
  return store;
}

class LevelStore implements EmbeddedStore {
  readonly #folder: string;
  readonly #options: EmbeddedOptions;
  #engine: Engine | undefined;
  /** Once it was open, a folder without a store has lost it. */
  #mustExist: boolean;
  /** Settles when every write called so far has: the next one waits for it. Never rejects. */
  #lastWrite: Promise<void> = Promise.resolve();
  /** Counts failures: a write that was called under another number must not run. */
  #generation = 0;
  #reopening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(folder: string, options: EmbeddedOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#mustExist = options.mustExist ?? false;
  }

  async open(): Promise<void> {
    const isNew = !(await holdsDatabase(this.#folder));
    if (isNew && this.#mustExist) throw new StorageError("missing", `there is no store in ${this.#folder}`);
    await makeOwn(this.#folder);
    const engine: Engine = new ClassicLevel(this.#folder, {
      keyEncoding: "view",
      valueEncoding: "view",
      createIfMissing: isNew,
      // Nearly all that is stored are hashes, which do not compress.
      compression: false,
      cacheSize: this.#options.cacheBytes ?? 64 << 20,
      writeBufferSize: this.#options.writeBufferBytes ?? 8 << 20,
    });
    try {
      await engine.open();
    } catch (error) {
      throw this.#openError(error);
    }
    try {
      nameOwner(this.#folder);
    } catch (cause) {
      await engine.close();
      throw new StorageError("io", `state folder ${this.#folder}: ${(cause as Error).message}`, { cause });
    }
    this.#engine = engine;
    this.#mustExist = true;
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const engine = this.#ready() ?? (await this.#reopened());
    if (keys.length <= READS_A_TURN) return this.#reading(() => keys.map((key) => getOne(engine, key, undefined)));
    // Others run between the turns, and all answers must be of one moment.
    const snapshot = engine.snapshot();
    try {
      return await this.#getInTurns(engine, keys, snapshot);
    } finally {
      await snapshot.close();
    }
  }

  async *range(from: Uint8Array, to: Uint8Array, options?: RangeOptions): AsyncGenerator<Entry> {
    yield* this.#range(this.#ready() ?? (await this.#reopened()), from, to, options, undefined);
  }

  write(batch: readonly Change[]): Promise<void> {
    try {
      checkBatch(batch);
      if (this.#closing) throw this.#closedError();
      if (batch.length === 0) return Promise.resolve();
      // The bytes are taken over before this returns: by the engine, or by copying while it is being reopened.
      const prepared = this.#engine ? prepare(this.#engine, batch) : batch.map(copyOf);
      const done = this.#writeInTurn(prepared, this.#generation);
      this.#lastWrite = done.catch(() => {});
      return done;
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  async #writeInTurn(prepared: Prepared | Change[], generation: number): Promise<void> {
    await this.#lastWrite;
    if (generation !== this.#generation) {
      // The engine it was prepared for is gone, and the prepared batch with it.
      throw new StorageError("io", `state folder ${this.#folder}: an earlier write failed, this one was not tried`);
    }
    const engine = this.#engine ?? (await this.#reopened());
    const ready = Array.isArray(prepared) ? prepare(engine, prepared) : prepared;
    try {
      await ready.write({ sync: true });
    } catch (error) {
      this.#generation++;
      this.#engine = undefined;
      this.#reopening = this.#reopen(engine);
      // Whoever uses the store next gets the failure; nobody may be waiting for it now.
      this.#reopening.catch(() => {});
      throw this.#ioError(error);
    }
  }

  snapshot(): Snapshot {
    const engine = this.#ready();
    if (!engine)
      throw new StorageError("io", `state folder ${this.#folder}: a write failed, the engine is being reopened`);
    const held = engine.snapshot();
    return {
      getMany: (keys) => this.#getInTurns(engine, keys, held),
      range: (from, to, options) => this.#range(engine, from, to, options, held),
      close: () => held.close(),
    };
  }

  async compact(): Promise<void> {
    const engine = this.#ready() ?? (await this.#reopened());
    await engine.compactRange(EMPTY, new Uint8Array(64).fill(255));
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeOnce();
    return this.#closing;
  }

  async #closeOnce(): Promise<void> {
    await this.#lastWrite;
    await this.#reopening?.catch(() => {});
    if (!this.#engine) return;
    forgetOwner(this.#folder);
    await this.#engine.close();
  }

  /** The engine, or `undefined` when it must be waited for. Throws `closed`. */
  #ready(): Engine | undefined {
    if (this.#closing) throw this.#closedError();
    return this.#engine;
  }

  async #reopened(): Promise<Engine> {
    const pending = this.#reopening;
    try {
      await pending;
    } catch {
      // It failed (the disk is still full): whoever comes first tries again, the others wait for that.
      if (this.#reopening === pending) this.#reopening = this.open();
      await this.#reopening;
    }
    if (this.#closing) throw this.#closedError();
    if (!this.#engine) throw new StorageError("io", `state folder ${this.#folder}: the engine is not open`);
    return this.#engine;
  }

  async #reopen(engine: Engine): Promise<void> {
    await engine.close();
    await this.open();
  }

  async #getInTurns(
    engine: Engine,
    keys: readonly Uint8Array[],
    snapshot: EngineSnapshot,
  ): Promise<(Uint8Array | undefined)[]> {
    if (this.#closing) throw this.#closedError();
    const values: (Uint8Array | undefined)[] = [];
    for (let at = 0; at < keys.length; at += READS_A_TURN) {
      if (at > 0) await new Promise((resolve) => setImmediate(resolve));
      this.#reading(() => {
        for (const key of keys.slice(at, at + READS_A_TURN)) values.push(getOne(engine, key, snapshot));
      });
    }
    return values;
  }

  async *#range(
    engine: Engine,
    from: Uint8Array,
    to: Uint8Array,
    options: RangeOptions = {},
    snapshot: EngineSnapshot | undefined,
  ): AsyncGenerator<Entry> {
    if (this.#closing) throw this.#closedError();
    const { limit = -1, reverse = false, keysOnly = false } = options;
    try {
      const iterator = engine.iterator({
        gte: from,
        lt: to,
        limit,
        reverse,
        values: !keysOnly,
        highWaterMarkBytes: RANGE_BYTES,
        ...(snapshot ? { snapshot } : {}),
      });
      try {
        for (;;) {
          const entries = await iterator.nextv(RANGE_ENTRIES);
          if (entries.length === 0) return;
          for (const [key, value] of entries) yield [plain(key), keysOnly ? EMPTY : plain(value)];
        }
      } finally {
        await iterator.close();
      }
    } catch (error) {
      throw this.#readError(error);
    }
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#readError(error);
    }
  }

  #readError(error: unknown): unknown {
    if (error instanceof StorageError || error instanceof RangeError) return error;
    if (this.#closing) return this.#closedError();
    if (codeOf(error) === "LEVEL_SNAPSHOT_NOT_OPEN") return new StorageError("closed", "the snapshot was closed");
    return this.#ioError(error);
  }

  #ioError(error: unknown): StorageError {
    const code = codeOf(error) === "LEVEL_CORRUPTION" ? "corrupt" : "io";
    return new StorageError(code, `state folder ${this.#folder}: ${messageOf(error)}`, { cause: error });
  }

  #openError(error: unknown): StorageError {
    if (codeOf(error) !== "LEVEL_LOCKED") return this.#ioError(error);
    const holder = describeOwner(this.#folder);
    return new StorageError("locked", `state folder ${this.#folder} is in use by ${holder}`, { cause: error });
  }

  #closedError(): StorageError {
    return new StorageError("closed", `the store in ${this.#folder} was closed`);
  }
}

async function makeOwn(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
  } catch (cause) {
    throw new StorageError("io", `state folder ${folder}: ${(cause as Error).message}`, { cause });
  }
}

function getOne(engine: Engine, key: Uint8Array, snapshot: EngineSnapshot | undefined): Uint8Array | undefined {
  checkKey(key);
  const value = snapshot ? engine.getSync(key, { snapshot }) : engine.getSync(key);
  return value && plain(value);
}

/**
 * Hands the bytes to the engine. Change by change costs 0.9 us each, an array of operations 2.5 us (Node 24, measured):
 * the engine's binding takes objects apart slowly.
 */
function prepare(engine: Engine, batch: readonly Change[]): Prepared {
  const prepared = engine.batch();
  for (const [key, value] of batch) {
    if (value === undefined) prepared.del(key);
    else prepared.put(key, value);
  }
  return prepared;
}

/** The engine gives Buffers. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function copyOf([key, value]: Change): Change {
  return [new Uint8Array(key), value && new Uint8Array(value)];
}

/** The engine wraps what went wrong: the innermost code says it. */
function codeOf(error: unknown): string | undefined {
  const { code, cause } = error as { code?: string; cause?: unknown };
  return cause === undefined ? code : (codeOf(cause) ?? code);
}

function messageOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause === undefined ? message : `${message}: ${messageOf(cause)}`;
}
