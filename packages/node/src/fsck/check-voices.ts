/** What is kept of binary caches that vote: every record can be read, and is of a voter that this store knows. */
import { toHex } from "@trustix/crypto";
import type { Reads } from "@trustix/storage";
import { decodeVoice, decodeVoicesState } from "../caches/voice-record.ts";
import { allVoices, VOICE_KEY_BYTES, voicePlace, VOICES_STATE_KEY } from "../logs/keys.ts";
import type { Findings } from "./report.ts";

/** `serials`: those that were given. Returns how many records there are. */
export async function checkVoices(reads: Reads, serials: ReadonlySet<number>, findings: Findings): Promise<number> {
  const [state] = await reads.getMany([VOICES_STATE_KEY]);
  if (state) findings.reading("the state of what binary caches said", () => decodeVoicesState(state));
  const { from, to } = allVoices();
  let count = 0;
  for await (const [key, value] of reads.range(from, to)) {
    count++;
    if (key.length !== VOICE_KEY_BYTES) {
      findings.add("surplus", `a record of unknown kind beside what binary caches said (key ${toHex(key)})`);
      continue;
    }
    const { serial } = voicePlace(key);
    if (!serials.has(serial))
      findings.add("surplus", `what a cache with serial ${serial} said, which nobody has (key ${toHex(key)})`);
    findings.reading("what a binary cache said", () => decodeVoice(value, key));
  }
  return count;
}
