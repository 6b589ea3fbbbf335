/**
 * Decides a closure ahead: as soon as one path is served, its references are looked into, and theirs, because clients ask
 * for them next. Bounded in how many wait and how many are looked into at once; what does not fit is dropped, since the
 * client's own request does the same work.
 */
import { hashPartOf, type SignedFacts, type StorePath } from "@trustix/nix-formats";

export interface AheadOptions {
  /** Paths that may wait. */
  readonly queue: number;
  readonly atOnce: number;
  readonly isReady: (hashPart: string) => boolean;
  /** Must not reject. */
  readonly lookInto: (hashPart: string, path: StorePath) => Promise<unknown>;
}

export class Ahead {
  readonly #options: AheadOptions;
  readonly #waiting = new Set<StorePath>();
  #running = 0;
  #closed = false;

  constructor(options: AheadOptions) {
    this.#options = options;
  }

  /** Takes the references of a path. */
  follow(facts: SignedFacts): void {
    for (const reference of facts.references) {
      if (this.#waiting.size >= this.#options.queue) break;
      if (reference !== facts.storePath && !this.#options.isReady(hashPartOf(reference))) this.#waiting.add(reference);
    }
    while (this.#running < this.#options.atOnce && this.#startNext());
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
  }

  #startNext(): boolean {
    const next = this.#waiting.values().next();
    if (next.done === true || this.#closed) return false;
    this.#waiting.delete(next.value);
    this.#running++;
    void this.#run(next.value);
    return true;
  }

  async #run(path: StorePath): Promise<void> {
    const hashPart = hashPartOf(path);
    // What was asked for meanwhile is ready and its references wait already.
    if (!this.#options.isReady(hashPart)) await this.#options.lookInto(hashPart, path);
    this.#running--;
    this.#startNext();
  }
}
