/**
 * Builders that all build the same paths, 100 a day. Of the packages, 5 % have two values (each machine shows the rarer one
 * of a path with a chance of its own, and always the same one), 5 % scatter (all differ), and 90 % reproduce. Builder 0 may
 * tamper: on some paths it claims a value of its own.
 *
 * Everything follows from the seed (sfc32).
 */
import type { LogId } from "@trustix/protocol";
import { type Dossier, type StandingBounds, Tally } from "../../src/index.ts";
import { sfc32 } from "./random.ts";

export const PATHS_A_DAY = 100;
export const DAY_MS = 86_400_000;

export interface World {
  readonly builders: number;
  readonly paths: number;
  /** Each package has so many paths (versions, outputs); it reproduces with all of them or with none. */
  readonly pathsPerPackage: number;
  /** Chance of the rarer value, by builder; 0.2 for those not listed. */
  readonly rarer: readonly number[];
  /** `path`: drawn for each path and machine. `machine`: drawn once for each machine, for all paths. */
  readonly drawn: "path" | "machine";
  /** Builder 0 tampers with this share of its paths, from path number `from` on. */
  readonly tampers: { readonly share: number; readonly from: number };
}

/** The world of the promise: nobody tampers, and every path is a package of its own. */
export const HONEST: World = {
  builders: 5,
  paths: 20_000,
  pathsPerPackage: 1,
  rarer: [],
  drawn: "path",
  tampers: { share: 0, from: 0 },
};

const COMMON = 0;
const RARER = 1;
const TAMPERED = 2;
const OWN = 3;

/** A path on which builders may differ. */
export interface SimulatedPath {
  readonly package: number;
  /** What each builder claims, as small numbers. */
  readonly values: Uint8Array;
}

/** For each day the paths on which builders may differ; on the others of its 100 all agree. */
export function* simulateDays(world: World, seed: number): Generator<readonly SimulatedPath[]> {
  const random = sfc32(seed);
  const { builders, paths, tampers } = world;
  const packages = paths / world.pathsPerPackage;
  const rarer = Array.from({ length: builders }, (_, i) => world.rarer[i] ?? 0.2);
  const traits = world.drawn === "machine" ? rarer.map((chance) => (random() < chance ? 1 : 0)) : rarer;
  const order = shuffled(paths, random);
  for (let begin = 0; begin < paths; begin += PATHS_A_DAY) {
    const day: SimulatedPath[] = [];
    for (let number = begin; number < begin + PATHS_A_DAY; number++) {
      const name = order[number]! % packages;
      const tampered = tampers.share > 0 && number >= tampers.from && random() < tampers.share;
      if (name >= packages * 0.1 && !tampered) continue;
      const values = new Uint8Array(builders).fill(COMMON);
      for (let i = 0; i < builders; i++) {
        if (name < packages * 0.05) values[i] = random() < traits[i]! ? RARER : COMMON;
        else if (name < packages * 0.1) values[i] = OWN + i;
      }
      if (tampered) values[0] = TAMPERED;
      day.push({ package: name, values });
    }
    yield day;
  }
}

/** The numbers below `count` in a random order (Fisher and Yates). */
function shuffled(count: number, random: () => number): Uint32Array {
  const list = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const swapped = list[i]!;
    list[i] = list[j]!;
    list[j] = swapped;
  }
  return list;
}

/** The same builders through the real `Tally`, as it would be made at the end of day `today`. */
export function tallyBuilders(world: World, seed: number, bounds: StandingBounds, today: number): Tally {
  const ids = Array.from({ length: world.builders }, (_, i) => `${i}`.padStart(64, "0") as LogId);
  const dossier: Dossier = { proofs: [], secondAnswers: [], overrides: [], exclusions: [] };
  const tally = new Tally({
    voters: ids.map((logId) => ({ logId, name: logId })),
    dossier,
    bounds,
    now: today * DAY_MS,
  });
  const agreed = new Uint8Array(world.builders);
  let day = 0;
  for (const paths of simulateDays(world, seed)) {
    if (day > today) break;
    for (let i = 0; i < PATHS_A_DAY; i++) {
      const path = paths[i];
      const values = path?.values ?? agreed;
      const claims = ids.map((voter, i) => ({ voter, opinion: digestOf(values[i]!), firstSeen: day * DAY_MS }));
      tally.add(path === undefined ? `fine${i}-${day}` : `p${path.package}-${day}.${i}`, claims);
    }
    day++;
  }
  return tally;
}

/** 32 bytes, different for different values. */
function digestOf(value: number): Uint8Array {
  const digest = new Uint8Array(32);
  digest[31] = value;
  return digest;
}
