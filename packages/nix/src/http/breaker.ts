/**
 * Leaves an upstream alone after it failed, so that it costs its budget once and not with every request. While it rests,
 * requests are told so at once; when the rest is over, one probe in the background decides, never a client's request.
 *
 *     working --(no answer, or 3 failures in a row)--> resting --(rest over, a request comes)--> probing
 *     probing --(answered)--> working      probing --(failed)--> resting, twice as long, up to 16 times
 */
import type { Clock } from "../clock.ts";

export type BreakerState = "working" | "resting" | "probing";

/** `silence`: no connection or no answer in time, which costs clients time. `refusal`: a quick error. */
export type Failure = "silence" | "refusal";

const REFUSALS = 3;
const LONGEST = 16;

export class Breaker {
  #state: BreakerState = "working";
  #refusals = 0;
  #rest: number;
  #until = 0;
  readonly #firstRest: number;
  readonly #clock: Clock;
  readonly #probe: () => Promise<boolean>;
  readonly #changed: (state: BreakerState) => void;

  /** `probe` tells whether the upstream answers; it must not throw and must end within its budget. */
  constructor(options: {
    clock: Clock;
    rest: number;
    probe: () => Promise<boolean>;
    changed: (state: BreakerState) => void;
  }) {
    this.#clock = options.clock;
    this.#firstRest = options.rest;
    this.#rest = options.rest;
    this.#probe = options.probe;
    this.#changed = options.changed;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Whether to ask the upstream now. Starts the probe when the rest is over. */
  allows(): boolean {
    if (this.#state === "resting" && this.#clock.now() >= this.#until) void this.#startProbe();
    return this.#state === "working";
  }

  succeeded(): void {
    this.#refusals = 0;
    if (this.#state === "working") this.#rest = this.#firstRest;
  }

  failed(failure: Failure): void {
    if (this.#state !== "working") return;
    this.#refusals++;
    if (failure === "silence" || this.#refusals >= REFUSALS) this.#startRest();
  }

  #startRest(): void {
    this.#until = this.#clock.now() + this.#rest;
    this.#rest = Math.min(this.#rest * 2, this.#firstRest * LONGEST);
    this.#become("resting");
  }

  async #startProbe(): Promise<void> {
    this.#become("probing");
    const answers = await this.#probe();
    if (!answers) return this.#startRest();
    this.#refusals = 0;
    return this.#become("working");
  }

  #become(state: BreakerState): void {
    this.#state = state;
    this.#changed(state);
  }
}
