import { expect, test } from "vitest";
import { accumulate, AGE_CLASSES, ageClassOf, daysOf } from "../../src/standing/ages.ts";
import { day } from "./claims.ts";

test("each class reaches back twice as far as the one before, and the last for ever", () => {
  const now = day(100_000);
  for (let age = 0; age < AGE_CLASSES - 1; age++) {
    expect(ageClassOf(now - day(daysOf(age)) + 1, now)).toBe(age);
    expect(ageClassOf(now - day(daysOf(age)), now)).toBe(age + 1);
  }
  expect(ageClassOf(0, now)).toBe(AGE_CLASSES - 1);
  expect(ageClassOf(-Infinity, now)).toBe(AGE_CLASSES - 1);
  expect(daysOf(AGE_CLASSES - 1)).toBe(Infinity);
});

test("what is of tomorrow is of today", () => {
  expect(ageClassOf(day(12), day(10))).toBe(0);
});

test("sums up to each class", () => {
  expect(accumulate([1, 0, 2])).toEqual([1, 1, 3]);
});
