/** What the proxy found out about a hash part: facts to serve and where their NAR can be had, or why not. */
import type { SignedFacts } from "@trustix/nix-formats";
import type { Compression } from "./nar-name.ts";
import type { NarInfo } from "@trustix/nix-formats";
import type { ProxyVote } from "./model.ts";
import type { Upstream } from "./upstream.ts";

/** A file with the NAR, at an upstream. */
export interface Source {
  readonly upstream: Upstream;
  /** As the upstream has it: its size and hash belong to the decided facts, the rest is its own word. */
  readonly info: NarInfo;
  readonly compression: Compression;
}

/** `decided`: by vote. `let-through`: undecided, but signed by a key of its upstream, and the policy allows that. */
export type ServedOutcome = "decided" | "let-through";

/** `undecided`: the voters. `unknown`: nobody names such a path. `no-source`: decided, but no upstream has those bytes. */
export type RefusedOutcome = "undecided" | "unknown" | "no-source";

export interface Served {
  readonly outcome: ServedOutcome;
  readonly facts: SignedFacts;
  /** One sentence: the rule. */
  readonly reason: string;
  readonly votes: readonly ProxyVote[];
  /** The first one that was found; others are asked for when it fails. */
  readonly source: Source;
}

export interface Refused {
  readonly outcome: RefusedOutcome;
  readonly storePath: string | undefined;
  readonly reason: string;
  readonly votes: readonly ProxyVote[];
}

export type Resolution = Served | Refused;

export function isServed(resolution: Resolution): resolution is Served {
  return resolution.outcome === "decided" || resolution.outcome === "let-through";
}
