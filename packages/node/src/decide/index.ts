/** Decisions: votes, rules, the value behind the decided digest. */
export { createDecide, DEFAULT_BUDGET_MS } from "./decide.ts";
export type { DecideOptions, Policy } from "./decide.ts";
