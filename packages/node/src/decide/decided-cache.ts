/**
 * Decisions that stand. One holds while no head of any voter changed, and logs that go down later do not undo it
 * (claims are written once), unless the policy says how old a head may be. Undecided answers are not kept here. Bounded by bytes; what was asked for longest ago goes first.
 */
import type { LogHead } from "@trustix/protocol";
import { LRUCache } from "lru-cache";
import type { DecideReport } from "../model.ts";

const MAX_BYTES = 32 << 20;
/** Larger values are fetched again rather than kept. */
const MAX_VALUE_BYTES = 64 << 10;
/** What an entry costs beside its value: votes, texts, the key. */
const ENTRY_BYTES = 2_000;

/** What all cached decisions were made under: compared by identity, so heads must be the same objects. */
export interface DecidedUnder {
  readonly revision: number;
  readonly ownHeads: readonly LogHead[];
}

export class DecidedCache {
  readonly #entries = new LRUCache<string, { readonly report: DecideReport; readonly until: number }>({
    maxSize: MAX_BYTES,
  });
  #under: DecidedUnder = { revision: 0, ownHeads: [] };

  /** Forgets everything if what decisions were made under is no longer `now`. */
  enter(now: DecidedUnder): void {
    const { revision, ownHeads } = this.#under;
    const same =
      revision === now.revision &&
      ownHeads.length === now.ownHeads.length &&
      ownHeads.every((head, i) => sameHead(head, now.ownHeads[i]!));
    if (same) return;
    this.#entries.clear();
    this.#under = now;
  }

  /** `now`: milliseconds since 1970. */
  get(key: string, now: number): DecideReport | undefined {
    const kept = this.#entries.get(key);
    return kept !== undefined && now < kept.until ? kept.report : undefined;
  }

  /**
   * Keeps a decided report that was made under `under`, up to a time; one that heads have overtaken is not kept, and one
   * that is there is replaced.
   */
  keep(key: string, report: DecideReport, under: DecidedUnder, until: number): void {
    const value = report.decision?.value;
    if (value === undefined || value.length > MAX_VALUE_BYTES || under !== this.#under) return;
    this.#entries.set(key, { report, until }, { size: value.length + ENTRY_BYTES });
  }

  /** What decisions are made under now; handed to `keep`. */
  get under(): DecidedUnder {
    return this.#under;
  }
}

/** A tree size determines a head. */
function sameHead(a: LogHead, b: LogHead): boolean {
  return a === b || a.treeSize === b.treeSize;
}
