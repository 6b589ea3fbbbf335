/**
 * When places are asked again. All that answered are asked together, every interval with jitter, so that what they show
 * can be compared; one that did not is asked alone, soon at first, then ever later, and joins the others once it is back.
 */
import type { Clock } from "./model.ts";

const FIRST_RETRY_MS = 1_000;
/** A failing place is asked at least this often, however short the interval. */
const LONGEST_RETRY_MS = 60_000;
const JITTER = 0.1;

export interface PollScheduleOptions<T> {
  readonly places: readonly T[];
  readonly clock: Clock;
  /** 0..1. */
  readonly random: () => number;
  readonly intervalMs: number;
  /** Asks these places and names those that answered. Never rejects. */
  readonly poll: (places: readonly T[]) => Promise<ReadonlySet<T>>;
}

export class PollSchedule<T> {
  readonly #options: PollScheduleOptions<T>;
  /** Asked again at the end of the interval. */
  readonly #next = new Set<T>();
  readonly #timers = new Set<{ cancel(): void }>();
  readonly #failures = new Map<T, number>();
  #roundComes = false;
  #closed = false;

  constructor(options: PollScheduleOptions<T>) {
    this.#options = options;
  }

  /** Asks all places and goes on from there; resolves after that first round. */
  async start(): Promise<void> {
    if (this.#options.places.length > 0) await this.#round(this.#options.places);
  }

  /** Nothing is begun afterwards; what is under way is left to whoever polls. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
  }

  async #round(places: readonly T[]): Promise<void> {
    const answered = await this.#options.poll(places);
    for (const place of places) {
      if (answered.has(place)) this.#joinNext(place);
      else this.#retry(place);
    }
  }

  #joinNext(place: T): void {
    this.#failures.delete(place);
    this.#next.add(place);
    if (this.#roundComes) return;
    this.#roundComes = true;
    this.#after(this.#options.intervalMs, () => {
      this.#roundComes = false;
      const places = [...this.#next];
      this.#next.clear();
      void this.#round(places);
    });
  }

  #retry(place: T): void {
    const failures = this.#failures.get(place) ?? 0;
    this.#failures.set(place, failures + 1);
    const longest = Math.max(this.#options.intervalMs, LONGEST_RETRY_MS);
    this.#after(Math.min(longest, FIRST_RETRY_MS * 2 ** Math.min(failures, 30)), () => void this.#round([place]));
  }

  #after(ms: number, call: () => void): void {
    if (this.#closed) return;
    const jittered = Math.round(ms * (1 + JITTER * (2 * this.#options.random() - 1)));
    const timer = this.#options.clock.after(jittered, () => {
      this.#timers.delete(timer);
      call();
    });
    this.#timers.add(timer);
  }
}
