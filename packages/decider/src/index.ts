/**
 * L2. Votes in, decision with reasons out.
 *
 * ```ts
 * const outcome = decide({
 *   policy: {
 *     ...POLICY_DEFAULTS,
 *     protocol: NIX,
 *     rules: [{ engine: "quorum", threshold: 3, voters: undefined }],
 *     voters: [{ logId: mercury, name: "mercury", operator: "acme" }, ...], // everybody who may vote: N counts them all
 *   },
 *   key,                                                  // a store path
 *   votes,                                                // one per voter, see `Vote`
 *   opinions: new Map(),                                  // which digests mean the same
 *   time: clock.now(),                                    // exceptions end
 *   sandbox: undefined,                                   // needed by `javascript` only
 * });
 * outcome.decision?.digest; outcome.reason;               // "3 of 4 agree, 3 needed; saturn claims 9b7d0c11"
 * ```
 */
export { decide } from "./decide.ts";
export type { Decided, DecidedBy, Mismatch, Outcome, Question } from "./question.ts";

// What a person configured.
export type {
  Exception,
  Policy,
  PolicyMode,
  Quorum,
  QuorumGroup,
  Rule,
  RuleEngine,
  UndecidedRule,
  Voter,
} from "./policy.ts";
export { NAME, POLICY_BOUNDS, POLICY_DEFAULTS, POLICY_MODES, RULE_ENGINES, UNDECIDED_RULES } from "./policy.ts";
export { policyFromJson, policyToJson, type PolicyJson } from "./policy-json.ts";

// What it is worth, for people.
export { analysePolicy, type PolicyAnalysis, type PolicyFinding, type PolicyFindingCode } from "./analyse-policy.ts";
export { explainPolicy } from "./explain-policy.ts";
export type { FewestOperators } from "./fewest-operators.ts";
export { canAccept, canConflict, reachableWeight } from "./weigh-quorum.ts";

// Where functions of a person's own run.
export type { Sandbox, SandboxAnswer, SandboxInput, SandboxLimits } from "./sandbox.ts";
export { createSandbox, SANDBOX_LIMITS } from "./sandbox.ts";

// The standing of builders: count all claims once, then judge. See docs/design/standing.md.
export type { DissentBound, StandingBounds } from "./standing/bounds.ts";
export { agreeingOperators, DEFAULT_STANDING_BOUNDS } from "./standing/bounds.ts";
export type { PathKind } from "./standing/classify-path.ts";
export {
  type Dossier,
  type EarlierExclusion,
  type Override,
  pardonOf,
  type Proof,
  type SecondAnswer,
} from "./standing/dossier.ts";
export type { Judgement } from "./standing/judge-voter.ts";
export { packageOf } from "./standing/package-of.ts";
export type { PackageFigures } from "./standing/package-table.ts";
export type { Standing, Standings } from "./standing/standings.ts";
export { standingsOf } from "./standing/standings.ts";
export type { CountedFigures, DissentExample, PathClaim, TallyOptions, VoterFigures } from "./standing/tally.ts";
export { Tally } from "./standing/tally.ts";

// What claims mean.
export { comparesFacts, opinionsOf, type Opinions } from "./opinions.ts";

// Receipts: a decision that can be shown to somebody else.
export { RECEIPT_BOUNDS, type Receipt, type SignedReceipt, type Verdict } from "./receipt/receipt.ts";
export { readReceipt, writeReceipt } from "./receipt/receipt-file.ts";
export { voterIdOf, whyNotShown, type VoterKeys } from "./receipt/check-testimony.ts";
export { keysFromBytes, keysToText, type KnownKeys } from "./receipt/keys-file.ts";
export { verifyReceipt, type OwnSide, type VerifiedReceipt } from "./receipt/verify-receipt.ts";
