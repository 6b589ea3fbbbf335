/**
 * Brings what caches claim into their local logs, and what of it counts into the claims table. Behind the votes, some at a
 * time: nobody waits for it. What it is told may be told again; each pass makes the table what it should be, so
 * that whatever was interrupted is mended by telling it once more.
 */
import { equalBytes, type Crypto } from "@trustix/crypto";
import type { Hash, LogId } from "@trustix/protocol";
import type { Change, Store } from "@trustix/storage";
import { claimChange, readClaims } from "../claims/claims.ts";
import { claimKey } from "../logs/keys.ts";
import type { Clock } from "../model.ts";
import type { LocalLog } from "./local-log.ts";

export interface Statement {
  readonly voter: LogId;
  readonly key: Uint8Array;
  /** H(key). */
  readonly path: Hash;
  /** Canonical. */
  readonly value: Uint8Array;
  readonly firstSeen: number;
  /** Whether it is a vote. */
  readonly counts: boolean;
}

export interface RecorderOptions {
  readonly crypto: Crypto;
  readonly store: Store;
  readonly clock: Clock;
  readonly logs: ReadonlyMap<LogId, LocalLog>;
  /** The claims table changed. */
  readonly onRecorded: () => void;
  readonly onFault: (error: unknown) => void;
}

/** A closure comes path by path: what comes within this time shares a head. */
const GATHER_MS = 500;
const MAX_AT_ONCE = 2000;
const MAX_WAITING = 50_000;
const RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;

export class ClaimRecorder {
  readonly #options: RecorderOptions;
  readonly #waiting = new Map<string, Statement>();
  #timer: { cancel(): void } | undefined;
  #running: Promise<void> | undefined;
  #failures = 0;
  #isWhole = true;
  #closed = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Whether everything it was told is in logs and table. */
  get isDone(): boolean {
    return this.#isWhole && this.#waiting.size === 0 && this.#running === undefined;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  record(statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (this.#waiting.size >= MAX_WAITING) {
        this.#isWhole = false;
        break;
      }
      const { voter, path } = statement;
      this.#waiting.set(`${voter} ${Buffer.from(path).toString("latin1")}`, statement);
    }
    this.#schedule(GATHER_MS);
  }

  /** Brings in what waits now. Never rejects: what went wrong is told, and tried again. */
  async settle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#waiting.size === 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#start();
  }

  /** Ends with the batch under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(ms: number): void {
    if (this.#closed || this.#timer !== undefined || this.#running !== undefined || this.#waiting.size === 0) return;
    this.#timer = this.#options.clock.after(ms, () => {
      this.#timer = undefined;
      void this.#start();
    });
  }

  #start(): Promise<void> {
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
      this.#schedule(this.#failures === 0 ? GATHER_MS : Math.min(RETRY_MS * 2 ** (this.#failures - 1), MAX_RETRY_MS));
    });
    return this.#running;
  }

  async #runAll(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#closed) {
      const batch = [...this.#waiting].slice(0, MAX_AT_ONCE);
      try {
        await this.#bring(batch.map(([, statement]) => statement));
        // What was told of meanwhile is another statement, and stays.
        for (const [name, statement] of batch) if (this.#waiting.get(name) === statement) this.#waiting.delete(name);
        this.#failures = 0;
      } catch (error) {
        this.#failures++;
        this.#options.onFault(error);
        return;
      }
    }
  }

  async #bring(statements: readonly Statement[]): Promise<void> {
    const { store, logs, onRecorded } = this.#options;
    const changes: Change[] = [];
    for (const [voter, log] of logs) {
      const own = statements.filter((statement) => statement.voter === voter);
      if (own.length > 0) changes.push(...(await this.#bringTo(log, own)));
    }
    // If we stop before this, the logs have entries that the table lacks: what was said is judged again at the next start.
    if (changes.length > 0) await store.write(changes);
    if (changes.length > 0) onRecorded();
  }

  /** What of the claims table is not yet as it should be, once the log holds the statements. */
  async #bringTo(log: LocalLog, statements: readonly Statement[]): Promise<Change[]> {
    const { crypto, store } = this.#options;
    await log.publisher.submit(statements);
    await log.publisher.flush();
    const entries = await log.reader.claims(statements.map(({ path }) => path));
    const changes: Change[] = [];
    for (const [i, { path, value, firstSeen, counts }] of statements.entries()) {
      const entry = entries[i];
      const [stored] = await readClaims(store, path, [log.serial]);
      // A log holds the first value of a key. Where that is another one, nothing of it counts.
      const isLogged = entry !== undefined && equalBytes(entry.digest, crypto.sha256(value));
      if (!counts || !isLogged) {
        if (stored !== undefined) changes.push([claimKey(path, log.serial), undefined]);
      } else if (stored === undefined || stored.index !== entry.index || !equalBytes(stored.digest, entry.digest))
        changes.push(claimChange(path, log.serial, { ...entry, firstSeen }));
    }
    return changes;
  }
}
