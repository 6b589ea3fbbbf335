/**
 * The claims table: one row for each entry of a copy, and none that is not its. Rows of other voters are written one by
 * one, as each claim was verified, and nothing else here says which there should be: they can be read.
 */
import { equalBytes, toHex } from "@trustix/crypto";
import type { LogId } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { decodeClaim } from "../claims/claims.ts";
import { CLAIM_KEY_BYTES, allClaims, claimKey, serialOfClaim } from "../logs/keys.ts";
import type { Check } from "./fsck.ts";
import type { Findings, Progress } from "./report.ts";
import type { EntryRun } from "./stored-entries.ts";

/** Each of these entries of a copy has its row. */
export async function checkRunClaims({ reads, crypto, keys, findings }: Check, run: EntryRun): Promise<void> {
  const rows = run.entries.map(({ key }) => claimKey(crypto.sha256(key), keys.serial));
  const stored = await reads.getMany(rows);
  for (const [i, { valueDigest }] of run.entries.entries()) {
    const index = run.first + i;
    const record = stored[i];
    if (!record) {
      findings.add("missing", `the claim of entry ${index}`);
      continue;
    }
    const claim = findings.reading(`the claim of entry ${index}`, () => decodeClaim(record, rows[i]!));
    if (claim === undefined) continue;
    if (claim.index !== index) findings.add("wrong", `the claim of entry ${index} names entry ${claim.index}`);
    if (!equalBytes(claim.digest, valueDigest))
      findings.add("wrong", `the claim of entry ${index} has value ${toHex(claim.digest)}, not ${toHex(valueDigest)}`);
  }
}

/** A log or other voter of the store. */
export interface ClaimingVoter {
  readonly logId: LogId;
  /** Of its copy; `undefined` for one that is not copied. */
  readonly entries: number | undefined;
}

const TOLD_EVERY = 10_000;

/** Every row can be read and has a voter; copies have no more than their entries'. */
export async function checkClaimTable(
  reads: Reads,
  voters: ReadonlyMap<number, ClaimingVoter>,
  findings: Findings,
  progress: Progress,
): Promise<void> {
  const { from, to } = allClaims();
  const counts = new Map<number, number>();
  const total = [...voters.values()].reduce((sum, { entries = 0 }) => sum + entries, 0);
  let rows = 0;
  for await (const [key, value] of reads.range(from, to)) {
    if (++rows % TOLD_EVERY === 0) progress("claims", rows, total);
    if (key.length !== CLAIM_KEY_BYTES) {
      findings.add("surplus", `a record of unknown kind beside claims (key ${toHex(key)})`);
      continue;
    }
    findings.reading("claim", () => decodeClaim(value, key));
    const serial = serialOfClaim(key);
    if (!voters.has(serial))
      findings.add("surplus", `a claim of serial ${serial}, which nobody has (key ${toHex(key)})`);
    counts.set(serial, (counts.get(serial) ?? 0) + 1);
  }
  for (const [serial, { logId, entries }] of voters) {
    const count = counts.get(serial) ?? 0;
    if (entries !== undefined && count > entries)
      findings.add("surplus", `${count} claims of log ${logId} are stored, its copy has ${entries} entries`);
  }
}
