/** Every write, where `crash.test.ts` takes some. */
import { test } from "vitest";
import { crashAtWrites } from "./crash-anywhere.ts";

test.each(["fails", "fails after persisting"] as const)(
  "a crash at every storage write of a copy: the write %s",
  { timeout: 600_000 },
  (kind) => crashAtWrites(kind, 1),
);
