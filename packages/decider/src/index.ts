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

// Where functions of a person's own run.
export type { Sandbox, SandboxAnswer, SandboxInput, SandboxLimits } from "./sandbox.ts";
export { createSandbox, SANDBOX_LIMITS } from "./sandbox.ts";
