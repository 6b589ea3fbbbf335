/** Decisions: votes, rules, the value behind the decided digest. */
export { createDecide } from "./decide.ts";
export type { DecideOptions } from "./decide.ts";
export { receiptOf } from "./receipt-of.ts";
