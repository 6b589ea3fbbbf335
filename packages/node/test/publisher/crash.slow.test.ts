/** The settings that `crash.test.ts` leaves out. */
import { test } from "vitest";
import { type CrashCase, crashAtEveryStoreWrite } from "./crash-anywhere.ts";

test.each<CrashCase>([
  { kind: "fails after persisting", maxFlushItems: 1000, kept: "all" },
  { kind: "fails", maxFlushItems: 1, kept: "all" },
  { kind: "fails after persisting", maxFlushItems: 1, kept: "all" },
  { kind: "fails", maxFlushItems: 1, kept: "two" },
  { kind: "fails", maxFlushItems: 1000, kept: "two" },
])(
  "a crash at every storage write: the write $kind, heads of $maxFlushItems, $kept heads kept",
  crashAtEveryStoreWrite,
);
