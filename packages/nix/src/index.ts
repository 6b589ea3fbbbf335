/**
 * L3. The Nix side of Trustix: what a builder runs (post-build hook, spool, closure submission) and what a user runs
 * (binary caches that vote, binary cache proxy).
 */

// For builders: noting what was built, and submitting it.
export { claimOf, type Claim, type PathFacts, type Submit, type SubmitOutcome } from "./claim.ts";
export { HOOK_SCRIPT } from "./hook/hook-script.ts";
export { openSpool, type Spool } from "./spool/spool-worker.ts";
export { openSpoolWhenFree } from "./spool/wait-for-place.ts";
export { type DrainReport, type SpoolClock, type SpoolLog, type SpoolOptions } from "./spool/spool-options.ts";
export { defaultSpoolFolder } from "./spool/spool-folder.ts";
export { inspectSpool, type SpoolState } from "./spool/inspect-spool.ts";
export { publishFilter, type PublishFilter, type PublishRules } from "./spool/publish-filter.ts";
export { SpoolError, type SpoolErrorCode } from "./spool/spool-error.ts";
export {
  submitClosure,
  type ClosureProgress,
  type ClosureReport,
  type SubmitClosureOptions,
} from "./closure/submit-closure.ts";
export { ClosureError } from "./closure/read-closure.ts";
export { nixRunner, type RunNix } from "./closure/run-nix.ts";

export type { Clock } from "./clock.ts";

// For whoever looks after it: what the machine's Nix is told.
export { readNixSettings, type ReadSettings, type ReadSettingsOptions } from "./settings/read-settings.ts";
export { SETTING_NAMES, type NixSettings, type Setting, type SettingName } from "./settings/fold-settings.ts";
export type { Origin } from "./settings/nix-conf.ts";

// Binary caches as voters.
export { createCacheVoters } from "./cache-voters/cache-voters.ts";
export { DEFAULT_BUDGET_MS, type CacheVoterConfig, type CacheVotersOptions } from "./cache-voters/model.ts";

// Binary cache proxy.
export { createBinaryCacheProxy, type BinaryCacheProxy } from "./proxy/proxy.ts";
export {
  PROXY_LIMITS,
  type DecidePath,
  type DeciderState,
  type ExplainPath,
  type ProxyDecision,
  type ProxyLimits,
  type ProxyLog,
  type ProxyOptions,
  type ProxyVote,
  type UpstreamConfig,
} from "./proxy/model.ts";
export {
  openReceiptFolder,
  type KeptReceipt,
  type MadeReceipt,
  type ReceiptFolder,
  type ReceiptFolderOptions,
  type ReceiptStatus,
} from "./receipts/receipt-folder.ts";
