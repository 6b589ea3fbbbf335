/**
 * Ages in classes of powers of two: class k holds what was first seen less than 2^k days ago and not in a class before;
 * the last one holds all that is older. So what happened in the last 1, 2, 4, ... days is a sum of the first classes, and
 * a builder that goes wrong after a long good time is judged by the time since, too.
 */
export const AGE_CLASSES = 14;

const DAY_MS = 86_400_000;

/** A time that has not come yet (a clock was set back) counts as now. */
export function ageClassOf(at: number, now: number): number {
  const days = (now - at) / DAY_MS;
  if (!(days >= 1)) return 0;
  return Math.min(AGE_CLASSES - 1, 32 - Math.clz32(Math.min(days, 0x7fff_ffff)));
}

/** Days that the classes up to this one reach back; the last one reaches back for ever. */
export function daysOf(ageClass: number): number {
  return ageClass >= AGE_CLASSES - 1 ? Infinity : 2 ** ageClass;
}

/** Counts by class as counts up to each class. */
export function accumulate(counts: Iterable<number>): number[] {
  let sum = 0;
  return Array.from(counts, (count) => (sum += count));
}
