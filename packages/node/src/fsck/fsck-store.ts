/**
 * Checks what is in a store beside its logs' own records, which `fsck` checks log by log: the layout record, values that
 * no entry claims, what is kept of followed logs, of voters, of what binary caches said, evidence and signed calls, and that nothing lies where
 * nothing should be.
 */
import { type Crypto, fromHex, toHex } from "@trustix/crypto";
import type { LogId, LogInfo } from "@trustix/protocol";
import type { Reads, Store } from "@trustix/storage";
import { emptyRanges, LogKeys, logRecordKey, NODE_KEY } from "../logs/keys.ts";
import { decodeNode, serialOf } from "../logs/register-logs.ts";
import { checkCalls } from "./check-calls.ts";
import { type ClaimingVoter, checkClaimTable } from "./check-claims.ts";
import { checkDossier } from "./check-dossier.ts";
import { checkKeptEvidence } from "./check-evidence.ts";
import { checkFollowed } from "./check-followed.ts";
import { checkUnclaimed, entriesOfCopy } from "./check-values.ts";
import { checkVoices } from "./check-voices.ts";
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
    await checkEmptyRanges(snapshot, [...serials.keys()], findings);
    const keys = [...serials.keys()].map((serial) => new LogKeys(serial));
    const values = await checkUnclaimed(snapshot, keys, findings, onProgress);
    const records = await checkFollowed(snapshot, crypto, followed, findings);
    const evidence = await checkKeptEvidence(snapshot, crypto, findings);
    await checkCalls(snapshot, findings);
    await checkClaimTable(snapshot, await votersOf(snapshot, serials), findings, onProgress);
    await checkDossier(snapshot, crypto, findings);
    const answers = await checkVoices(snapshot, new Set(serials.keys()), findings);
    return { values, followed: records, evidence, answers, problems: findings.problems, problemCount: findings.count };
  } finally {
    await snapshot.close();
  }
}

/** The serials of the logs whose records can be read; each is its log's alone, and was given by the layout record. */
async function checkSerials(
  reads: Reads,
  logs: readonly LogInfo[],
  findings: Findings,
): Promise<ReadonlyMap<number, LogId>> {
  const recordKeys = logs.map(({ id }) => logRecordKey(fromHex(id)));
  const [node, ...records] = await reads.getMany([NODE_KEY, ...recordKeys]);
  // A store that no daemon has ever opened is empty.
  if (!node && logs.length > 0) findings.add("missing", "the store's layout record");
  const next = node && findings.reading("the store's layout record", () => decodeNode(node));
  const serials = new Map<number, LogId>();
  for (const [i, info] of logs.entries()) {
    const record = records[i];
    // Reported by the log's own check.
    const serial = record && findings.muted().reading("", () => serialOf(record, recordKeys[i]!, info));
    if (serial === undefined) continue;
    if (serials.has(serial)) findings.add("wrong", `log ${info.id} has serial ${serial}, which another log has`);
    if (next !== undefined && serial >= next)
      findings.add("wrong", `log ${info.id} has serial ${serial}, the next to be given is ${next}`);
    serials.set(serial, info.id);
  }
  return serials;
}

/** All registered logs; how far a copy is says its state, whose own check reports one that cannot be read. */
async function votersOf(
  reads: Reads,
  serials: ReadonlyMap<number, LogId>,
): Promise<ReadonlyMap<number, ClaimingVoter>> {
  const voters = new Map<number, ClaimingVoter>();
  for (const [serial, logId] of serials)
    voters.set(serial, { logId, entries: await entriesOfCopy(reads, new LogKeys(serial)) });
  return voters;
}

async function checkEmptyRanges(reads: Reads, serials: readonly number[], findings: Findings): Promise<void> {
  for (const { from, to } of emptyRanges(serials))
    for await (const [key] of reads.range(from, to, { keysOnly: true }))
      findings.add("surplus", `a record that belongs to no log and no known kind (key ${toHex(key)})`);
}
