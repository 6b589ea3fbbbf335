/** A log whose key signs lies from the first moment on, or shows them at one place and another history elsewhere. */
import { test } from "vitest";
import { checkRow, titleOf } from "./check-row.ts";
import { SIGNED, SPLIT } from "./table.ts";

for (const row of [...SIGNED.filter(({ when }) => when === "start"), ...SPLIT])
  for (const mode of ["light", "full"] as const) test(titleOf(row, mode, row[mode]), () => checkRow(row, mode));
