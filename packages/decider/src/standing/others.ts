/**
 * Whom a voter can be compared with: the other operators that are not excluded outright. Too few of them, and nobody's dissent
 * can be told from that of the others, whatever anybody claims.
 */
import { agreeingOperators, type StandingBounds } from "./bounds.ts";
import type { VoterFigures } from "./tally.ts";

/** Operators, without the voter's own. */
export interface Others {
  /** Those whose claims count for a comparison. */
  readonly judging: number;
  /** Those whose voters are all excluded, by proof or by the user. */
  readonly excluded: number;
  /** How many must agree before one stands alone. */
  readonly needed: number;
}

/** For each voter, in the order of `figures`, which are those of one tally. */
export function othersOf(
  figures: readonly Pick<VoterFigures, "operator" | "judges">[],
  bounds: StandingBounds,
): Others[] {
  const all = new Set(figures.map(({ operator }) => operator));
  const judging = new Set(figures.filter(({ judges }) => judges).map(({ operator }) => operator));
  const needed = agreeingOperators(bounds, all.size);
  return figures.map(({ operator }) => {
    const others = judging.size - (judging.has(operator) ? 1 : 0);
    return { judging: others, excluded: all.size - 1 - others, needed };
  });
}

/** Whether there can be any path on which the voter is seen to agree or to stand alone. */
export function isComparable({ judging, needed }: Others): boolean {
  return judging >= needed;
}
