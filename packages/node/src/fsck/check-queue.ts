/** What waits and what was refused: every record readable, what it holds such as submit would have let it in. */
import { MAX_KEY_BYTES } from "@trustix/merkle";
import { equalBytes } from "@trustix/crypto";
import { numberOf } from "../logs/keys.ts";
import { decodeQueuePosition, decodeQueueRecord } from "../publisher/queue-record.ts";
import { decodeRefused } from "../publisher/refused-record.ts";
import type { Check } from "./fsck.ts";

/** How many items wait, and how many claims were refused. */
export async function checkQueue(check: Check): Promise<{ waiting: number; refused: number }> {
  return { waiting: await checkWaiting(check), refused: await checkRefused(check) };
}

async function checkWaiting({ reads, keys, findings }: Check): Promise<number> {
  const [stored] = await reads.getMany([keys.queuePosition]);
  const read = (bytes: Uint8Array): number => decodeQueuePosition(bytes, keys.queuePosition);
  const position = stored ? findings.reading("queue position", () => read(stored)) : 0;
  let waiting = 0;
  const { from, to } = keys.queueFrom(0);
  for await (const [key, value] of reads.range(from, to)) {
    const seq = numberOf(key);
    if (position !== undefined && seq < position)
      findings.add("surplus", `queue record ${seq} lies before the queue's position ${position}`);
    const items = findings.reading(`queue record ${seq}`, () => decodeQueueRecord(value, key)) ?? [];
    for (const [i, { key: claimed, value: claim }] of items.entries())
      if (claimed.length === 0 || claimed.length > MAX_KEY_BYTES || claim.length === 0)
        findings.add(
          "wrong",
          `queue record ${seq}: item ${i} has a key of ${claimed.length} and a value of ${claim.length} bytes`,
        );
    waiting += items.length;
  }
  return waiting;
}

async function checkRefused({ reads, keys, crypto, findings }: Check): Promise<number> {
  let refused = 0;
  const { from, to } = keys.allRefused();
  for await (const [key, value] of reads.range(from, to)) {
    refused++;
    const claim = findings.reading(`refused claim ${refused}`, () => decodeRefused(value, key));
    if (!claim) continue;
    const wanted = keys.refused(crypto.sha256(claim.key), crypto.sha256(claim.value));
    if (!equalBytes(key, wanted)) findings.add("wrong", `refused claim ${refused} lies under another claim's key`);
    if (equalBytes(claim.standing, crypto.sha256(claim.value)))
      findings.add("wrong", `refused claim ${refused} is the one that stands`);
  }
  return refused;
}
