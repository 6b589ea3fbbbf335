/**
 * What is installed of a closure, held against what the voters say. Apart from the package's main entry, because a command
 * that looks at closures needs nothing else of it.
 *
 * @example
 * const audit = await runAudit({ crypto, nix: nixRunner(process.env), roots: ["/nix/store/...-hello-2.12"], ask, time, signal });
 * audit.counts.dissent; audit.paths[0]?.why;
 */
export { runAudit, AuditError, type Asked, type AuditOptions, type AuditProgress } from "./run-audit.ts";
export {
  FINDING_TEXTS,
  FINDINGS,
  FINE_FINDINGS,
  isUnheard,
  sharedWhy,
  type Audit,
  type AuditClaim,
  type AuditedPath,
  type AuditVote,
  type AuditVoter,
  type Finding,
  type InstalledPath,
  type PathVerdict,
  type VoterFigures,
} from "./model.ts";
export { auditToJson } from "./audit-json.ts";
export { auditToSarif } from "./sarif.ts";
export { auditPage } from "./audit-page.ts";

// The machine's Nix.
export { ClosureError } from "../closure/read-closure.ts";
export { nixRunner, type RunNix } from "../closure/run-nix.ts";
