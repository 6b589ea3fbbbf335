/** 100 000 operations, as `fold-operations.ts` states them, by both implementations. */
import { expect, test } from "vitest";
import { fastSide, foldOperations, PUBLISHED, slowSide } from "./fold-operations.ts";

test("100 000 operations fold to the published hash, across many moves of the border", { timeout: 240_000 }, () => {
  expect(foldOperations(100_000, fastSide({ leavesPerSubtree: 4 }))).toBe(PUBLISHED[100_000]);
});

test("the slow map folds 100 000 operations to the same", { timeout: 240_000 }, () => {
  expect(foldOperations(100_000, slowSide())).toBe(PUBLISHED[100_000]);
});
