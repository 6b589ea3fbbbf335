/** How surprising a count is, without tables or approximations that fail for small counts. */

/**
 * The natural logarithm of "one in how many": `count` or more of `of` independent events, each with a chance of at most
 * `rate`, come about with a probability of at most exp(-result). 0 where the count is no more than to be expected.
 * Chernoff's bound with the exact exponent (relative entropy): a little too high a chance, never too low.
 */
export function surprise(count: number, of: number, rate: number): number {
  if (of <= 0 || count <= of * rate) return 0;
  const share = Math.min(count, of) / of;
  const missing = share < 1 ? (1 - share) * Math.log((1 - share) / (1 - rate)) : 0;
  return of * (share * Math.log(share / rate) + missing);
}

/** The middle of the values, or of the two in the middle; `undefined` of none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}
