/** Proofs of misbehaviour: each lies under its own key and convicts whom it accuses. That needs nothing but the record. */
import { checkEvidence } from "@trustix/client";
import { type Crypto, toHex } from "@trustix/crypto";
import type { Reads } from "@trustix/storage";
import { decodeEvidence } from "../evidence/evidence-record.ts";
import { EVIDENCE_KEY_BYTES, allEvidence } from "../logs/keys.ts";
import type { Findings } from "./report.ts";

/** How many there are. */
export async function checkKeptEvidence(reads: Reads, crypto: Crypto, findings: Findings): Promise<number> {
  const { from, to } = allEvidence();
  let count = 0;
  for await (const [key, record] of reads.range(from, to)) {
    if (key.length !== EVIDENCE_KEY_BYTES) {
      findings.add("surplus", `a record of unknown kind beside evidence (key ${toHex(key)})`);
      continue;
    }
    count++;
    const kept = findings.reading("evidence", () => decodeEvidence(crypto, key, record));
    if (kept === undefined) continue;
    try {
      checkEvidence(crypto, kept.evidence, kept.evidence.publicKey);
    } catch (error) {
      findings.add("wrong", `${kept.id}: ${(error as Error).message}`);
    }
  }
  return count;
}
