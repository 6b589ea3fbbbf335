/**
 * Counts, over all keys that anybody claims something for, how each voter compares with the others. One pass, one call a
 * key, in any order; the result does not depend on the order as long as no bound of the package table is reached. Memory
 * is bounded by the package table (25 MB for 100 000 packages, 210 MB if somebody fills it) and a fixed part a voter.
 *
 * Voters that are excluded outright (by proof, by the user) are compared with the others, but nobody with them, and what
 * they do excuses nobody.
 */
import type { Hash, LogId } from "@trustix/protocol";
import { unitOf } from "../count-votes.ts";
import type { Voter } from "../policy.ts";
import { accumulate, AGE_CLASSES, ageClassOf } from "./ages.ts";
import { agreeingOperators, type StandingBounds } from "./bounds.ts";
import { classifyPath, type PathKind, type PathVerdict, sameHash } from "./classify-path.ts";
import { type Dossier, outrightExclusion, pardonOf } from "./dossier.ts";
import { type Dissent, type PackageFigures, PackageTable } from "./package-table.ts";

/** What a voter is known, verified, to claim for a key. */
export interface PathClaim {
  readonly voter: LogId;
  /** 32 bytes, equal for claims that mean the same. */
  readonly opinion: Hash;
  /** Milliseconds since 1970 when this node first had it. */
  readonly firstSeen: number;
}

/** How a voter's claims compare with those of the others. Counts of keys, unless they say otherwise. */
export interface VoterFigures {
  readonly logId: LogId;
  /** A number that is the operator's own among the figures of one tally. */
  readonly operator: number;
  /** Whether others are compared with it. */
  readonly judges: boolean;
  /** All its claims: the sum of the seven below. */
  readonly claims: number;
  /** No other operator that it could be compared with claims anything. */
  readonly single: number;
  /** Too few others claim something to compare, and all agree. */
  readonly fewAgreed: number;
  readonly fewDiffering: number;
  /** Compared: it holds what (at least all but one of) the others hold. */
  readonly agreed: number;
  /** Compared: it differs, and all others agree. */
  readonly alone: number;
  readonly split: number;
  readonly scattered: number;
  /** How many of `alone` were first seen before the last pardon. */
  readonly forgiven: number;
  /** Since the last pardon. */
  readonly secondAnswers: number;
  /** What the standing is computed from, see `CountedFigures`. */
  readonly counted: CountedFigures;
  /** The latest dissents that count, the youngest first. */
  readonly examples: readonly DissentExample[];
}

/**
 * Since the last pardon, and in the last 8 * 2^k days at place k; the last place is everything. `compared` are keys, `alone`
 * and `secondAnswers` are different packages that count against the voter (see package-table.ts).
 */
export interface CountedFigures {
  readonly compared: readonly number[];
  readonly alone: readonly number[];
  readonly secondAnswers: readonly number[];
}

export interface DissentExample {
  readonly key: string;
  readonly at: number;
  readonly kind: Dissent;
}

export interface TallyOptions {
  /** Every configured voter, once. */
  readonly voters: readonly Voter[];
  readonly dossier: Dossier;
  readonly bounds: StandingBounds;
  /** Milliseconds since 1970; ages are counted from here. */
  readonly now: number;
}

/** Kept of each voter, of which some turn out not to count. */
const EXAMPLES_KEPT = 32;
const EXAMPLES_SHOWN = 5;

type Count = "single" | "fewAgreed" | "fewDiffering" | "agreed" | "alone" | "split" | "scattered";

interface Seat {
  readonly seat: number;
  readonly logId: LogId;
  readonly operator: number;
  readonly judges: boolean;
  readonly pardonedAt: number;
  readonly counts: Record<Count | "claims" | "forgiven" | "secondAnswers", number>;
  /** By age class. */
  readonly compared: Uint32Array;
  readonly examples: DissentExample[];
}

interface SeatedClaim {
  readonly seat: Seat;
  readonly operator: number;
  readonly opinion: Hash;
  readonly firstSeen: number;
}

export class Tally {
  readonly #seats: ReadonlyMap<LogId, Seat>;
  readonly #packages: PackageTable;
  readonly #agreeing: number;
  readonly #now: number;

  constructor({ voters, dossier, bounds, now }: TallyOptions, packages = new PackageTable()) {
    const operators = new Map<string, number>();
    this.#seats = new Map(voters.map((voter, i) => [voter.logId, seatOf(voter, i, operators, dossier)]));
    this.#packages = packages;
    this.#agreeing = agreeingOperators(bounds, operators.size);
    this.#now = now;
    for (const answer of dossier.secondAnswers) this.#addSecondAnswer(answer);
  }

