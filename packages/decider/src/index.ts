/**
 * L2. Votes in, decision with reasons out.
 *
 * ```ts
 * const outcome = decide({
 *   rules: [{ engine: "quorum", threshold: 3, voters: undefined }],
 *   voters: [{ logId: mercury, name: "mercury" }, ...],   // every configured log: N counts them all
 *   votes,                                                // one per voter, see `Vote`
 *   sandbox: undefined,                                   // needed by `javascript` only
 * });
 * outcome.decision?.digest; outcome.reason;               // "3 of 4 agree, 3 needed; saturn claims 9b7d0c11"
 * ```
 */
export { decide } from "./decide.ts";
export type { Decided, Mismatch, Outcome, Question, Rule, RuleEngine, Voter } from "./question.ts";
export { RULE_ENGINES } from "./question.ts";
export type { Sandbox, SandboxAnswer, SandboxInput, SandboxLimits } from "./sandbox.ts";
export { createSandbox, SANDBOX_LIMITS } from "./sandbox.ts";
