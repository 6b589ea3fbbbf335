/**
 * The value of a decision, asked for as soon as the first log claims one: most often all agree, and then the value is
 * there with the last vote. It decides nothing; it only saves a round trip.
 */
import { equalBytes } from "@trustix/crypto";
import type { Decided } from "@trustix/decider";
import type { Hash, Vote } from "@trustix/protocol";
import type { Clock } from "../model.ts";
import type { ValueSource } from "./value-source.ts";

/** Milliseconds that the first claimant may take once all have voted, before the others are asked as well. */
const HEDGE_MS = 250;

const OVER = "the value is not needed any more";

export class EarlyValue {
  readonly #source: ValueSource;
  readonly #stop = new AbortController();
  #begun: { readonly digest: Hash; readonly value: Promise<Uint8Array | undefined> } | undefined;
  #open = 0;

  constructor(source: ValueSource) {
    this.#source = source;
  }

  /** Tell it every vote as it comes. */
  sawVote({ digest, logId }: Vote): void {
    if (digest !== undefined && this.#begun === undefined) {
      this.#begun = { digest, value: this.#fetch(digest, [logId]) };
    }
  }

  /** The decided value; `undefined` when nobody delivers it within `limitMs`. Never rejects. */
  of({ digest, logIds }: Decided, clock: Clock, limitMs: number): Promise<Uint8Array | undefined> {
    const begun = this.#begun !== undefined && equalBytes(this.#begun.digest, digest) ? this.#begun : undefined;
    return new Promise((resolve) => {
      let isLast = false;
      const askAll = (): void => {
        if (isLast) return;
        isLast = true;
        void this.#fetch(digest, logIds).then(finish);
      };
      const limit = clock.after(limitMs, () => finish(undefined));
      const hedge = begun && clock.after(HEDGE_MS, askAll);
      const finish = (value: Uint8Array | undefined): void => {
        limit.cancel();
        hedge?.cancel();
        resolve(value);
      };
      if (begun === undefined) askAll();
      else void begun.value.then((value) => (value === undefined ? askAll() : finish(value)));
    });
  }

  /** Gives up what is still under way. */
  end(): void {
    if (this.#open > 0) this.#stop.abort(OVER);
  }

  async #fetch(digest: Hash, claimants: Decided["logIds"]): Promise<Uint8Array | undefined> {
    this.#open++;
    try {
      return await this.#source.get(digest, claimants, this.#stop.signal);
    } catch {
      return undefined;
    } finally {
      this.#open--;
    }
  }
}
