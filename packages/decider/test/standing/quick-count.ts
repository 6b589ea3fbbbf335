/**
 * The figures of `Tally` for simulated builders, counted without keys, digests and tables, so that 50 000 builders can be
 * looked at 200 times. A test holds it against the real `Tally` at full size.
 */
import type { CountedFigures, StandingBounds } from "../../src/index.ts";
import { AGE_CLASSES, ageClassOf, daysOf } from "../../src/standing/ages.ts";
import { agreeingOperators } from "../../src/standing/bounds.ts";
import { type Judged, judgeVoter } from "../../src/standing/judge-voter.ts";
import { DAY_MS, PATHS_A_DAY, simulateDays, type SimulatedPath, type World } from "./simulated-builders.ts";

const NONE: readonly number[] = Array.from({ length: AGE_CLASSES }, () => 0);

export class QuickCount {
  readonly #builders: number;
  readonly #agreeing: number;
  /** Compared paths until the end of each day; the same for all, because all build all. */
  readonly #compared: number[] = [];
  /** Splits, scatterings and dissents of each package. */
  readonly #trouble: Uint16Array;
  /** By builder: how often it stood alone on each package, and on which day last. */
  readonly #dissents: readonly Map<number, { count: number; day: number }>[];
  readonly #classes: Uint8Array;

  constructor({ builders, paths, pathsPerPackage }: World, bounds: StandingBounds) {
    this.#builders = builders;
    this.#agreeing = agreeingOperators(bounds, builders);
    this.#trouble = new Uint16Array(paths / pathsPerPackage);
    this.#dissents = Array.from({ length: builders }, () => new Map());
    this.#classes = Uint8Array.from({ length: paths / PATHS_A_DAY }, (_, days) => ageClassOf(0, days * DAY_MS));
  }

  addDay(paths: readonly SimulatedPath[]): void {
    const day = this.#compared.length;
    let unclear = 0;
    for (const { package: name, values } of paths) {
      const alone = this.#aloneAmong(values);
      if (alone === "nobody") continue;
      this.#trouble[name]!++;
      if (alone === "unclear") {
        unclear++;
        continue;
      }
      const known = this.#dissents[alone]!.get(name);
      if (known === undefined) this.#dissents[alone]!.set(name, { count: 1, day });
      else Object.assign(known, { count: known.count + 1, day });
    }
    this.#compared.push((this.#compared.at(-1) ?? 0) + PATHS_A_DAY - unclear);
  }

  /** As `Tally` would have them at the end of the last day. */
  figures(): Judged[] {
    const today = this.#compared.length - 1;
    const compared = NONE.map((_, age) => this.#comparedSince(today, age));
    return this.#dissents.map((_, i) => ({
      operator: i,
      judges: true,
      claims: (today + 1) * PATHS_A_DAY,
      counted: { compared, alone: this.#aloneSince(i, today), secondAnswers: NONE } satisfies CountedFigures,
    }));
  }

  /** Which builder is the only one to differ, if any. */
  #aloneAmong(values: Uint8Array): number | "nobody" | "unclear" {
    // The others of one that stands alone agree, so two of the first three do.
    const held = values[0] === values[1] || values[0] === values[2] ? values[0] : values[1];
    let alone: number | undefined;
    for (let i = 0; i < values.length; i++) {
      if (values[i] === held) continue;
      if (alone !== undefined) return "unclear";
      alone = i;
    }
    return alone === undefined ? "nobody" : this.#builders > this.#agreeing ? alone : "unclear";
  }

  #comparedSince(today: number, age: number): number {
    return this.#compared[today]! - (this.#compared[today - daysOf(age)] ?? 0);
  }

  #aloneSince(builder: number, today: number): number[] {
    const alone = NONE.slice();
    for (const [name, { count, day }] of this.#dissents[builder]!) {
      if (count > this.#trouble[name]! - count) alone[this.#classes[today - day]!]!++;
    }
    for (let age = 1; age < AGE_CLASSES; age++) alone[age]! += alone[age - 1]!;
    return alone;
  }
}

/** When a builder was first found suspect, or excluded. */
export interface Found {
  /** Paths built until then. */
  readonly paths: number;
  /** Packages that counted against it then. */
  readonly packages: number;
}

export interface Course {
  readonly suspect: Found | undefined;
  readonly excluded: Found | undefined;
}

/** One world, looked at after every 100 paths; one course for each of the `watched` builders (all, if left out). */
export function watchBuilders(world: World, seed: number, bounds: StandingBounds, watched = world.builders): Course[] {
  const count = new QuickCount(world, bounds);
  const suspect: (Found | undefined)[] = [];
  const excluded: (Found | undefined)[] = [];
  let paths = 0;
  for (const day of simulateDays(world, seed)) {
    count.addDay(day);
    paths += PATHS_A_DAY;
    const figures = count.figures();
    for (let i = 0; i < watched; i++) {
      if (excluded[i] !== undefined) continue;
      const { level } = judgeVoter(figures[i]!, figures, bounds);
      if (level === "good") continue;
      const found = { paths, packages: figures[i]!.counted.alone.at(-1)! };
      suspect[i] ??= found;
      if (level === "excluded") excluded[i] = found;
    }
  }
  return Array.from({ length: watched }, (_, i) => ({ suspect: suspect[i], excluded: excluded[i] }));
}
