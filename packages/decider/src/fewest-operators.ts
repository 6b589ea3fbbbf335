/**
 * The smallest set of operators that a rule decides for, all others being silent: what a policy is worth.
 *
 * Group by group, the heaviest choice of each number of operators is kept (a knapsack). That is exact as long as no operator
 * sits in several groups; where one does, all smaller sets are tried one by one, within a budget.
 */
import { EVERYBODY, type Quorum, type Rule, type Voter } from "./policy.ts";
import { membersOfQuorum, type Member, type UnitMember } from "./weigh-quorum.ts";

export interface FewestOperators {
  /** Operators, and voters without one, by name. */
  readonly operators: readonly string[];
  /** Fewer are never enough. Below `operators.length` only if there were too many ways to try them all. */
  readonly atLeast: number;
}

/** `undefined`: not even all together. A function is taken to decide for any single claim. */
export function fewestForRule(rule: Rule, voters: readonly Voter[]): FewestOperators | undefined {
  switch (rule.engine) {
    case "quorum":
      return fewestForQuorum(rule, voters);
    case "percentage": {
      const n = membersOfQuorum(EVERYBODY, voters).length;
      const threshold = Math.max(1, Math.ceil((rule.minimum * n) / 100));
      return fewestForQuorum({ threshold, voters: undefined }, voters);
    }
    case "logid":
      return fewestForQuorum({ threshold: 1, voters: [rule.id] }, voters);
    case "javascript":
      return fewestForQuorum(EVERYBODY, voters);
  }
}

export function fewestForQuorum(quorum: Quorum, voters: readonly Voter[]): FewestOperators | undefined {
  const tree = treeOf(quorum, voters);
  const found = cheapest(tree);
  if (found === undefined) return undefined;
  const different = [...new Map(found.map((unit) => [unit.id, unit])).values()];
  const all = unitsOf(tree);
  const isExact = new Set(all.map(({ id }) => id)).size === all.length;
  const tried = isExact ? undefined : trySmaller(tree, different.length);
  const best = tried?.found ?? different;
  return { operators: best.map(nameOf).sort(), atLeast: tried?.atLeast ?? best.length };
}

function nameOf({ voters: [voter] }: UnitMember): string {
  return voter!.operator ?? voter!.name;
}

/** A quorum with its members looked up, once. */
interface Tree {
  readonly threshold: number;
  /** The heaviest first. */
  readonly units: readonly UnitMember[];
  readonly groups: readonly { readonly weight: number; readonly tree: Tree }[];
}

function treeOf(quorum: Quorum, voters: readonly Voter[]): Tree {
  const members: Member[] = membersOfQuorum(quorum, voters);
  return {
    threshold: quorum.threshold,
    units: members.filter((member) => member.kind === "unit").sort((a, b) => b.weight - a.weight),
    groups: members.flatMap((member) =>
      member.kind === "unit" ? [] : [{ weight: member.weight, tree: treeOf(member.group, voters) }],
    ),
  };
}

/** Those of all groups; one that sits in several is there as often. */
function unitsOf({ units, groups }: Tree): UnitMember[] {
  return [...units, ...groups.flatMap(({ tree }) => unitsOf(tree))];
}

interface Choice {
  readonly weight: number;
  /** The last ones chosen, and what was chosen before: long lists share their beginnings. */
  readonly last: readonly UnitMember[];
  readonly before: Choice | undefined;
}

/** The fewest units that the group accepts a value from, one that is needed in several groups as often. */
function cheapest({ threshold, units, groups }: Tree): UnitMember[] | undefined {
  if (threshold < 1) return undefined;
  // heaviest[n]: the best choice of n. Among units alone the heaviest are best.
  const heaviest: (Choice | undefined)[] = [{ weight: 0, last: [], before: undefined }];
  for (const unit of units) {
    const before = heaviest.at(-1)!;
    heaviest.push({ weight: before.weight + unit.weight, last: [unit], before });
  }
  for (const { weight, tree } of groups) {
    const last = cheapest(tree);
    if (last === undefined) continue;
    for (let n = heaviest.length - 1; n >= 0; n--) {
      const before = heaviest[n];
      if (before === undefined || before.weight + weight <= (heaviest[n + last.length]?.weight ?? -1)) continue;
      heaviest[n + last.length] = { weight: before.weight + weight, last, before };
    }
  }
  const chosen: UnitMember[] = [];
  let choice = heaviest.find((one) => one !== undefined && one.weight >= threshold);
  if (choice === undefined) return undefined;
  for (; choice !== undefined; choice = choice.before) chosen.push(...choice.last);
  return chosen;
}

/** Looks at single units that may be spent on trying sets: some tenths of a second. */
const BUDGET = 5_000_000;

/** The smallest set below `size`, if there is one, and how many were shown to be needed. */
function trySmaller(tree: Tree, size: number): { readonly found?: UnitMember[]; readonly atLeast: number } {
  const seats = unitsOf(tree);
  const different = [...new Map(seats.map((unit) => [unit.id, unit])).values()];
  let budget = BUDGET;
  for (let count = 1; count < size; count++) {
    for (const set of setsOf(different, count)) {
      budget -= seats.length;
      if (budget < 0) return { atLeast: count };
      if (accepts(tree, new Set(set.map(({ id }) => id)))) return { found: set, atLeast: count };
    }
  }
  return { atLeast: size };
}

function accepts({ threshold, units, groups }: Tree, claiming: ReadonlySet<string>): boolean {
  let weight = 0;
  for (const unit of units) if (claiming.has(unit.id)) weight += unit.weight;
  for (const inner of groups) if (accepts(inner.tree, claiming)) weight += inner.weight;
  return threshold >= 1 && weight >= threshold;
}

/** All sets of `count` items, one after the other. */
function* setsOf<T>(items: readonly T[], count: number, from = 0): Generator<T[]> {
  if (count === 0) yield [];
  else {
    for (let i = from; i <= items.length - count; i++) {
      for (const rest of setsOf(items, count - 1, i + 1)) yield [items[i]!, ...rest];
    }
  }
}
