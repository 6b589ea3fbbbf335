/**
 * One go at the spool: every item that waits is judged, submitted with others, and removed, or set aside. Items that
 * cannot even be read or moved now are passed over and looked at again in the next go.
 */
import type { Claim } from "../claim.ts";
import { judgeItem } from "./judge-item.ts";
import { codeOf, listItems, messageOf, readItem, removeItem, setAside } from "./spool-folder.ts";
import type { DrainReport, SpoolOptions } from "./spool-options.ts";

const BATCH_CLAIMS = 500;
const BATCH_BYTES = 512 * 1024;

interface Pending {
  readonly name: string;
  readonly claims: readonly Claim[];
}

/** Items that are submitted in one call. */
class Batch {
  #pending: Pending[] = [];
  #claims = 0;
  #bytes = 0;

  /** Whether these claims can go along. Alone, any can: what is too large for the node is for the node to say. */
  fits(claims: readonly Claim[]): boolean {
    if (this.#pending.length === 0) return true;
    return this.#claims + claims.length <= BATCH_CLAIMS && this.#bytes + bytesOf(claims) <= BATCH_BYTES;
  }

  add(pending: Pending): void {
    this.#pending.push(pending);
    this.#claims += pending.claims.length;
    this.#bytes += bytesOf(pending.claims);
  }

  /** What is in it; it is empty then. */
  take(): readonly Pending[] {
    const pending = this.#pending;
    this.#pending = [];
    this.#claims = this.#bytes = 0;
    return pending;
  }
}

function bytesOf(claims: readonly Claim[]): number {
  return claims.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
}

/** Used once. */
export class DrainPass {
  readonly #options: SpoolOptions;
  readonly #signal: AbortSignal;
  readonly #passedOver = new Set<string>();
  readonly #refused: string[] = [];
  #accepted = 0;
  #skipped = 0;
  #bad = 0;

  constructor(options: SpoolOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** Rejects with the submitter's error on an outage, and with the signal's reason. */
  async run(): Promise<DrainReport> {
    // Until a look finds nothing: hooks go on while we submit.
    for (;;) {
      const names = await listItems(this.#options.folder, this.#passedOver);
      if (names.length === 0) break;
      const batch = new Batch();
      for (const name of names) {
        this.#signal.throwIfAborted();
        const claims = await this.#claimsOf(name);
        if (claims === undefined) continue;
        if (!batch.fits(claims)) await this.#submit(batch.take());
        batch.add({ name, claims });
      }
      await this.#submit(batch.take());
    }
    return { accepted: this.#accepted, refused: this.#refused, skipped: this.#skipped, bad: this.#bad };
  }

  /** The claims of an item, or `undefined` when it is dealt with. */
  async #claimsOf(name: string): Promise<readonly Claim[] | undefined> {
    const { folder, filter, log } = this.#options;
    const bytes = await this.#read(name);
    if (bytes === undefined) return undefined;
    const verdict = judgeItem(bytes, filter);
    switch (verdict.kind) {
      case "bad":
        await this.#setAside(name, verdict.why);
        return undefined;
      case "skip":
        log.info({ derivation: verdict.drvPath }, `skipped: ${verdict.why}`);
        await removeItem(folder, name);
        this.#skipped++;
        return undefined;
      case "publish":
        for (const { path, why } of verdict.withheld) log.info({ path }, `not published: ${why}`);
        return verdict.claims;
    }
  }

  async #read(name: string): Promise<Uint8Array | undefined> {
    try {
      return await readItem(this.#options.folder, name);
    } catch (error) {
      if (error instanceof SyntaxError) await this.#setAside(name, error.message);
      // Too many open files, a failing disk: nothing that the item is to blame for.
      else if (codeOf(error) !== "ENOENT") this.#passOver(name, `cannot be read now: ${messageOf(error)}`);
      return undefined;
    }
  }

  async #submit(batch: readonly Pending[]): Promise<void> {
    if (batch.length === 0) return;
    const { folder, submit, log } = this.#options;
    const claims = batch.flatMap((pending) => pending.claims);
    const outcome = await submit(claims, this.#signal);
    if (outcome.state === "invalid") {
      if (batch.length === 1) await this.#setAside(batch[0]!.name, `the node will not take it: ${outcome.why}`);
      else for (const pending of batch) await this.#submit([pending]);
      return;
    }
    const paths = outcome.refused.map((key) => Buffer.from(key).toString());
    for (const path of paths) log.warn({ path }, "dropped: the log already holds another value for this path");
    // Only now: the node has it for good.
    for (const { name } of batch) await removeItem(folder, name);
    this.#refused.push(...paths);
    this.#accepted += claims.length - paths.length;
  }

  async #setAside(name: string, why: string): Promise<void> {
    const { folder, log } = this.#options;
    this.#bad++;
    log.warn({ item: name }, `set aside in bad/: ${why}`);
    try {
      await setAside(folder, name, why);
    } catch (error) {
      this.#passOver(name, `cannot be moved to bad/: ${messageOf(error)}`);
    }
  }

  #passOver(name: string, why: string): void {
    this.#passedOver.add(name);
    this.#options.log.warn({ item: name }, `left alone for now: ${why}`);
  }
}
