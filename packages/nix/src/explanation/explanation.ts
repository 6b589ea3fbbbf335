/**
 * A decision as a person may look at it: who says what, since when, what shows it, what came out by which rule. Made from one
 * answer of the node; as JSON here, as a page in `page.ts`.
 */
import type { PolicyMode } from "@trustix/decider";
import type { NixValue, VoteOutcome } from "@trustix/protocol";

export interface Explanation {
  /** What was asked about: in the Nix protocol, the store path. */
  readonly key: string;
  /** Milliseconds since 1970, by the node's clock. */
  readonly time: number;
  /** `undefined`: undecided. */
  readonly decision: ExplainedDecision | undefined;
  /** More than one value has enough. */
  readonly conflict: boolean;
  /** One sentence: which rule decided, or why none did. */
  readonly reason: string;
  readonly mode: PolicyMode;
  /** The policy lets the upstream's own answer through. */
  readonly letThrough: boolean;
  /** Milliseconds since 1970 up to which time alone does not undo it; `undefined`: it does not. */
  readonly until: number | undefined;
  /** One for each voter of the policy. */
  readonly voters: readonly ExplainedVoter[];
  /** By which it was made, one sentence an item; empty where nobody says. */
  readonly policy: readonly string[];
  /** A receipt file of it. */
  readonly receipt: Uint8Array | undefined;
}

export interface ExplainedDecision extends ExplainedClaim {
  /** 0..100. */
  readonly confidence: number;
}

export interface ExplainedClaim {
  /** Hex, of the value as it is claimed. */
  readonly digest: string;
  /** Hex, what is counted and what sentences name: the same for values that state the same facts, however they are spelt. */
  readonly opinion: string;
  /** `undefined`: it could not be had. */
  readonly value: Uint8Array | undefined;
  /** What the value says about the store path that was asked about; `undefined` if it does not. */
  readonly facts: NixValue | undefined;
  /** Why there are no facts, one sentence without its subject; `undefined`: there are, or none are wanted. */
  readonly flaw: string | undefined;
}

export interface ExplainedVoter {
  /** Hex. */
  readonly id: string;
  readonly name: string;
  readonly operator: string | undefined;
  /** As it counted. */
  readonly outcome: VoteOutcome;
  /** One sentence, may be empty. */
  readonly reason: string;
  /** Also what does not count, of a voter that is excluded or too old. */
  readonly claim: ExplainedClaim | undefined;
  /** Milliseconds since 1970 when this node first had the claim; `undefined` where that is not kept. */
  readonly since: number | undefined;
  readonly shownBy: ShownBy;
}

export type ShownBy =
  /** Only the node says so. */
  | { readonly kind: "asserted" }
  /** A signed head and a map proof; for a claim also the audit path of its entry. */
  | { readonly kind: "log"; readonly entries: number; readonly index: number | undefined }
  /** A narinfo signed by the cache's key. */
  | { readonly kind: "narinfo"; readonly narInfo: Uint8Array };

/** What shows a voter's answer, in words. */
export function describeProof({ outcome, claim, shownBy }: ExplainedVoter): string {
  switch (shownBy.kind) {
    case "asserted":
      return outcome === "claims" ? "nothing, this node says so" : "this node says so";
    case "log": {
      const head = `under a signed head of ${shownBy.entries} ${shownBy.entries === 1 ? "entry" : "entries"}`;
      return claim === undefined || shownBy.index === undefined
        ? `proof that it has no entry ${head}`
        : `entry ${shownBy.index} ${head}`;
    }
    case "narinfo":
      return "a narinfo signed by its key";
  }
}

/** What programs get. The receipt is left out: it is a file of its own. Times are milliseconds since 1970. */
export function explanationToJson(explanation: Explanation): Record<string, unknown> {
  const { key, time, decision, conflict, reason, mode, letThrough, until, voters, policy } = explanation;
  return {
    key,
    decided: decision !== undefined,
    ...(decision !== undefined && {
      digest: decision.digest,
      confidence: decision.confidence,
      ...(decision.value !== undefined && { value: textOf(decision.value) }),
    }),
    conflict,
    reason,
    mode,
    letThrough,
    time,
    ...(until !== undefined && { until }),
    voters: voters.map(voterToJson),
    ...(policy.length > 0 && { policy }),
  };
}

function voterToJson(voter: ExplainedVoter): object {
  const { id, name, operator, outcome, reason, claim, since, shownBy } = voter;
  return {
    id,
    name,
    ...(operator !== undefined && { operator }),
    outcome,
    ...(claim !== undefined && { [outcome === "claims" ? "digest" : "uncounted"]: claim.digest }),
    ...(claim !== undefined && claim.opinion !== claim.digest && { opinion: claim.opinion }),
    ...(claim?.flaw !== undefined && { flaw: claim.flaw }),
    ...(claim?.value !== undefined && { value: textOf(claim.value) }),
    ...(reason !== "" && { reason }),
    ...(since !== undefined && { since }),
    shownBy: shownBy.kind,
    ...(shownBy.kind === "log" && { treeSize: shownBy.entries }),
    ...(shownBy.kind === "log" && shownBy.index !== undefined && { index: shownBy.index }),
    ...(shownBy.kind === "narinfo" && { narInfo: textOf(shownBy.narInfo) }),
  };
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
