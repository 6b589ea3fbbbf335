/**
 * Decisions that stand. One holds while no head of any voter changed, and logs that go down later do not undo it:
 * claims are written once. Undecided answers are not kept here. Bounded by bytes; the oldest decision goes first.
 */
import type { LogHead } from "@trustix/protocol";
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
  readonly #entries = new Map<string, DecideReport>();
  #bytes = 0;
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
    this.#bytes = 0;
    this.#under = now;
  }

  get(key: string): DecideReport | undefined {
    return this.#entries.get(key);
  }

  /** Keeps a decided report that was made under `under`; one that heads have overtaken is not kept. */
  keep(key: string, report: DecideReport, under: DecidedUnder): void {
    const value = report.decision?.value;
    if (value === undefined || value.length > MAX_VALUE_BYTES || under !== this.#under) return;
    if (this.#entries.has(key)) return;
    this.#entries.set(key, report);
    this.#bytes += value.length + ENTRY_BYTES;
    while (this.#bytes > MAX_BYTES) {
      const [oldest, old] = this.#entries.entries().next().value!;
      this.#entries.delete(oldest);
      this.#bytes -= old.decision!.value.length + ENTRY_BYTES;
    }
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
