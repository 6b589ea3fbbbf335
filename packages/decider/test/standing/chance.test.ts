import fc from "fast-check";
import { expect, test } from "vitest";
import { median, surprise } from "../../src/standing/chance.ts";

/** P(at least `count` of `of`), summed term by term. */
function exactTail(count: number, of: number, rate: number): number {
  let term = (1 - rate) ** of;
  let below = 0;
  for (let k = 0; k < count; k++) {
    below += term;
    term *= ((of - k) / (k + 1)) * (rate / (1 - rate));
  }
  return 1 - below;
}

const anyCase = fc
  .record({ of: fc.integer({ min: 1, max: 400 }), share: fc.double({ min: 0, max: 1, noNaN: true }) })
  .chain(({ of, share }) =>
    fc.record({
      of: fc.constant(of),
      count: fc.constant(Math.round(of * share)),
      rate: fc.double({ min: 0.001, max: 0.6, noNaN: true }),
    }),
  );

test("what it calls once in so many is never more likely than that", () => {
  fc.assert(
    fc.property(anyCase, ({ count, of, rate }) => {
      expect(exactTail(count, of, rate)).toBeLessThanOrEqual(Math.exp(-surprise(count, of, rate)) + 1e-9);
    }),
    { numRuns: 500 },
  );
});

test("it exaggerates the chance by less than 30 times, so that it still finds something", () => {
  for (const [count, of, rate] of [
    [5, 100, 0.005],
    [10, 500, 0.005],
    [50, 4000, 0.006],
    [200, 20_000, 0.006],
  ] as const) {
    const bound = Math.exp(-surprise(count, of, rate));
    expect(bound / exactTail(count, of, rate)).toBeLessThan(30);
  }
});

test("more dissents are more surprising, a higher rate less", () => {
  fc.assert(
    fc.property(anyCase, ({ count, of, rate }) => {
      const here = surprise(count, of, rate);
      expect(here).toBeGreaterThanOrEqual(0);
      if (count < of) expect(surprise(count + 1, of, rate)).toBeGreaterThanOrEqual(here);
      expect(surprise(count, of, rate * 1.5)).toBeLessThanOrEqual(here);
    }),
  );
});

test.each([
  ["nothing was compared", 0, 0, 0.005],
  ["no more than expected", 1, 200, 0.005],
  ["everything is allowed", 10, 10, 1],
  ["more is allowed than there is", 10, 10, 1.5],
])("%s: no surprise", (_, count, of, rate) => {
  expect(surprise(count, of, rate)).toBe(0);
});

test("the median is the middle, or between the two in the middle", () => {
  expect(median([])).toBeUndefined();
  expect(median([3])).toBe(3);
  expect(median([3, 1])).toBe(2);
  expect(median([9, 1, 2])).toBe(2);
  expect(median([9, 1, 2, 4])).toBe(3);
});
