/**
 * A place to ask: its transport, and a breaker for one that lets its callers wait. The breaker is for votes: a remote
 * that did not answer in time is left alone for a while, so that it costs one decision its budget and not all.
 */
import type { RpcTransport } from "@trustix/client";
import type { Clock } from "../model.ts";

const BREAKER_MS = 10_000;
const LONGEST_BREAKER_MS = 60_000;
/** Failures faster than this cost nobody anything: the breaker stays shut. */
const SLOW_MS = 1_000;

export class Remote {
  readonly transport: RpcTransport;
  readonly #clock: Clock;
  #slowCalls = 0;
  #leftAloneUntil = 0;

  constructor(transport: RpcTransport, clock: Clock) {
    this.transport = transport;
    this.#clock = clock;
  }

  get url(): string {
    return this.transport.url;
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
