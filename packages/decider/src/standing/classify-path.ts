/**
 * What the claims for one key say about those who claim it. Operators are counted, not voters. The outcome depends only
 * on who holds which opinion, never on the order of the claims.
 *
 * | kind      | when |
 * |---|---|
 * | single    | at most one operator claims anything |
 * | few       | fewer operators claim than it takes for one of them to stand alone: nothing is said |
 * | agreed    | all voters of all operators hold one opinion |
 * | alone     | exactly one operator has a voter that differs, and `agreeing` others or more hold one opinion |
 * | split     | anything else in which two operators or more hold one opinion |
 * | scattered | no two operators hold one opinion |
 *
 * An operator whose voters contradict each other holds no opinion, and differs from everybody.
 */
import type { Hash } from "@trustix/protocol";

export type PathKind = "single" | "few" | "agreed" | "alone" | "split" | "scattered";

export interface PathVerdict {
  readonly kind: PathKind;
  /** What all, or all but the one that stands alone, hold; `undefined` where they do not agree. */
  readonly agreed: Hash | undefined;
}

export interface Opinion {
  /** A number that is the operator's own. */
  readonly operator: number;
  readonly opinion: Hash;
}

/** `agreeing`: how many other operators must agree before one stands alone, 2 or more. */
export function classifyPath(opinions: readonly Opinion[], agreeing: number): PathVerdict {
  const first = opinions[0]?.opinion;
  const operators = countOperators(opinions);
  if (first === undefined || operators < 2) return { kind: "single", agreed: undefined };
  const unanimous = opinions.every(({ opinion }) => sameHash(opinion, first));
  if (operators <= agreeing) return { kind: "few", agreed: unanimous ? first : undefined };
  if (unanimous) return { kind: "agreed", agreed: first };
  const camp = largestCamp(opinions);
  if (camp.operators === operators - 1) return { kind: "alone", agreed: camp.opinion };
  return { kind: camp.operators >= 2 ? "split" : "scattered", agreed: undefined };
}

/** Whether `a` and `b` are the same bytes; both have 32. */
export function sameHash(a: Hash, b: Hash): boolean {
  for (let i = 0; i < 32; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Claims are few (one a voter), so looking back costs less than a set. */
function countOperators(opinions: readonly Opinion[]): number {
  let count = 0;
  for (let i = 0; i < opinions.length; i++) {
    let j = 0;
    while (opinions[j]!.operator !== opinions[i]!.operator) j++;
    if (j === i) count++;
  }
  return count;
}

/** The opinion that most operators hold with all their voters. */
function largestCamp(opinions: readonly Opinion[]): { opinion: Hash | undefined; operators: number } {
  const held = new Map<number, Hash | undefined>();
  for (const { operator, opinion } of opinions) {
    const other = held.get(operator);
    if (!held.has(operator)) held.set(operator, opinion);
    else if (other !== undefined && !sameHash(other, opinion)) held.set(operator, undefined);
  }
  let largest: { opinion: Hash | undefined; operators: number } = { opinion: undefined, operators: 0 };
  for (const opinion of held.values()) {
    if (opinion === undefined) continue;
    let operators = 0;
    for (const other of held.values()) if (other !== undefined && sameHash(other, opinion)) operators++;
    if (operators > largest.operators) largest = { opinion, operators };
  }
  return largest;
}
