/** What the proxy found out about a hash part: facts to serve and where their NAR can be had, or why not. */
import type { PolicyMode } from "@trustix/decider";
import type { ContentAddress, NarInfo, SignedFacts } from "@trustix/nix-formats";
import type { MadeReceipt } from "../receipts/receipt-folder.ts";
import type { Compression } from "./nar-name.ts";
import type { ProxyVote } from "./model.ts";
import type { Upstream } from "./upstream.ts";

/** A file with the NAR, at an upstream. */
export interface Source {
  readonly upstream: Upstream;
  /** As the upstream has it: its size and hash belong to the decided facts, the rest is its own word. */
  readonly info: NarInfo;
  readonly compression: Compression;
}

/**
 * `decided`: by vote. `let-through`: signed by a key of its upstream, and the policy allows that. `content-addressed`: its
 * name is the address of its content, which is checked; nobody has to vote on it.
 */
export const SERVED_OUTCOMES = ["decided", "let-through", "content-addressed"] as const;
export type ServedOutcome = (typeof SERVED_OUTCOMES)[number];

/** `undecided`: the voters. `unknown`: nobody names such a path. `no-source`: decided, but no upstream has those bytes. */
export const REFUSED_OUTCOMES = ["undecided", "unknown", "no-source"] as const;
export type RefusedOutcome = (typeof REFUSED_OUTCOMES)[number];

/** What the voters say of the facts that are served. `not asked`: of what is content-addressed. */
export type VoteOnServed = "agrees" | "differs" | "undecided" | "not asked";

export interface Served {
  readonly outcome: ServedOutcome;
  readonly facts: SignedFacts;
  /** There for what is content-addressed: what its NAR is to be checked against besides its hash. */
  readonly content: ContentAddress | undefined;
  readonly mode: PolicyMode;
  readonly vote: VoteOnServed;
  /** One sentence: the rule. */
  readonly reason: string;
  readonly votes: readonly ProxyVote[];
  /** The first one that was found; others are asked for when it fails. */
  readonly source: Source;
  /** Milliseconds since 1970 up to which time alone does not undo it. */
  readonly until: number;
  readonly takeReceipt: () => MadeReceipt | undefined;
}

export interface Refused {
  readonly outcome: RefusedOutcome;
  readonly storePath: string | undefined;
  readonly reason: string;
  readonly votes: readonly ProxyVote[];
}

export type Resolution = Served | Refused;

export function isServed(resolution: Resolution): resolution is Served {
  return "facts" in resolution;
}
