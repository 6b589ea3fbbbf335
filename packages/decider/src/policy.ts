/**
 * What a person configured for one protocol: whom to believe and how far. Plain data, so that a decision can be replayed
 * from it (`policy-json.ts`). The order of voters, groups and exceptions means nothing; the order of rules does.
 */
import type { LogId, Protocol } from "@trustix/protocol";

/** The engines of the existing program and `quorum`. */
export const RULE_ENGINES = ["quorum", "percentage", "logid", "javascript"] as const;
export type RuleEngine = (typeof RULE_ENGINES)[number];

/** What is done with the decision: serve only what is decided; let the rest through with a warning; only look on. */
export const POLICY_MODES = ["enforce", "warn", "observe"] as const;
export type PolicyMode = (typeof POLICY_MODES)[number];

/** What becomes of a path on which nothing is decided. */
export const UNDECIDED_RULES = ["build", "wait", "trust-upstream"] as const;
export type UndecidedRule = (typeof UNDECIDED_RULES)[number];

export interface Policy {
  readonly protocol: Protocol;
  /** Tried in order; the first that decides wins. */
  readonly rules: readonly Rule[];
  /** Everybody who may vote, whatever their state: N of "M of N". Repeats are counted once. */
  readonly voters: readonly Voter[];
  readonly exceptions: readonly Exception[];
  readonly mode: PolicyMode;
  readonly undecided: UndecidedRule;
  /** How long `undecided: "wait"` waits. */
  readonly waitBudgetMs: number;
  /** A vote under a head last confirmed longer ago is stale; `undefined`: of any age. Applied by whoever gathers votes. */
  readonly maxHeadAgeMs: number | undefined;
}

/** Spread under a policy's own settings. */
export const POLICY_DEFAULTS = {
  exceptions: [],
  mode: "enforce",
  undecided: "build",
  waitBudgetMs: 30_000,
  maxHeadAgeMs: undefined,
} as const satisfies Partial<Policy>;

/** A log, or the key of a cache. */
export interface Voter {
  readonly logId: LogId;
  /** How people know it. */
  readonly name: string;
  /** Who runs it: voters of one operator count once. `undefined`: somebody who runs nothing else. */
  readonly operator?: string | undefined;
}

/** One way to decide. Numbers have been checked where the configuration was read. */
export type Rule =
  /** The only value that the group accepts. */
  | ({ readonly engine: "quorum" } & Quorum)
  /** The value most operators claim, if it is alone at the top and at least `minimum` percent of all operators claim it. */
  | { readonly engine: "percentage"; readonly minimum: number }
  /** Whatever that voter claims. */
  | { readonly engine: "logid"; readonly id: LogId }
  /** Source of a function from `{LogID, Value}[]`, by ascending id, to one of the values. */
  | { readonly engine: "javascript"; readonly source: string };

/** Accepts a value if members with a weight of at least `threshold` stand behind it. */
export interface Quorum {
  /** From 1. */
  readonly threshold: number;
  /** `undefined` without `groups`: every configured voter; with `groups`: none beside them. */
  readonly voters: readonly LogId[] | undefined;
  /** By voter; 1 if not there. An operator has the largest of its voters in this group. */
  readonly weights?: Readonly<Record<LogId, number>> | undefined;
  /** Members beside the voters. */
  readonly groups?: readonly QuorumGroup[] | undefined;
}

/** Every configured operator, each with one vote. */
export const EVERYBODY: Quorum = { threshold: 1, voters: undefined };

export interface QuorumGroup extends Quorum {
  /** For people. */
  readonly name?: string | undefined;
  /** In the group around it; default 1. */
  readonly weight?: number | undefined;
}

/** For some paths, who must still agree when no rule decided. Never nobody. */
export interface Exception {
  /** A whole key if it begins with `/`, else a glob on the name: `*` any characters, `?` one. */
  readonly match: string;
  readonly reason: string;
  /** Milliseconds since 1970; from then on it does not decide. */
  readonly expires: number;
  /** At least one. */
  readonly voters: readonly LogId[];
  /** How many of the operators behind `voters` must claim the same value. */
  readonly threshold: number;
}

/** Names of voters, operators and groups. */
export const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u;

/** More of anything is somebody's mistake, or an attack on whoever reads a policy of others. */
export const POLICY_BOUNDS = {
  voters: 10_000,
  rules: 100,
  /** Groups within groups. */
  depth: 4,
  /** Groups of one rule. */
  groups: 1000,
  /** Voters listed in all groups of one rule. */
  seats: 20_000,
  weight: 1000,
  threshold: 1_000_000,
  exceptions: 1000,
  /** Characters of an exception's pattern. */
  match: 300,
  /** Characters of an exception's reason. */
  reason: 500,
  /** Characters of a function. */
  source: 65_536,
  /** Milliseconds, about 30 years. */
  duration: 1e12,
  /** The end of the year 9999. */
  time: 253_402_300_800_000,
} as const;
