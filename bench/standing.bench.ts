/**
 * The standing of builders: what the default bounds do to honest builders and to tampering ones, in the worlds of
 * packages/decider/test/standing/simulated-builders.ts, and what counting costs. The page docs/design/standing.md quotes
 * these figures. Generator sfc32; seeds 1, 2, 3, ... for honest worlds, from 1 000 001 on for others.
 */
import {
  DEFAULT_STANDING_BOUNDS as BOUNDS,
  type PathClaim,
  type StandingBounds,
  standingsOf,
  Tally,
} from "../packages/decider/src/index.ts";
import { type Course, watchBuilders } from "../packages/decider/test/standing/quick-count.ts";
import { HONEST, type World } from "../packages/decider/test/standing/simulated-builders.ts";
import type { LogId } from "@trustix/protocol";
import { median, report } from "./figure.ts";

const NETWORKS = 10_000;
const FEW = 1000;
const CASES = 400;

const tampering = (share: number, from = 0): Partial<World> => ({ tampers: { share, from } });

function courses(count: number, seed: number, change: Partial<World>, watched?: number, bounds = BOUNDS): Course[] {
  const world = { ...HONEST, ...change };
  return Array.from({ length: count }, (_, i) => watchBuilders(world, seed + i, bounds, watched)).flat();
}

function honest(name: string, networks: number, change: Partial<World>, target?: number): void {
  const all = courses(networks, 1, change);
  const excluded = all.filter((course) => course.excluded !== undefined).length;
  const suspect = all.filter((course) => course.suspect !== undefined).length;
  const how = `${all.length} builders in ${networks} networks, 20 000 paths each, looked at after every 100; ${suspect} were ever suspect`;
  report({ name, value: excluded, unit: "excluded", better: "less", scale: "none", how, ...(target && { target }) });
}

/** Builder 0 does something; how often it is excluded, and when. */
function oneIs(name: string, change: Partial<World>, bounds: StandingBounds = BOUNDS): void {
  const all = courses(CASES, 1_000_001, change, 1, bounds);
  const shares = (["suspect", "excluded"] as const).map((key) => {
    const found = all.flatMap((course) => course[key] ?? []);
    const missing = Array.from({ length: CASES - found.length }, () => Infinity);
    const [paths, packages] = (["paths", "packages"] as const).map((what) => {
      const sorted = [...found.map((one) => one[what]).toSorted((a, b) => a - b), ...missing];
      return [0.5, 0.95].map((share) => sorted[Math.ceil(share * CASES) - 1]!);
    });
    const share = (100 * found.length) / CASES;
    const when = `after ${paths!.join(" and ")} paths with ${packages!.join(" and ")} packages`;
    return { share, text: `${share} % ${key}${share < 50 ? "" : ` (median and 95 %: ${when})`}` };
  });
  const how = `${CASES} cases; ${shares.map(({ text }) => text).join(", ")}`.replaceAll("Infinity", "more");
  report({ name, value: shares[1]!.share, unit: "% excluded", better: "more", scale: "none", how });
}

// Fewer than 1 in 10 000.
honest("5 honest builders, each path a package", NETWORKS, {}, 4);
honest("5 honest builders, 5 paths a package", FEW, { pathsPerPackage: 5 });
honest("3 honest builders", FEW, { builders: 3 });
honest("8 honest builders", FEW, { builders: 8 });
honest("5 honest builders, machines differ as machines", FEW, { drawn: "machine" });
for (const builders of [5, 3, 8]) {
  for (const share of [0.01, 0.005, 0.002]) {
    oneIs(`1 of ${builders} tampers with ${share * 100} %`, { builders, ...tampering(share) });
  }
}
oneIs("1 of 5 tampers with 1 %, factor 2", tampering(0.01), { ...BOUNDS, factor: 2 });
oneIs("1 of 5 tampers with 2 %", tampering(0.02));
oneIs("1 of 5 tampers with 10 %", tampering(0.1));
oneIs("1 of 5 tampers with 1 %, 5 paths a package", { ...tampering(0.01), pathsPerPackage: 5 });
oneIs("1 of 5 tampers with 0.5 %, 5 paths a package", { ...tampering(0.005), pathsPerPackage: 5 });
oneIs("1 of 5 tampers with 1 % after 20 000 paths", { ...tampering(0.01, 20_000), paths: 40_000 });
oneIs("1 of 5 deviates: rarer value with 30 %", { rarer: [0.3] });
oneIs("1 of 5 deviates: rarer value with 50 %", { rarer: [0.5] });
oneIs("1 of 5 deviates: 50 %, 5 paths a package", { rarer: [0.5], pathsPerPackage: 5 });

/** Five voters and so many keys of 20 000 packages, of which some percent have a dissent, a split or a scattering. */
function costs(paths: number, differing: number): { add: number; judge: number } {
  const ids = Array.from({ length: 5 }, (_, i) => `${i}`.padStart(64, "0") as LogId);
  const rows = Array.from({ length: 1000 }, (_, row) =>
    ids.map((voter, k): PathClaim => {
      const value = row % 100 < differing ? [k === 0 ? 1 : 0, k < 2 ? 1 : 0, k][row % 3]! : 0;
      return { voter, opinion: new Uint8Array(32).fill(7, 0, 31).fill(value, 31), firstSeen: row * 1e6 };
    }),
  );
  const keys = Array.from({ length: paths }, (_, i) => `/nix/store/${"0".repeat(32)}-package${i % 20_000}-1.${i}`);
  const dossier = { proofs: [], secondAnswers: [], overrides: [], exclusions: [] };
  const tally = new Tally({
    voters: ids.map((logId) => ({ logId, name: logId })),
    dossier,
    bounds: BOUNDS,
    now: 1e9,
  });
  const start = performance.now();
  for (let i = 0; i < paths; i++) tally.add(keys[i]!, rows[i % rows.length]!);
  const added = performance.now();
  standingsOf({ figures: tally.figures(), dossier, bounds: BOUNDS, now: 1e9 });
  return { add: ((added - start) * 1e6) / paths, judge: performance.now() - added };
}

const runs = Array.from({ length: 5 }, () => costs(200_000, 10));
report({
  name: "standing: counting one path",
  value: median(runs.map(({ add }) => add)),
  unit: "ns",
  better: "less",
  how: "200 000 paths of 20 000 packages, 5 claims each, 10 % of them differing; median of 5",
});
report({
  name: "standing: judging 5 voters",
  value: median(runs.map(({ judge }) => judge)),
  unit: "ms",
  better: "less",
  how: "after those 200 000 paths: figures and standings; median of 5",
});
