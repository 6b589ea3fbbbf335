import fc from "fast-check";
import { expect, test } from "vitest";
import { classifyPath, type Opinion } from "../../src/standing/classify-path.ts";
import { opinionOf } from "./claims.ts";

/** `1a 2b 2c`: operator 1 holds a, operator 2 contradicts itself. */
function opinions(text: string): Opinion[] {
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => ({ operator: Number(word[0]), opinion: opinionOf(word[1]!) }));
}

test.each([
  ["nobody", "", 2, "single", "-"],
  ["one operator", "1a", 2, "single", "-"],
  ["one operator, however many voters it has", "1a 1a 1b", 2, "single", "-"],
  ["two who agree cannot stand alone", "1a 2a", 2, "few", "a"],
  ["one against one says nothing about either", "1a 2b", 2, "few", "-"],
  ["two against one are too few where three must agree", "1a 2a 3b", 3, "few", "-"],
  ["all agree", "1a 2a 3a", 2, "agreed", "a"],
  ["one stands alone against two", "1a 2a 3b", 2, "alone", "a"],
  ["one stands alone against four", "1a 2a 3a 4a 5b", 3, "alone", "a"],
  ["first and alone", "1b 2a 3a 4a", 3, "alone", "a"],
  ["an operator with several voters is one", "1a 2a 3b 3b 3b", 2, "alone", "a"],
  ["several voters of one operator do not make a quorum", "1a 1a 1a 2b", 2, "few", "-"],
  ["an operator that contradicts itself differs", "1a 2a 3a 3b", 2, "alone", "a"],
  ["an operator that contradicts itself with two values of its own differs", "1a 2a 3b 3c", 2, "alone", "a"],
  ["an operator that contradicts itself agrees with nobody", "1a 2a 2b 3a 3b", 2, "scattered", "-"],
  ["two against two", "1a 2a 3b 4b", 2, "split", "-"],
  ["two that differ do not stand alone", "1a 2a 3a 4b 5c", 3, "split", "-"],
  ["two that agree with each other do not stand alone", "1a 2a 3a 4b 5b", 3, "split", "-"],
  ["one dissents while another contradicts itself", "1a 2a 3a 4b 5a 5b", 3, "split", "-"],
  ["all differ", "1a 2b 3c", 2, "scattered", "-"],
] as const)("%s: %s, %i must agree: %s", (_, text, agreeing, kind, agreed) => {
  const verdict = classifyPath(opinions(text), agreeing);
  expect(verdict.kind).toBe(kind);
  expect(verdict.agreed).toEqual(agreed === "-" ? undefined : opinionOf(agreed));
});

const anyOpinions = fc.array(
  fc.record({ operator: fc.integer({ min: 1, max: 5 }), opinion: fc.constantFrom("a", "b", "c").map(opinionOf) }),
  { maxLength: 8 },
);

test("the order of claims changes nothing", () => {
  fc.assert(
    fc.property(anyOpinions, fc.integer({ min: 2, max: 4 }), (list, agreeing) => {
      expect(classifyPath(list.toReversed(), agreeing)).toEqual(classifyPath(list, agreeing));
    }),
  );
});

test("whoever stands alone has the number of agreeing operators against it that is asked for, and nobody beside it", () => {
  fc.assert(
    fc.property(anyOpinions, fc.integer({ min: 2, max: 4 }), (list, agreeing) => {
      const { kind, agreed } = classifyPath(list, agreeing);
      fc.pre(kind === "alone");
      const differs = (one: Opinion): boolean => one.opinion[0] !== agreed![0];
      const differing = new Set(list.filter(differs).map(({ operator }) => operator));
      const others = new Set(list.map(({ operator }) => operator)).difference(differing);
      expect(differing.size).toBe(1);
      expect(others.size).toBeGreaterThanOrEqual(agreeing);
    }),
    { numRuns: 500 },
  );
});
