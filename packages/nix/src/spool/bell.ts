/** How the worker waits between two goes. */
import type { SpoolClock } from "./spool-options.ts";

/** Waits for time, for a ring (also one that came before), or for the end. */
export class Bell {
  readonly #clock: SpoolClock;
  readonly #signal: AbortSignal;
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(clock: SpoolClock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  reset(): void {
    this.#rung = false;
  }

  /** With `byRing` false a ring is not heard: new items do not make a node that is away come back. */
  async wait(ms: number, byRing: boolean): Promise<void> {
    if (this.#signal.aborted || (byRing && this.#rung)) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(ms, done);
      const signal = this.#signal;
      function done(): void {
        timer.cancel();
        signal.removeEventListener("abort", done);
        resolve();
      }
      if (byRing) this.#wake = done;
      signal.addEventListener("abort", done, { once: true });
    });
    this.#wake = undefined;
  }
}
