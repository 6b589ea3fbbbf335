/**
 * Checks what a node stores: recomputes each log's three roots from the stored entries and heads, and holds every
 * derived record against them. Reads one snapshot, in bounded memory, and changes nothing; what it finds is data.
 *
 * @example
 * const reports = await fsck(store, { crypto, logs });
 * const isSound = reports.every(({ problemCount }) => problemCount === 0);
 */
import { type Crypto, fromHex } from "@trustix/crypto";
import type { LogHead, LogId, LogInfo } from "@trustix/protocol";
import type { Reads, Store } from "@trustix/storage";
import { LogKeys, logRecordKey } from "../logs/keys.ts";
import { serialOf } from "../logs/register-logs.ts";
import { checkEntries } from "./check-entries.ts";
import { checkHeads } from "./check-heads.ts";
import { checkMarker } from "./check-marker.ts";
import { checkMap } from "./check-map.ts";
import { checkQueue } from "./check-queue.ts";
import { checkSpaces } from "./check-spaces.ts";
import { Findings, type LogReport, type Progress } from "./report.ts";

export interface FsckOptions {
  readonly crypto: Crypto;
  /** The logs to check; one that the store does not hold is reported as missing. */
  readonly logs: readonly LogInfo[];
  /** A log's head marker, where there is one: the store must continue it. */
  readonly marked?: (logId: LogId) => Promise<LogHead | undefined>;
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
  const counted = { entries: 0, heads: 0, waiting: 0, refused: 0 };
  const keys = await keysOf(reads, info, findings);
  if (keys) {
    const { crypto, onProgress = () => {} } = options;
    const check: Check = { reads, crypto, info, keys, findings, progress: onProgress };
    const { heads, newest } = await checkHeads(check);
    counted.heads = heads;
    if (options.marked) await checkMarker(check, newest, options.marked);
    counted.entries = await checkEntries(check, newest);
    const map = await checkMap(check, newest);
    Object.assign(counted, await checkQueue(check, map));
    await checkSpaces(check);
  }
  const { problems, count } = findings;
  return { logId: info.id, ...counted, problems, problemCount: count };
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
