/** A log whose own key comes to sign lies: what it is caught by, what is kept of it, and that it decides nothing. */
import { SIGNED_LIES } from "@trustix/testkit/evil";
import { expect, test } from "vitest";
import { checkRow, titleOf } from "./check-row.ts";
import { SIGNED } from "./table.ts";

test("every lie of a log's holder stands in the table", () => {
  const names = Object.keys(SIGNED_LIES);
  const inTable = SIGNED.flatMap(({ attacks }) => attacks).filter((name) => name in SIGNED_LIES);
  expect(new Set(inTable)).toEqual(new Set(names));
});

for (const row of SIGNED.filter(({ when }) => when === "later"))
  for (const mode of ["light", "full"] as const) test(titleOf(row, mode, row[mode]), () => checkRow(row, mode));
