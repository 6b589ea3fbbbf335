/**
 * The values behind the claims of one decision, asked for as soon as the first voter claims one: most often all agree,
 * and then the value is there with the last vote. It decides nothing; it only saves a round trip.
 */
import { toHex } from "@trustix/crypto";
import type { Hash, LogId, Vote } from "@trustix/protocol";
import type { Clock } from "../model.ts";
import type { ValueSource } from "./value-source.ts";

/** Milliseconds that the first claimant may take once all have voted, before the others are asked as well. */
const HEDGE_MS = 250;

const OVER = "the value is not needed any more";

interface Claimed {
  readonly digest: Hash;
  readonly claimants: LogId[];
  /** `undefined` as long as nobody looked. */
  readonly here: Promise<Uint8Array | undefined> | undefined;
  /** What is here, else as the first claimant delivers it; `undefined`: nobody was asked yet. */
  readonly early: Promise<Uint8Array | undefined> | undefined;
}

export class ClaimedValues {
  readonly #source: ValueSource;
  readonly #each: boolean;
  readonly #claimed = new Map<string, Claimed>();
  /** Made with the first question: most values are here. */
  #stop: AbortController | undefined;
  #open = 0;

  /** `each`: every claimed value will be wanted, not only the one that is decided on. */
  constructor(source: ValueSource, each: boolean) {
    this.#source = source;
    this.#each = each;
  }

  /** Tell it every vote as it comes. `value`: what is claimed, where that came with the claim, checked. */
  sawVote({ digest, logId }: Vote, value?: Uint8Array): void {
    if (digest === undefined) return;
    const name = toHex(digest);
    const known = this.#claimed.get(name);
    if (value !== undefined) {
      const claimants = [...(known?.claimants ?? []), logId];
      const here = Promise.resolve(value);
      return void this.#claimed.set(name, { digest, claimants, here, early: here });
    }
    if (known !== undefined) return void known.claimants.push(logId);
    const here = this.#each || this.#claimed.size === 0 ? this.#source.here(digest) : undefined;
    const early = here?.then((found) => found ?? this.#ask(digest, [logId]));
    this.#claimed.set(name, { digest, claimants: [logId], here, early });
  }

  /** A claimed value; `undefined` if nobody delivers it within `limitMs`. Never rejects. */
  async of(digest: Hash, clock: Clock, limitMs: number): Promise<Uint8Array | undefined> {
    const claimed = this.#claimed.get(toHex(digest));
    return claimed && this.#valueOf(claimed, clock, limitMs);
  }

  /** Every claimed value by the hex of its digest, those left out that nobody delivers within `limitMs`. Never rejects. */
  async all(clock: Clock, limitMs: number): Promise<ReadonlyMap<string, Uint8Array>> {
    const values = new Map<string, Uint8Array>();
    await Promise.all(
      [...this.#claimed].map(async ([name, claimed]) => {
        const value = await this.#valueOf(claimed, clock, limitMs);
        if (value !== undefined) values.set(name, value);
      }),
    );
    return values;
  }

  /** Gives up what is still under way. */
  end(): void {
    if (this.#open > 0) this.#stop?.abort(OVER);
  }

  async #valueOf(claimed: Claimed, clock: Clock, limitMs: number): Promise<Uint8Array | undefined> {
    return (await (claimed.here ?? this.#source.here(claimed.digest))) ?? this.#askedValue(claimed, clock, limitMs);
  }

  #askedValue({ digest, claimants, early }: Claimed, clock: Clock, limitMs: number): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      let isLast = false;
      const askAll = (): void => {
        if (isLast) return;
        isLast = true;
        void this.#ask(digest, claimants).then(finish);
      };
      const limit = clock.after(limitMs, () => finish(undefined));
      const hedge = early !== undefined && claimants.length > 1 ? clock.after(HEDGE_MS, askAll) : undefined;
      const finish = (value: Uint8Array | undefined): void => {
        limit.cancel();
        hedge?.cancel();
        resolve(value);
      };
      if (early === undefined) askAll();
      else void early.then((value) => (value === undefined && claimants.length > 1 ? askAll() : finish(value)));
    });
  }

  async #ask(digest: Hash, claimants: readonly LogId[]): Promise<Uint8Array | undefined> {
    this.#open++;
    this.#stop ??= new AbortController();
    try {
      return await this.#source.ask(digest, claimants, this.#stop.signal);
    } catch {
      return undefined;
    } finally {
      this.#open--;
    }
  }
}
