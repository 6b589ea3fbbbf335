/**
 * A place to ask: its transport, when it is asked for heads next, and a breaker for one that lets its callers wait.
 *
 * Polls of a remote that fails come sooner than the interval at first, then ever later. The breaker is for votes: a
 * remote that did not answer in time is left alone for a while, so that it costs one decision its budget and not all.
 */
import type { RpcTransport } from "@trustix/client";
import type { Clock } from "../model.ts";

const FIRST_RETRY_MS = 1_000;
/** A failing remote is asked at least this often, however short the interval. */
const LONGEST_RETRY_MS = 60_000;
const BREAKER_MS = 10_000;
const LONGEST_BREAKER_MS = 60_000;
/** Failures faster than this cost nobody anything: the breaker stays shut. */
const SLOW_MS = 1_000;
const JITTER = 0.1;

export class Remote {
  readonly transport: RpcTransport;
  readonly #clock: Clock;
  #failedPolls = 0;
  #slowCalls = 0;
  #leftAloneUntil = 0;

  constructor(transport: RpcTransport, clock: Clock) {
    this.transport = transport;
    this.#clock = clock;
  }

  get url(): string {
    return this.transport.url;
  }

  /** Milliseconds until the next poll, after one that reached the remote or not. `random` is in 0..1. */
  nextPoll(reached: boolean, intervalMs: number, random: number): number {
    this.#failedPolls = reached ? 0 : this.#failedPolls + 1;
    const longest = Math.max(intervalMs, LONGEST_RETRY_MS);
    const delay = reached ? intervalMs : Math.min(longest, FIRST_RETRY_MS * 2 ** Math.min(this.#failedPolls - 1, 30));
    return Math.round(delay * (1 + JITTER * (2 * random - 1)));
  }

  /** Milliseconds that it is left alone for; 0: ask it. */
  get leftAloneMs(): number {
    return Math.max(0, this.#leftAloneUntil - this.#clock.now());
  }

  /** Tells how a call of a vote went. `tookMs` of a call that was given up is how long it was waited for. */
  noteCall(reached: boolean, tookMs: number): void {
    if (reached) {
      this.#slowCalls = 0;
      this.#leftAloneUntil = 0;
    } else if (tookMs >= SLOW_MS) {
      this.#slowCalls++;
      const pause = Math.min(LONGEST_BREAKER_MS, BREAKER_MS * 2 ** Math.min(this.#slowCalls - 1, 10));
      this.#leftAloneUntil = this.#clock.now() + pause;
    }
  }
}