  /**
   * All claims for one key, at most one a voter; those of voters that are not configured are ignored. `key` is a store
   * path, or another key's text; it may be left out where all opinions are equal, and then counts for no package.
   */
  add(key: string | undefined, claims: readonly PathClaim[]): void {
    const seated: SeatedClaim[] = [];
    let outside = 0;
    for (const { voter, opinion, firstSeen } of claims) {
      const seat = this.#seats.get(voter);
      if (seat === undefined) continue;
      seated.push({ seat, operator: seat.operator, opinion, firstSeen });
      if (!seat.judges) outside++;
    }
    const judges = outside === 0 ? seated : seated.filter(({ seat }) => seat.judges);
    const verdict = classifyPath(judges, this.#agreeing);
    const isOpen = verdict.kind === "few" || verdict.kind === "single";
    for (const claim of seated) {
      // Where they are just too few to say anything of each other, they may suffice for one that is excluded.
      const seen = isOpen && !claim.seat.judges ? classifyPath([...judges, claim], this.#agreeing) : verdict;
      this.#count(key, claim, countOf(claim, seen));
    }
    if (key !== undefined) this.#countPackage(key, verdict);
  }

  /** One for each voter, in their order. */
  figures(): VoterFigures[] {
    const counted = this.#packages.counted(this.#seats.size);
    return [...this.#seats.values()].map((seat) => ({
      logId: seat.logId,
      operator: seat.operator,
      judges: seat.judges,
      ...seat.counts,
      counted: {
        compared: accumulate(seat.compared),
        alone: accumulate(counted[seat.seat]!.alone),
        secondAnswers: accumulate(counted[seat.seat]!.secondAnswers),
      },
      examples: seat.examples.filter(({ key }) => this.#packages.counts(key, seat.seat)).slice(0, EXAMPLES_SHOWN),
    }));
  }

  /** Every package that was seen, in no order. */
  packages(): Iterable<PackageFigures> {
    return this.#packages.figures();
  }

  #count(key: string | undefined, { seat, firstSeen }: SeatedClaim, count: Count): void {
    seat.counts.claims++;
    seat.counts[count]++;
    if (!seat.judges || (count !== "agreed" && count !== "alone")) return;
    if (firstSeen <= seat.pardonedAt) {
      if (count === "alone") this.#forgive(key, seat);
      return;
    }
    const age = ageClassOf(firstSeen, this.#now);
    seat.compared[age]!++;
    if (count === "alone" && key !== undefined) this.#addDissent(seat, { key, at: firstSeen, kind: "alone" }, age);
  }

  /** Others that dissent on this package have the same excuse. */
  #forgive(key: string | undefined, seat: Seat): void {
    seat.counts.forgiven++;
    if (key !== undefined) this.#packages.addUnreproduced(key);
  }

  #addSecondAnswer({ voter, key, at }: Dossier["secondAnswers"][number]): void {
    const seat = this.#seats.get(voter);
    if (seat === undefined || !seat.judges) return;
    if (at <= seat.pardonedAt) return this.#packages.addUnreproduced(key);
    seat.counts.secondAnswers++;
    this.#addDissent(seat, { key, at, kind: "secondAnswers" }, ageClassOf(at, this.#now));
  }

  #addDissent(seat: Seat, dissent: DissentExample, age: number): void {
    this.#packages.addDissent(dissent.key, seat, dissent.kind, age);
    const { examples } = seat;
    if (examples.length === EXAMPLES_KEPT && examples.at(-1)!.at >= dissent.at) return;
    const place = examples.findIndex(({ at }) => at < dissent.at);
    examples.splice(place < 0 ? examples.length : place, 0, dissent);
    if (examples.length > EXAMPLES_KEPT) examples.pop();
  }

  #countPackage(key: string, { kind, agreed }: PathVerdict): void {
    if (kind === "agreed" || (kind === "few" && agreed !== undefined)) this.#packages.addReproduced(key);
    else if (kind === "split" || kind === "scattered") this.#packages.addUnreproduced(key);
  }
}

function seatOf(voter: Voter, index: number, operators: Map<string, number>, dossier: Dossier): Seat {
  const unit = unitOf(voter);
  const operator = operators.get(unit) ?? operators.size;
  operators.set(unit, operator);
  return {
    seat: index,
    logId: voter.logId,
    operator,
    judges: outrightExclusion(dossier, voter.logId) === undefined,
    pardonedAt: pardonOf(dossier.overrides, voter.logId)?.at ?? -Infinity,
    counts: {
      claims: 0,
      single: 0,
      fewAgreed: 0,
      fewDiffering: 0,
      agreed: 0,
      alone: 0,
      split: 0,
      scattered: 0,
      forgiven: 0,
      secondAnswers: 0,
    },
    compared: new Uint32Array(AGE_CLASSES),
    examples: [],
  };
}

/** The verdict on a key as one claim sees it. */
function countOf({ opinion }: SeatedClaim, { kind, agreed }: PathVerdict): Count {
  const agrees = agreed !== undefined && sameHash(opinion, agreed);
  switch (kind) {
    case "few":
      return agrees ? "fewAgreed" : "fewDiffering";
    case "agreed":
    case "alone":
      return agrees ? "agreed" : "alone";
    case "single":
    case "split":
    case "scattered":
      return kind satisfies PathKind;
  }
}
