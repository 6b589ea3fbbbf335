/** The first 5 000 of the operations that `fold-operations.ts` states; all 100 000 are in `operations.slow.test.ts`. */
import { expect, test } from "vitest";
import { fastSide, foldOperations, PUBLISHED, slowSide } from "./fold-operations.ts";

test("5 000 operations fold to the published hash, with little memory", () => {
  const options = { bucketCacheBytes: 100_000, trieBytes: 50_000, pageCacheBytes: 50_000 };
  expect(foldOperations(5000, fastSide(options))).toBe(PUBLISHED[5000]);
});

test("the slow map folds 5 000 operations to the same", () => {
  expect(foldOperations(5000, slowSide())).toBe(PUBLISHED[5000]);
});
