/**
 * What docs/design/standing.md promises, on fewer builders than `npm run bench -- standing` takes, but enough to tell:
 * with none of 30 000 excluded, the chance is below 1 in 10 000 (95 % sure). Seeds are fixed, so the outcome is.
 */
import { describe, expect, test } from "vitest";
import { DEFAULT_STANDING_BOUNDS as BOUNDS } from "../../src/index.ts";
import { judgeVoter } from "../../src/standing/judge-voter.ts";
import { type Course, QuickCount, watchBuilders } from "./quick-count.ts";
import { HONEST, simulateDays, tallyBuilders, type World } from "./simulated-builders.ts";

const tampering = (share: number, from = 0): Partial<World> => ({ tampers: { share, from } });

describe("the quick count counts what the tally counts, at full size", () => {
  test.each<[string, Partial<World>]>([
    ["five honest builders", {}],
    ["five paths a package", { pathsPerPackage: 5 }],
    ["one tampers with 1 %", tampering(0.01)],
    ["one tampers, and packages recur", { ...tampering(0.02, 3000), pathsPerPackage: 20 }],
    ["three builders, one machine deviates", { builders: 3, rarer: [0.5] }],
    ["eight builders, machines differ as machines", { builders: 8, drawn: "machine" }],
  ])("%s", (_, change) => {
    const world = { ...HONEST, ...change };
    const quick = new QuickCount(world, BOUNDS);
    let today = 0;
    for (const day of simulateDays(world, 7)) {
      quick.addDay(day);
      if ([0, 57, 199].includes(today)) {
        const figures = quick.figures();
        const real = tallyBuilders(world, 7, BOUNDS, today).figures();
        expect(real.map(({ counted }) => counted)).toEqual(figures.map(({ counted }) => counted));
        for (const [i, voter] of figures.entries()) {
          expect(judgeVoter(real[i]!, real, BOUNDS)).toEqual(judgeVoter(voter, figures, BOUNDS));
        }
      }
      today++;
    }
    expect(today).toBe(200);
  });
});

/** Courses of the first `watched` builders of so many networks. */
function courses(networks: number, change: Partial<World>, watched?: number): Course[] {
  const world = { ...HONEST, ...change };
  return Array.from({ length: networks }, (_, i) => watchBuilders(world, i + 1, BOUNDS, watched)).flat();
}

const excluded = (list: readonly Course[]): number => list.filter((course) => course.excluded !== undefined).length;
/** In how many of 100 cases it was found within so many paths. */
const foundWithin = (list: readonly Course[], paths: number): number =>
  (100 * list.filter((course) => (course.excluded?.paths ?? Infinity) <= paths).length) / list.length;

/** 25 seconds of work; the limit is for machines that are busy. */
const PATIENCE = 1_800_000;

test(
  "of 30 000 honest builders none is excluded, looked at after every 100 of 20 000 paths",
  () => {
    const all = courses(6000, {});
    expect(all).toHaveLength(30_000);
    expect(excluded(all)).toBe(0);
  },
  PATIENCE,
);

test.each<[string, number, Partial<World>]>([
  ["five paths a package", 300, { pathsPerPackage: 5 }],
  ["three builders", 300, { builders: 3 }],
  ["eight builders", 300, { builders: 8 }],
])("%s: none is excluded either", (_, networks, change) => {
  expect(excluded(courses(networks, change))).toBe(0);
});

test.each<[string, Partial<World>, paths: number, atLeast: number]>([
  ["1 % of its paths", tampering(0.01), 10_000, 95],
  ["1 %, and packages recur", { ...tampering(0.01), pathsPerPackage: 5 }, 12_000, 95],
  ["1 %, among eight", { ...tampering(0.01), builders: 8 }, 10_000, 95],
  ["1 % after 20 000 good ones", { ...tampering(0.01, 20_000), paths: 40_000 }, 32_000, 90],
  ["2 %", tampering(0.02), 3000, 95],
  ["10 %", tampering(0.1), 300, 95],
])("who tampers with %s is excluded in time", (_, change, paths, atLeast) => {
  expect(foundWithin(courses(200, change, 1), paths)).toBeGreaterThanOrEqual(atLeast);
});

test("nobody else is excluded because one tampers", () => {
  const world = { ...HONEST, ...tampering(0.05) };
  for (let seed = 1; seed <= 100; seed++) expect(excluded(watchBuilders(world, seed, BOUNDS).slice(1))).toBe(0);
});
