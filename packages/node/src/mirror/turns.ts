/** A few at a time: whoever holds a turn is told when its time is over and others wait. */
import type { Clock } from "../model.ts";

export interface Turn {
  /** Whether it should be given back. */
  isOver(): boolean;
  end(): void;
}

export class Turns {
  readonly #clock: Clock;
  readonly #lastsMs: number;
  readonly #waiting: ((turn: Turn) => void)[] = [];
  #free: number;

  constructor(atOnce: number, lastsMs: number, clock: Clock) {
    this.#free = atOnce;
    this.#lastsMs = lastsMs;
    this.#clock = clock;
  }

  /** In the order of asking. */
  take(): Promise<Turn> {
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve(this.#turn());
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #turn(): Turn {
    const until = this.#clock.now() + this.#lastsMs;
    let ended = false;
    return {
      isOver: () => this.#waiting.length > 0 && this.#clock.now() >= until,
      end: () => {
        if (ended) return;
        ended = true;
        const next = this.#waiting.shift();
        if (next === undefined) this.#free++;
        else next(this.#turn());
      },
    };
  }
}
