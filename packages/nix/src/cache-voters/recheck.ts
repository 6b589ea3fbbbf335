/**
 * Asking again, in the background, for what is remembered: a few at a time, of what decisions still ask for, and no more
 * than may wait. What does not fit is dropped: the next decision about it brings it back.
 */
import type { StorePath } from "@trustix/nix-formats";
import type { LogId } from "@trustix/protocol";
import { BytesLru } from "../bytes-lru.ts";
import type { Clock } from "../clock.ts";

export interface RecheckOptions {
  readonly clock: Clock;
  /** Asks once more; resolves with whether anybody answered. Must not reject. */
  readonly ask: (voter: LogId, path: StorePath) => Promise<boolean>;
}

const MAX_WAITING = 5000;
const AT_ONCE = 2;
/** Milliseconds that each of these pauses between two questions. */
const PAUSE_MS = 50;
/** Milliseconds before a cache that did not answer is asked for the same path again. */
const RETRY_MS = 600_000;
const TRIED_BYTES = 2 << 20;

export class Recheck {
  readonly #options: RecheckOptions;
  readonly #waiting = new Map<string, readonly [LogId, StorePath]>();
  readonly #tried = new BytesLru<number>(TRIED_BYTES);
  readonly #timers = new Set<{ cancel(): void }>();
  readonly #asking = new Set<Promise<boolean>>();
  #running = 0;
  #closed = false;

  constructor(options: RecheckOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  add(voter: LogId, path: StorePath): void {
    const name = `${voter} ${path}`;
    const isTried = (this.#tried.get(name) ?? 0) > this.#options.clock.now();
    if (this.#closed || isTried || this.#waiting.has(name) || this.#waiting.size >= MAX_WAITING) return;
    this.#waiting.set(name, [voter, path]);
    if (this.#running < AT_ONCE) void this.#run();
  }

  /** Resolves when no question is under way any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    for (const timer of this.#timers) timer.cancel();
    await Promise.all(this.#asking);
  }

  async #run(): Promise<void> {
    this.#running++;
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      const [name, [voter, path]] = next;
      // Also while it is being asked for: whoever wants it meanwhile need not queue it again.
      this.#tried.set(name, this.#options.clock.now() + RETRY_MS, 8);
      const asking = this.#options.ask(voter, path);
      this.#asking.add(asking);
      if (await asking) this.#tried.delete(name);
      this.#asking.delete(asking);
      if (this.#closed) break;
      await this.#pause();
    }
    this.#running--;
  }

  #take(): [string, readonly [LogId, StorePath]] | undefined {
    const next = this.#waiting.entries().next().value;
    if (next !== undefined) this.#waiting.delete(next[0]);
    return next;
  }

  /** Never ends after `close`: then nothing is to be done any more. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(PAUSE_MS, () => {
        this.#timers.delete(timer);
        resolve();
      });
      this.#timers.add(timer);
    });
  }
}
