/** A process that is stopped at a write, which may be on the disk or not. All the writes are in `crash.slow.test.ts`. */
import { test } from "vitest";
import { crashAtWrites } from "./crash-anywhere.ts";

test.each(["fails", "fails after persisting"] as const)(
  "a crash at every fifth storage write of a copy: the write %s",
  (kind) => crashAtWrites(kind, 5),
);
