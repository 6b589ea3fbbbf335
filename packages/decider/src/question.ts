/** What is asked of a policy and what it answers. */
import type { Hash, LogId, Vote } from "@trustix/protocol";
import type { Exception, Policy, RuleEngine } from "./policy.ts";
import type { Sandbox } from "./sandbox.ts";

/** The same question has the same answer, anywhere and at any time: `time` comes in as well. */
export interface Question {
  readonly policy: Policy;
  /** What is asked about; exceptions match it. */
  readonly key: Uint8Array;
  /** At most one a voter. Votes of strangers are ignored; a voter whose votes differ claims nothing. */
  readonly votes: readonly Vote[];
  /**
   * Hex of a claimed digest to the digest of the same facts in canonical form: claims of one opinion are one value. A digest
   * that is not there stands for itself.
   */
  readonly opinions: ReadonlyMap<string, Hash>;
  /** Milliseconds since 1970. Exceptions end. */
  readonly time: number;
  /** Runs `javascript` rules; without one they do not decide. */
  readonly sandbox: Sandbox | undefined;
}

export interface Decided {
  /** The opinion's, which may be nobody's claimed digest, see `Question.opinions`. */
  readonly digest: Hash;
  /** 0..100: share of the operators for `quorum`, `percentage` and exceptions, 100 for `logid`, 1 for `javascript`. */
  readonly confidence: number;
  /** Every configured voter that claims this opinion, by ascending id. */
  readonly logIds: readonly LogId[];
  readonly by: DecidedBy;
}

export type DecidedBy =
  /** `rule`: position in the policy's rules. */
  | { readonly kind: "rule"; readonly rule: number; readonly engine: RuleEngine }
  /** The decision must not be used once the exception has expired. */
  | { readonly kind: "exception"; readonly exception: Exception };

/** A configured voter that claims another opinion than the decided one, with its own digest. */
export interface Mismatch {
  readonly logId: LogId;
  readonly digest: Hash;
}

export interface Outcome {
  /** `undefined`: undecided, see `reason`. */
  readonly decision: Decided | undefined;
  /** Undecided, and more than one value had enough. */
  readonly conflict: boolean;
  /** One sentence for a person: which rule decided, or why none did, and who said what. */
  readonly reason: string;
  /** By ascending id. Empty when undecided: nothing was decided that a voter could differ from. */
  readonly mismatches: readonly Mismatch[];
  /** Every configured voter that claims nothing, whatever the cause; by ascending id. */
  readonly misses: readonly LogId[];
}
