/**
 * Both policies' outcomes for one path after the other. What a policy decides depends on who agrees with whom, on the
 * exceptions that match, and on nothing else, unless it has a function, which sees the values: so one decision stands for
 * all paths of a pattern, and a million paths take a few hundred decisions.
 */
import { equalBytes } from "@trustix/crypto";
import { decide, type Outcome, type Policy, type Sandbox } from "@trustix/decider";
import type { Hash, Vote } from "@trustix/protocol";
import type { SimulatedChange } from "../model.ts";
import type { Electorate } from "./electorate.ts";

/** What a voter holds of one path, by its place among the electors. */
export interface HeldView {
  readonly place: number;
  /** Of the opinion. */
  readonly digest: Hash;
}

export interface Judged {
  readonly pattern: string;
  readonly change: SimulatedChange;
  readonly now: Outcome;
  readonly tried: Outcome;
}

export interface JudgeOptions {
  readonly now: Policy;
  readonly tried: Policy;
  readonly electorate: Electorate;
  readonly sandbox: Sandbox | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
}

const NO_KEY = new Uint8Array(0);

export class PathJudge {
  /** Whether outcomes depend on more than who agrees with whom. */
  readonly seesValues: boolean;
  readonly #options: JudgeOptions;
  readonly #hasExceptions: boolean;
  readonly #known = new Map<string, Judged>();

  constructor(options: JudgeOptions) {
    this.#options = options;
    const policies = [options.now, options.tried];
    this.seesValues = policies.some(({ rules }) => rules.some(({ engine }) => engine === "javascript"));
    this.#hasExceptions = policies.some(({ exceptions }) => exceptions.length > 0);
  }

  /** What stands for every path on which these voters hold these views; `undefined`: `judge` must look. */
  settled(views: readonly HeldView[]): Judged | undefined {
    const judged = this.#known.get(this.#patternOf(views));
    return judged === undefined || this.seesValues || this.#mayBeExcused(judged) ? undefined : judged;
  }

  /** With this path's own words. `key` is asked for only if it matters. */
  async judge(views: readonly HeldView[], key: () => Promise<Uint8Array | undefined>): Promise<Judged> {
    const pattern = this.#patternOf(views);
    const judged = this.#decide(pattern, views, NO_KEY);
    if (!this.#known.has(pattern)) this.#known.set(pattern, judged);
    return this.#mayBeExcused(judged) ? this.#decide(pattern, views, (await key()) ?? NO_KEY) : judged;
  }

  #mayBeExcused({ now, tried }: Judged): boolean {
    return this.#hasExceptions && (now.decision === undefined || tried.decision === undefined);
  }

  /** One character an elector: who holds the same opinion as whom. */
  #patternOf(views: readonly HeldView[]): string {
    const { electors } = this.#options.electorate;
    const opinions: Hash[] = [];
    let pattern = "";
    for (const { place, digest } of views) {
      let opinion = 0;
      while (opinion < opinions.length && !equalBytes(opinions[opinion]!, digest)) opinion++;
      if (opinion === opinions.length) opinions.push(digest);
      pattern = pattern.padEnd(place, ".") + String.fromCharCode(FIRST_LETTER + opinion);
    }
    return pattern.padEnd(electors.length, ".");
  }

  #decide(pattern: string, views: readonly HeldView[], key: Uint8Array): Judged {
    const { electorate, sandbox, time } = this.#options;
    const votes = electorate.electors.map(({ silent }) => silent);
    for (const { place, digest } of views) {
      const { logId } = votes[place]!;
      votes[place] = { logId, outcome: "claims", digest, reason: "" };
    }
    const ask = (policy: Policy): Outcome => decide({ policy, key, votes, opinions: NO_OPINIONS, time, sandbox });
    const now = ask(this.#options.now);
    const tried = this.#options.now === this.#options.tried ? now : ask(this.#options.tried);
    const change = changeOf(now, tried);
    return { pattern: `${pattern} ${signOf(now, votes)} ${signOf(tried, votes)}`, change, now, tried };
  }
}

/** Views are opinions already. */
const NO_OPINIONS: ReadonlyMap<string, Hash> = new Map();
const FIRST_LETTER = "a".charCodeAt(0);

function changeOf({ decision: now }: Outcome, { decision: tried }: Outcome): SimulatedChange {
  if (now === undefined) return tried === undefined ? "still-undecided" : "newly-decided";
  if (tried === undefined) return "no-longer-decided";
  return equalBytes(now.digest, tried.digest) ? "same" : "other-value";
}

/** What came out, in terms of the pattern: by which rule or exception, and for whom. */
function signOf({ decision, conflict }: Outcome, votes: readonly Vote[]): string {
  if (decision === undefined) return conflict ? "conflict" : "undecided";
  const first = votes.findIndex(({ digest }) => digest !== undefined && equalBytes(digest, decision.digest));
  return `${decision.by.kind === "rule" ? decision.by.rule : decision.by.exception.match}:${first}`;
}
