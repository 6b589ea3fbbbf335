/** What is asked of the deciders and what they answer. */
import type { Hash, LogId, Vote } from "@trustix/protocol";
import type { Sandbox } from "./sandbox.ts";

/** The engines of the existing program and `quorum`. */
export const RULE_ENGINES = ["quorum", "percentage", "logid", "javascript"] as const;
export type RuleEngine = (typeof RULE_ENGINES)[number];

/** One way to decide. Numbers have been checked where the configuration was read. */
export type Rule =
  /** The only value that at least `threshold` of `voters` (default: every configured log) claim. */
  | { readonly engine: "quorum"; readonly threshold: number; readonly voters: readonly LogId[] | undefined }
  /** The value most logs claim, if it is alone at the top and at least `minimum` percent of the configured logs claim it. */
  | { readonly engine: "percentage"; readonly minimum: number }
  /** Whatever that log claims. */
  | { readonly engine: "logid"; readonly id: LogId }
  /** Source of a function from `{LogID, Value}[]` to one of the values. */
  | { readonly engine: "javascript"; readonly source: string };

/** A configured log of the protocol; `name` is how people know it. */
export interface Voter {
  readonly logId: LogId;
  readonly name: string;
}

export interface Question {
  /** Tried in order; the first that decides wins. */
  readonly rules: readonly Rule[];
  /** Every configured log, whatever its state: N of "M of N". Repeats are counted once. */
  readonly voters: readonly Voter[];
  /** At most one a voter. Votes of logs that are not configured are ignored; a voter whose votes differ claims nothing. */
  readonly votes: readonly Vote[];
  /** Runs `javascript` rules; without one they do not decide. */
  readonly sandbox: Sandbox | undefined;
}

export interface Decided {
  readonly digest: Hash;
  /** 0..100: share of the voters for `quorum` and `percentage`, 100 for `logid`, 1 for `javascript`. */
  readonly confidence: number;
  /** Every configured log that claims `digest`, in configured order. */
  readonly logIds: readonly LogId[];
  /** Position in `rules` of the rule that decided. */
  readonly rule: number;
  readonly engine: RuleEngine;
}

/** A configured log that claims another value than the decided one. */
export interface Mismatch {
  readonly logId: LogId;
  readonly digest: Hash;
}

export interface Outcome {
  /** `undefined`: undecided, see `reason`. */
  readonly decision: Decided | undefined;
  /** One sentence for a person: which rule decided, or why none did, and who said what. */
  readonly reason: string;
  /** Empty when undecided: nothing was decided that a log could differ from. */
  readonly mismatches: readonly Mismatch[];
  /** Every configured log that claims nothing, whatever the cause. */
  readonly misses: readonly LogId[];
}
