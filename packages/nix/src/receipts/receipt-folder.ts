/**
 * Receipts of what was served, kept in a folder: one file a path, the last verdict that was served. Nobody waits for a
 * file: what cannot be written (a full disk, too much at once) is counted and said in the log, and answers go on.
 *
 *     <folder>/<base name of the store path>.receipt     0600, in a folder 0700; written aside, then renamed
 *
 * The same verdict is not written again, also after a restart. The oldest files go when all take more than `maxBytes`, and
 * each when it is older than `maxAgeMs`. No file is synced: after a power loss a damaged one is written anew when its path
 * is served again.
 */
import { toHex, type Crypto } from "@trustix/crypto";
import { readReceipt, RECEIPT_BOUNDS } from "@trustix/decider";
import { baseNameOf, type StorePath } from "@trustix/nix-formats";
import type { Clock } from "../clock.ts";
import { makeOwnFolder, readSmallFile, receiptFiles, removeFile, writeAside } from "./receipt-files.ts";

export interface MadeReceipt {
  /** The same text for the same verdict: the decided digest in hex, or `undecided`. */
  readonly verdict: string;
  readonly file: Uint8Array;
}

export interface KeptReceipt {
  readonly file: Uint8Array;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
}

/** `same`: its verdict was kept already. `dropped`: too much came at once. */
export const RECEIPT_RESULTS = ["written", "same", "failed", "dropped"] as const;
export type ReceiptResult = (typeof RECEIPT_RESULTS)[number];

export interface ReceiptStatus {
  readonly files: number;
  readonly bytes: number;
  /** Since the start. */
  readonly results: Readonly<Record<ReceiptResult, number>>;
  /** Why the last one could not be written; `undefined` when it could. */
  readonly why: string | undefined;
}

export interface ReceiptFolder {
  /** Returns at once; throws never. */
  keep(path: StorePath, receipt: MadeReceipt): void;
  /** The one that is kept of this path. */
  kept(path: StorePath): Promise<KeptReceipt | undefined>;
  status(): ReceiptStatus;
  /** Resolves when what was to be kept by then is written. */
  close(): Promise<void>;
}

export interface ReceiptFolderOptions {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
  /** Made if missing, with the folders above it. */
  readonly folder: string;
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  /** Whose the folder must be; `undefined` where there are no user ids. */
  readonly uid: number | undefined;
}

/** What may wait to be written: a client that asks for a whole system at once makes some thousand receipts. */
const MAX_WAITING_BYTES = 32 << 20;
const LOOK_AT_AGES = 3_600_000;
const WARN_AGAIN = 60_000;

interface Entry {
  readonly bytes: number;
  readonly writtenAt: number;
  /** `undefined`: not read since the start. */
  verdict: string | undefined;
}

/** The folder is looked at in the background. */
export function openReceiptFolder(options: ReceiptFolderOptions): ReceiptFolder {
  return new Folder(options);
}

class Folder implements ReceiptFolder {
  readonly #options: ReceiptFolderOptions;
  /** By file name, the one written longest ago first. */
  #entries = new Map<string, Entry>();
  #bytes = 0;
  #isLoaded = false;
  /** Jobs are serial. */
  #last: Promise<void>;
  #waitingBytes = 0;
  readonly #results: Record<ReceiptResult, number> = { written: 0, same: 0, failed: 0, dropped: 0 };
  #why: string | undefined;
  #warnedAt = Number.NEGATIVE_INFINITY;
  #timer: { cancel(): void };

  constructor(options: ReceiptFolderOptions) {
    this.#options = options;
    this.#last = this.#load().catch((error: unknown) => this.#failed(error));
    this.#timer = this.#lookAtAges();
  }

  keep(path: StorePath, receipt: MadeReceipt): void {
    const name = `${baseNameOf(path)}.receipt`;
    if (this.#isLoaded && this.#entries.get(name)?.verdict === receipt.verdict) return this.#count("same");
    if (this.#waitingBytes + receipt.file.length > MAX_WAITING_BYTES) return this.#count("dropped");
    this.#waitingBytes += receipt.file.length;
    this.#do(async () => {
      this.#waitingBytes -= receipt.file.length;
      await this.#keep(name, receipt);
    });
  }

