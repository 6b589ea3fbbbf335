/**
 * Ages in classes: class k holds what was first seen less than 8 * 2^k days ago and not in a class before; the last one
 * holds all that is older. So what happened in the last 8, 16, 32, ... days is a sum of the first classes, and a builder
 * that goes wrong after a long good time is judged by the time since, too.
 *
 * Not by less than 8 days: honest dissents come in heaps, with a new compiler or a new machine.
 */
export const AGE_CLASSES = 11;

const SHORTEST_DAYS = 8;
const DAY_MS = 86_400_000;

/** A time that has not come yet (a clock was set back) counts as now. */
export function ageClassOf(at: number, now: number): number {
  const periods = (now - at) / (SHORTEST_DAYS * DAY_MS);
  if (!(periods >= 1)) return 0;
  return Math.min(AGE_CLASSES - 1, 32 - Math.clz32(Math.min(periods, 0x7fff_ffff)));
}

/** Days that the classes up to this one reach back; the last one reaches back for ever. */
export function daysOf(ageClass: number): number {
  return ageClass >= AGE_CLASSES - 1 ? Infinity : SHORTEST_DAYS * 2 ** ageClass;
}

/** Counts by class as counts up to each class. */
export function accumulate(counts: Iterable<number>): number[] {
  let sum = 0;
  return Array.from(counts, (count) => (sum += count));
}
