/** What is kept of signed calls: nothing but ids of calls that were made, and the latest time up to which they are forgotten. */
import { equalBytes, startsWith, toHex } from "@trustix/crypto";
import type { Reads } from "@trustix/storage";
import { CALL_ID_BYTES, callRecords, FORGOTTEN_CALLS_KEY, madeCalls } from "../logs/keys.ts";
import type { Findings } from "./report.ts";

const TIME_BYTES = 6;

export async function checkCalls(reads: Reads, findings: Findings): Promise<void> {
  const { from, to } = callRecords();
  const made = madeCalls().from;
  for await (const [key, value] of reads.range(from, to)) {
    if (equalBytes(key, FORGOTTEN_CALLS_KEY)) {
      if (value.length !== TIME_BYTES)
        findings.add("unreadable", `the time of forgotten calls: ${value.length} bytes came, ${TIME_BYTES} wanted`);
    } else if (startsWith(key, made) && key.length === made.length + TIME_BYTES + CALL_ID_BYTES) {
      if (value.length > 0)
        findings.add("wrong", `signed call (key ${toHex(key)}): holds ${value.length} bytes, none wanted`);
    } else findings.add("surplus", `a record of unknown kind beside signed calls (key ${toHex(key)})`);
  }
}
