/**
 * From figures to a judgement by dissent. A voter may stand alone on a share of its compared keys: the configured one, or
 * a multiple of the median of the other operators, if that is more. It becomes suspect, and is excluded, when what it
 * did would come about by chance less than once in so many at that share.
 *
 * It is judged over all its time, and over the last 8, 16, 32, ... days as well: a long good time excuses nothing.
 */
import { daysOf } from "./ages.ts";
import type { DissentBound, StandingBounds } from "./bounds.ts";
import { median, surprise } from "./chance.ts";
import type { VoterFigures } from "./tally.ts";

export interface Judgement {
  readonly level: "good" | "suspect" | "excluded";
  /** Natural logarithm of "once in how many". */
  readonly surprise: number;
  /** How many days it was judged over; Infinity: all its time. */
  readonly days: number;
  /** Over these days: keys, and different packages that count against it. */
  readonly compared: number;
  readonly alone: number;
  readonly secondAnswers: number;
  /** The share (0..1) it was measured by. */
  readonly allowed: number;
}

export type Judged = Pick<VoterFigures, "operator" | "judges" | "claims" | "counted">;

/** `all`: every voter of the tally, this one included or not. */
export function judgeVoter(voter: Judged, all: readonly Judged[], bounds: StandingBounds): Judgement {
  const last = voter.counted.compared.length - 1;
  let worst = judgeSince(voter, all, last, bounds);
  for (let age = last - 1; age >= 0; age--) {
    // Where nothing happened in between, the shortest time says it best.
    if (isSame(voter, age, last) || (age > 0 && isSame(voter, age, age - 1))) continue;
    const judgement = judgeSince(voter, all, age, bounds);
    if (isWorse(judgement, worst)) worst = judgement;
  }
  return worst;
}

function judgeSince(voter: Judged, all: readonly Judged[], age: number, bounds: StandingBounds): Judgement {
  const compared = voter.counted.compared[age]!;
  const alone = voter.counted.alone[age]!;
  const secondAnswers = voter.counted.secondAnswers[age]!;
  const measure = (allowed: number): Judgement => {
    // Second answers can be given to any claim ever made.
    const total = surprise(alone, compared, allowed) + surprise(secondAnswers, voter.claims, allowed);
    const level = levelOf(alone + secondAnswers, total, bounds);
    return { level, surprise: total, days: daysOf(age), compared, alone, secondAnswers, allowed };
  };
  const strict = measure(bounds.share);
  if (strict.level === "good") return strict; // and all the more where more is allowed
  const last = voter.counted.compared.length - 1;
  // Of all time and of these days the higher one: when everybody changes, nobody stands out.
  const usual = Math.max(usualShare(voter, all, last), usualShare(voter, all, age));
  return measure(Math.max(bounds.share, bounds.factor * usual));
}

/** The median of the other operators' shares. */
function usualShare(voter: Judged, all: readonly Judged[], age: number): number {
  const operators = new Map<number, { alone: number; compared: number }>();
  for (const { operator, judges, counted } of all) {
    if (!judges || operator === voter.operator || counted.compared[age] === 0) continue;
    const { alone, compared } = operators.get(operator) ?? { alone: 0, compared: 0 };
    operators.set(operator, { alone: alone + counted.alone[age]!, compared: compared + counted.compared[age]! });
  }
  return median([...operators.values()].map(({ alone, compared }) => alone / compared)) ?? 0;
}

function levelOf(packages: number, surprise: number, { suspect, exclude }: StandingBounds): Judgement["level"] {
  const reached = (bound: DissentBound): boolean => packages >= bound.packages && surprise >= Math.log(bound.odds);
  if (reached(exclude)) return "excluded";
  return reached(suspect) ? "suspect" : "good";
}

function isSame({ counted: { compared, alone, secondAnswers } }: Judged, a: number, b: number): boolean {
  return compared[a] === compared[b] && alone[a] === alone[b] && secondAnswers[a] === secondAnswers[b];
}

const RANK = { good: 0, suspect: 1, excluded: 2 } as const satisfies Record<Judgement["level"], number>;

function isWorse(a: Judgement, b: Judgement): boolean {
  return RANK[a.level] === RANK[b.level] ? a.surprise > b.surprise : RANK[a.level] > RANK[b.level];
}
