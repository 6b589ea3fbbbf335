/**
 * A server that lies without any key: at the only place of a log it costs that log its vote and never its name; beside the
 * logs' own nodes it costs nothing.
 */
import { type AttackName, ATTACKS, SIGNED_LIES } from "@trustix/testkit/evil";
import { describe, expect, test } from "vitest";
import { checkBounds, checkRow, titleOf, underAttack } from "./check-row.ts";
import { decided, type Mode, type When } from "./stage.ts";
import { UNSIGNED } from "./table.ts";

const MODES: readonly Mode[] = ["light", "full"];
const WHENS: readonly When[] = ["start", "later"];
const NAMES = (Object.keys(ATTACKS) as AttackName[]).filter((name) => !(name in SIGNED_LIES));

test("every lie that needs no key stands in the table", () => {
  expect(new Set(UNSIGNED.flatMap(({ attacks }) => attacks))).toEqual(new Set(NAMES));
});

describe("at the only place of a log", () => {
  for (const row of UNSIGNED)
    for (const mode of MODES) {
      test(titleOf(row, mode, row[mode]), () => checkRow(row, mode, true));
    }
});

describe("beside the logs' own nodes, answering for all of them", () => {
  for (const name of NAMES)
    for (const when of WHENS)
      for (const mode of MODES) {
        test(`${name} (${ATTACKS[name].does}), ${when}, ${mode}: all four votes are honest, and nobody is blamed`, async () => {
          const set = await underAttack({ attacks: [name], when }, { mode, place: "beside" });
          const keys = ["tool", "rare", ...(when === "later" ? ["newest"] : [])];
          for (const key of keys) {
            const report = await set.decide(key);
            expect(decided(report)).toBe("good");
            for (const log of set.logs) {
              const lacks = key === "rare" && log.name === "mars";
              expect(set.vote(report, log)).toMatchObject({ outcome: lacks ? "absent" : "claims", reason: "" });
            }
          }
          for (const log of set.logs) expect(await set.evidence(log)).toEqual([]);
          checkBounds(set, []);
        });
      }
});
