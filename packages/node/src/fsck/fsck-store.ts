/**
 * Checks what is in a store beside its logs' own records, which `fsck` checks log by log: the layout record, values that
 * no entry claims, what is kept of followed logs, evidence and signed calls, and that nothing lies where nothing should be.
 */
import { type Crypto, fromHex, toHex } from "@trustix/crypto";
import type { LogInfo } from "@trustix/protocol";
import type { Reads, Store } from "@trustix/storage";
import { emptyRanges, LogKeys, logRecordKey, NODE_KEY } from "../logs/keys.ts";
import { decodeNode, serialOf } from "../logs/register-logs.ts";
import { checkCalls } from "./check-calls.ts";
import { checkKeptEvidence } from "./check-evidence.ts";
import { checkFollowed } from "./check-followed.ts";
import { checkUnclaimed } from "./check-values.ts";
import { Findings, type Progress, type StoreReport } from "./report.ts";

export interface FsckStoreOptions {
  readonly crypto: Crypto;
  /** All logs that the store holds: `storedLogs`. */
  readonly logs: readonly LogInfo[];
  /** Followed logs whose keys are known. */
  readonly followed?: readonly LogInfo[];
  readonly onProgress?: Progress;
}

/** Throws only what the store throws. */
export async function fsckStore(store: Store, options: FsckStoreOptions): Promise<StoreReport> {
  const { crypto, logs, followed = [], onProgress = () => {} } = options;
  const findings = new Findings(undefined);
  const snapshot = store.snapshot();
  try {
    const serials = await checkSerials(snapshot, logs, findings);
    await checkEmptyRanges(snapshot, serials, findings);
    const keys = serials.map((serial) => new LogKeys(serial));
    const values = await checkUnclaimed(snapshot, keys, findings, onProgress);
    const records = await checkFollowed(snapshot, crypto, followed, findings);
    const evidence = await checkKeptEvidence(snapshot, crypto, findings);
    await checkCalls(snapshot, findings);
    return { values, followed: records, evidence, problems: findings.problems, problemCount: findings.count };
  } finally {
    await snapshot.close();
  }
}

/** The serials of the logs whose records can be read; each is its log's alone, and was given by the layout record. */
async function checkSerials(reads: Reads, logs: readonly LogInfo[], findings: Findings): Promise<number[]> {
  const recordKeys = logs.map(({ id }) => logRecordKey(fromHex(id)));
  const [node, ...records] = await reads.getMany([NODE_KEY, ...recordKeys]);
  // A store that no daemon has ever opened is empty.
  if (!node && logs.length > 0) findings.add("missing", "the store's layout record");
  const next = node && findings.reading("the store's layout record", () => decodeNode(node));
  const serials = new Set<number>();
  for (const [i, info] of logs.entries()) {
    const record = records[i];
    // Reported by the log's own check.
    const serial = record && findings.muted().reading("", () => serialOf(record, recordKeys[i]!, info));
    if (serial === undefined) continue;
    if (serials.has(serial)) findings.add("wrong", `log ${info.id} has serial ${serial}, which another log has`);
    if (next !== undefined && serial >= next)
      findings.add("wrong", `log ${info.id} has serial ${serial}, the next to be given is ${next}`);
    serials.add(serial);
  }
  return [...serials];
}

async function checkEmptyRanges(reads: Reads, serials: readonly number[], findings: Findings): Promise<void> {
  for (const { from, to } of emptyRanges(serials))
    for await (const [key] of reads.range(from, to, { keysOnly: true }))
      findings.add("surplus", `a record that belongs to no log and no known kind (key ${toHex(key)})`);
}
