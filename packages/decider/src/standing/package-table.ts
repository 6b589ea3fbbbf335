/**
 * What happened to each package: how often it reproduced, how often not, and who stood alone on it.
 *
 * A package counts against a voter if the voter dissented on it (stood alone, or gave a second answer) more often than
 * everything else happened to it: paths on which builders split or scatter, and dissents of others. A package that gives
 * trouble to all is the package's fault, and one dissent of an accomplice does not hide twenty of somebody else's.
 *
 * Bounded: `MAX_PACKAGES` names, half as many again for packages in trouble, and `MAX_DISSENTERS` voters each; what more
 * of them dissent on is trouble for all. What is beyond counts against no voter. Claims come in the order of their hashes,
 * so nobody chooses whose that is.
 */
import { AGE_CLASSES } from "./ages.ts";
import { packageOf } from "./package-of.ts";

const MAX_PACKAGES = 200_000;
const MAX_DISSENTERS = 4;

export interface PackageFigures {
  readonly name: string;
  /** Paths on which all of at least two operators agree. */
  readonly reproduced: number;
  /** Paths on which builders split or scatter, or stood alone before they were pardoned. */
  readonly unreproduced: number;
  /** Paths on which one voter stood alone, and second answers. */
  readonly dissents: number;
}

export type Dissent = "alone" | "secondAnswers";

/** A voter's place in the tally, and its operator's number. */
export interface Place {
  readonly seat: number;
  readonly operator: number;
}

interface Dissenter extends Place {
  alone: number;
  secondAnswers: number;
  /** Age class of the youngest. */
  age: number;
}

interface Package {
  reproduced: number;
  unreproduced: number;
  readonly dissenters: Dissenter[];
}

/** Different packages that count against a voter, by the age class of its youngest dissent there. */
export type CountedPackages = Record<Dissent, Uint32Array>;

export class PackageTable {
  readonly #packages = new Map<string, Package>();
  readonly #max: number;

  constructor(max = MAX_PACKAGES) {
    this.#max = max;
  }

  addReproduced(key: string): void {
    const entry = this.#open(key, this.#max);
    if (entry !== undefined) entry.reproduced++;
  }

  addUnreproduced(key: string): void {
    const entry = this.#open(key, this.#max * 1.5);
    if (entry !== undefined) entry.unreproduced++;
  }

  addDissent(key: string, { seat, operator }: Place, kind: Dissent, age: number): void {
    const entry = this.#open(key, this.#max * 1.5);
    if (entry === undefined) return;
    const known = entry.dissenters.find((one) => one.seat === seat);
    if (known !== undefined) {
      known[kind]++;
      known.age = Math.min(known.age, age);
    } else if (entry.dissenters.length < MAX_DISSENTERS) {
      entry.dissenters.push({ seat, operator, alone: 0, secondAnswers: 0, age, [kind]: 1 });
    } else entry.unreproduced++;
  }

  /** Whether the package of this key counts against the voter in this seat. */
  counts(key: string, seat: number): boolean {
    const entry = this.#packages.get(packageOf(key));
    const dissenter = entry?.dissenters.find((one) => one.seat === seat);
    return entry !== undefined && dissenter !== undefined && isCounted(entry, dissenter);
  }

  /** For each of `seats` voters. A package is counted once: as `alone` if the voter ever stood alone on it. */
  counted(seats: number): CountedPackages[] {
    const result = Array.from({ length: seats }, () => ({
      alone: new Uint32Array(AGE_CLASSES),
      secondAnswers: new Uint32Array(AGE_CLASSES),
    }));
    for (const entry of this.#packages.values()) {
      for (const one of entry.dissenters) {
        const kind = one.alone > 0 ? "alone" : "secondAnswers";
        if (isCounted(entry, one)) result[one.seat]![kind][one.age]!++;
      }
    }
    return result;
  }

  *figures(): Generator<PackageFigures> {
    for (const [name, { reproduced, unreproduced, dissenters }] of this.#packages) {
      yield { name, reproduced, unreproduced, dissents: dissenters.reduce((sum, one) => sum + dissentsOf(one), 0) };
    }
  }

  #open(key: string, max: number): Package | undefined {
    const name = packageOf(key);
    const known = this.#packages.get(name);
    if (known !== undefined || this.#packages.size >= max) return known;
    const entry: Package = { reproduced: 0, unreproduced: 0, dissenters: [] };
    this.#packages.set(name, entry);
    return entry;
  }
}

/** Voters of one operator that dissent together do not excuse each other. */
function isCounted({ unreproduced, dissenters }: Package, voter: Dissenter): boolean {
  const others = dissenters.filter(({ operator }) => operator !== voter.operator);
  return dissentsOf(voter) > others.reduce((sum, one) => sum + dissentsOf(one), unreproduced);
}

function dissentsOf({ alone, secondAnswers }: Dissenter): number {
  return alone + secondAnswers;
}
