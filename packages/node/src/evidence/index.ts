/** Evidence: proofs of misbehaviour, kept, handed on, taken in. */
export { openEvidence } from "./evidence-store.ts";