  async kept(path: StorePath): Promise<KeptReceipt | undefined> {
    const read = await readSmallFile(this.#options.folder, `${baseNameOf(path)}.receipt`, RECEIPT_BOUNDS.bytes);
    return read && { file: read.bytes, writtenAt: read.writtenAt };
  }

  status(): ReceiptStatus {
    return { files: this.#entries.size, bytes: this.#bytes, results: { ...this.#results }, why: this.#why };
  }

  async close(): Promise<void> {
    this.#timer.cancel();
    await this.#last;
  }

  #do(job: () => Promise<void>): void {
    this.#last = this.#last.then(job).catch((error: unknown) => this.#failed(error));
  }

  async #keep(name: string, { verdict, file }: MadeReceipt): Promise<void> {
    const { folder, clock } = this.#options;
    if (!this.#isLoaded) await this.#load();
    const entry = this.#entries.get(name);
    if (entry !== undefined) entry.verdict ??= await this.#verdictIn(name);
    if (entry?.verdict === verdict) return this.#count("same");
    try {
      await writeAside(folder, name, file);
    } catch (error) {
      this.#isLoaded = false;
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // Somebody removed the folder.
      await this.#load();
      await writeAside(folder, name, file);
    }
    this.#set(name, { bytes: file.length, writtenAt: clock.now(), verdict });
    this.#count("written");
    this.#why = undefined;
    await this.#rotate();
    return undefined;
  }

  /** An empty text, which no verdict is, for a damaged file. */
  async #verdictIn(name: string): Promise<string> {
    const { crypto, folder } = this.#options;
    try {
      const read = await readSmallFile(folder, name, RECEIPT_BOUNDS.bytes);
      if (read === undefined) return "";
      const { verdict } = readReceipt(crypto, read.bytes).receipt;
      return verdict.decided ? toHex(verdict.digest) : "undecided";
    } catch {
      return "";
    }
  }

  async #load(): Promise<void> {
    const { folder, uid } = this.#options;
    await makeOwnFolder(folder, uid);
    const files = await receiptFiles(folder);
    const known = this.#entries;
    this.#entries = new Map();
    this.#bytes = 0;
    for (const { name, bytes, writtenAt } of files) {
      const before = known.get(name);
      const isSame = before?.bytes === bytes;
      this.#set(name, { bytes, writtenAt, verdict: isSame ? before.verdict : undefined });
    }
    this.#isLoaded = true;
    await this.#rotate();
  }

  #set(name: string, entry: Entry): void {
    this.#drop(name);
    this.#entries.set(name, entry);
    this.#bytes += entry.bytes;
  }

  #drop(name: string): void {
    this.#bytes -= this.#entries.get(name)?.bytes ?? 0;
    this.#entries.delete(name);
  }

  /** Removes what is too old, and the oldest of too much. */
  async #rotate(): Promise<void> {
    const { clock, folder, maxAgeMs, maxBytes } = this.#options;
    const oldest = clock.now() - maxAgeMs;
    for (const [name, { writtenAt }] of this.#entries) {
      if (this.#bytes <= maxBytes && writtenAt >= oldest) break;
      this.#drop(name);
      await removeFile(folder, name);
    }
  }

  #lookAtAges(): { cancel(): void } {
    return this.#options.clock.after(LOOK_AT_AGES, () => {
      this.#do(() => this.#rotate());
      this.#timer = this.#lookAtAges();
    });
  }

  #count(result: ReceiptResult): void {
    this.#results[result]++;
    if (result === "dropped") this.#warn("too many came at once");
  }

  #failed(error: unknown): void {
    this.#results.failed++;
    this.#why = error instanceof Error ? error.message : String(error);
    this.#warn(this.#why);
  }

  #warn(why: string): void {
    const { clock, folder, log } = this.#options;
    if (clock.now() - this.#warnedAt < WARN_AGAIN) return;
    this.#warnedAt = clock.now();
    const { failed, dropped } = this.#results;
    log.warn({ folder, failed, dropped, why }, `receipts are not kept, all else goes on: ${why}`);
  }
}
