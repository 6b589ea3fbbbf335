/** Crashes with the settings that differ most; those between are in `crash.slow.test.ts`. */
import { test } from "vitest";
import { type CrashCase, crashAtEveryMarkerWrite, crashAtEveryStoreWrite } from "./crash-anywhere.ts";

test.each<CrashCase>([
  { kind: "fails", maxFlushItems: 1000, kept: "all" },
  { kind: "fails after persisting", maxFlushItems: 1, kept: "two" },
])(
  "a crash at every storage write: the write $kind, heads of $maxFlushItems, $kept heads kept",
  crashAtEveryStoreWrite,
);

test.each(["fails", "fails after persisting"] as const)(
  "a crash at every marker write: the write %s",
  crashAtEveryMarkerWrite,
);
