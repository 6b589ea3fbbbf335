/**
 * L3. The daemon: publishes logs, follows those of others, decides, answers.
 *
 * @example
 * const config = await loadConfig("trustix.toml", { crypto });
 * const daemon = await startDaemon({ config, state: "/var/lib/trustix", ... });
 * process.once("SIGTERM", () => void daemon.close());
 */
// For whoever runs it.
export { startDaemon, type Daemon, type DaemonOptions } from "./daemon.ts";
export { loadConfig, type Config } from "./config/index.ts";
export { hintIfRefused } from "./permission-hint.ts";
export { ERROR_CODES, NodeError, type ErrorCode } from "./errors.ts";
export type { Clock, Publisher } from "./model.ts";
export { readNodeKey } from "./node-key.ts";

// For whoever looks after what it stores.
export { recoverLog, type Recovered, type RecoverOptions } from "./recover-log.ts";
export { fsck, type FsckOptions } from "./fsck/fsck.ts";
export { fsckStore, type FsckStoreOptions } from "./fsck/fsck-store.ts";
export { headMarkersOf } from "./publisher/head-marker.ts";
export { openExistingStore } from "./open-store.ts";
export { storedLogs } from "./fsck/stored-logs.ts";
export type { LogReport, Problem, ProblemKind, Progress, StoreReport } from "./fsck/report.ts";
