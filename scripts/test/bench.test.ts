import { expect, test } from "vitest";
import { type Figure, figureOf, median, REFERENCE, report } from "../../bench/figure.ts";
import { judge, slownessOf } from "../../bench/judge.ts";

const figure: Figure = {
  name: "flush",
  value: 60_000,
  unit: "entries/s",
  better: "more",
  target: 100_000,
  how: "once",
};
const reference = { hashNs: REFERENCE.hashNs, syncMs: REFERENCE.syncMs };
const halfSpeed = { hashNs: 2 * REFERENCE.hashNs, syncMs: 2 * REFERENCE.syncMs };

test.each([
  ["on the reference machine as it stands", figure, reference, 100_000, "missed"],
  ["halved on a machine of half the speed", figure, halfSpeed, 50_000, "reached"],
  [
    "doubled for a time that should be short",
    { ...figure, better: "less", target: 40_000 } as const,
    halfSpeed,
    80_000,
    "reached",
  ],
  ["unscaled for sizes", { ...figure, scale: "none" } as const, halfSpeed, 100_000, "missed"],
])("a target is judged %s", (_, of, costs, wanted, verdict) => {
  expect(judge(of, costs)).toMatchObject({ wanted, verdict });
});

test("a figure without a target is recorded", () => {
  const { target: _, ...free } = figure;
  expect(judge(free, reference)).toEqual({ figure: free, wanted: undefined, verdict: "recorded" });
});

test("a slow disk counts by the share it has in the work", () => {
  const slowDisk = { hashNs: REFERENCE.hashNs, syncMs: 11 * REFERENCE.syncMs };
  expect(slownessOf(slowDisk, 0)).toBe(1);
  expect(slownessOf(slowDisk, 0.1)).toBeCloseTo(2);
});

test("a reported figure is read back, other lines are not figures, broken ones are refused", () => {
  const written: string[] = [];
  const write = process.stdout.write;
  process.stdout.write = (text: string | Uint8Array) => written.push(String(text)) > 0;
  report(figure);
  process.stdout.write = write;
  expect(figureOf(written.join("").trimEnd())).toEqual(figure);
  expect(figureOf("figures are below")).toBeUndefined();
  expect(() => figureOf(`figure {"name":"x","unit":"s","how":"y","value":null,"better":"more"}`)).toThrow(
    `"x" needs a finite value`,
  );
  expect(() => figureOf(`figure {"name":"x","unit":"s","how":"y","value":1}`)).toThrow(`needs better`);
});

test("the median is a value that was measured", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2);
  expect(() => median([])).toThrow(RangeError);
});
