/**
 * What is remembered about sources that failed. One whose bytes were not those decided on is never asked for that NAR
 * again; one that broke off or had nothing is asked last for a while.
 */
import { toNix32, type SignedFacts } from "@trustix/nix-formats";
import { BytesLru } from "../bytes-lru.ts";
import type { Clock } from "../clock.ts";
import type { Source } from "./resolution.ts";

/** Milliseconds that a source which broke off is asked last. */
const DEMOTION = 60_000;

export class SourceRecord {
  readonly #clock: Clock;
  readonly #wrong: BytesLru<true>;
  readonly #wrongNars: BytesLru<true>;
  readonly #demoted: BytesLru<number>;

  constructor(clock: Clock, maxBytes: number) {
    this.#clock = clock;
    this.#wrong = new BytesLru(maxBytes);
    this.#wrongNars = new BytesLru(maxBytes);
    this.#demoted = new BytesLru(maxBytes);
  }

  /** Its bytes were wrong. */
  condemn(facts: SignedFacts, source: Source): void {
    this.#wrong.set(keyOf(facts, source), true, 0);
    this.#wrongNars.set(toNix32(facts.narHash), true, 0);
  }

  /** It did not deliver this time. */
  demote(facts: SignedFacts, source: Source): void {
    this.#demoted.set(keyOf(facts, source), this.#clock.now() + DEMOTION, 8);
  }

  isCondemned(facts: SignedFacts, source: Source): boolean {
    return this.#wrong.get(keyOf(facts, source)) !== undefined;
  }

  isDemoted(facts: SignedFacts, source: Source): boolean {
    return (this.#demoted.get(keyOf(facts, source)) ?? 0) > this.#clock.now();
  }

  /**
   * Whether some source sent wrong bytes of this NAR: then a client may hold a wrong beginning of it, and must not be
   * helped to complete that by a range.
   */
  hadWrongBytes(facts: SignedFacts): boolean {
    return this.#wrongNars.get(toNix32(facts.narHash)) !== undefined;
  }
}

/** Not its URL: an upstream that gives the file another name each time is still the one that was wrong. */
function keyOf(facts: SignedFacts, source: Source): string {
  return `${toNix32(facts.narHash)} ${source.upstream.label}`;
}
