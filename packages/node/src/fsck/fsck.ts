/**
 * Checks what a node stores: recomputes each log's three roots from the stored entries and heads, and holds every
 * derived record against them. Reads one snapshot, in bounded memory, and changes nothing; what it finds is data.
 *
 * @example
 * const reports = await fsck(store, { crypto, logs });
 * const isSound = reports.every(({ problemCount }) => problemCount === 0);
 */
import { type Crypto, fromHex } from "@trustix/crypto";
import type { LogId, LogInfo } from "@trustix/protocol";
import type { Reads, Store } from "@trustix/storage";
import { LogKeys, logRecordKey } from "../logs/keys.ts";
import { serialOf } from "../logs/register-logs.ts";
import type { MarkedPlace } from "../publisher/head-marker.ts";
import { checkCopy } from "./check-copy.ts";
import { checkPublished } from "./check-published.ts";
import { Findings, type LogFound, type LogReport, type Progress } from "./report.ts";

export interface FsckOptions {
  readonly crypto: Crypto;
  /** The logs to check; one that the store does not hold is reported as missing. */
  readonly logs: readonly LogInfo[];
  /** A log's head markers, wherever one may be: the store must continue them. */
  readonly markers?: (logId: LogId) => readonly MarkedPlace[];
  readonly onProgress?: Progress;
}

/** What one part of the check needs. */
export interface Check {
  readonly reads: Reads;
  readonly crypto: Crypto;
  readonly info: LogInfo;
  readonly keys: LogKeys;
  readonly findings: Findings;
  readonly progress: Progress;
}

const NOTHING = { kind: "published", entries: 0, heads: 0, waiting: 0, refused: 0 } as const;

/** One report a log. Throws only what the store throws. */
export async function fsck(store: Store, options: FsckOptions): Promise<LogReport[]> {
  const snapshot = store.snapshot();
  try {
    const reports: LogReport[] = [];
    for (const info of options.logs) reports.push(await checkLog(snapshot, info, options));
    return reports;
  } finally {
    await snapshot.close();
  }
}

async function checkLog(reads: Reads, info: LogInfo, options: FsckOptions): Promise<LogReport> {
  const findings = new Findings(info.id);
  const keys = await keysOf(reads, info, findings);
  let found: LogFound = NOTHING;
  if (keys) {
    const { crypto, onProgress = () => {} } = options;
    const check: Check = { reads, crypto, info, keys, findings, progress: onProgress };
    const [copy] = await reads.getMany([keys.mirrorState]);
    found = copy ? await checkCopy(check, copy) : await checkPublished(check, options.markers?.(info.id) ?? []);
  }
  const { problems, count } = findings;
  return { logId: info.id, ...found, problems, problemCount: count };
}

async function keysOf(reads: Reads, info: LogInfo, findings: Findings): Promise<LogKeys | undefined> {
  const key = logRecordKey(fromHex(info.id));
  const [record] = await reads.getMany([key]);
  if (!record) {
    findings.add("missing", `the store holds no log ${info.id}`);
    return undefined;
  }
  return findings.reading("the log's record", () => new LogKeys(serialOf(record, key, info)));
}
