/** After a crash: every acknowledged key is in the log or the queue, with its value; refused claims are listed. */
import { equalBytes } from "@trustix/crypto";
import type { Store } from "@trustix/storage";
import { expect } from "vitest";
import { decodeQueueRecord } from "../../src/publisher/queue-record.ts";
import { openValues } from "../../src/logs/values.ts";
import { crypto, type TestLog } from "./test-log.ts";
import type { Notes } from "./workload.ts";

/** Every key of the log and of the queue, with its value. Fails for a key that is there twice. */
export async function keptClaims(store: Store, log: TestLog): Promise<Map<string, string>> {
  const kept = new Map<string, string>();
  const keep = (key: Uint8Array, value: Uint8Array): void => {
    const name = Buffer.from(key).toString();
    if (kept.has(name)) expect.fail(`${name} is there twice`);
    kept.set(name, Buffer.from(value).toString());
  };
  const { treeSize } = await log.reader.head();
  const values = openValues(store, crypto);
  for (let from = 0; from < treeSize; from += 1000) {
    const entries = await log.reader.entries(from, Math.min(from + 999, treeSize - 1));
    const found = await values.getMany(entries.map(({ valueDigest }) => valueDigest!));
    for (const [i, { key }] of entries.entries()) keep(key!, found[i]!);
  }
  const { from, to } = log.published.keys.queueFrom(0);
  for await (const [key, record] of store.range(from, to))
    for (const { key: claimed, value } of decodeQueueRecord(record, key)) keep(claimed, value);
  return kept;
}

export async function expectNothingLost(store: Store, log: TestLog, notes: Notes): Promise<void> {
  const kept = await keptClaims(store, log);
  // One expectation for all: hundreds of keys are looked at after each of hundreds of crashes.
  const lost = [...notes.acknowledged].filter(([key, value]) => kept.get(key) !== value);
  expect(lost, "acknowledged and not there").toEqual([]);
  const head = await log.reader.head();
  for (const seen of notes.heads) expect(head.treeSize).toBeGreaterThanOrEqual(seen.treeSize);
  const { claims: refused } = await log.publisher.refused();
  const listed = new Set(
    refused.map(({ key, value }) => `${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`),
  );
  for (const claim of notes.refused) expect(listed.has(claim), `refused claim ${claim}`).toBe(true);
  for (const { key, standing } of refused) {
    const stands = kept.get(Buffer.from(key).toString());
    expect(stands !== undefined && equalBytes(crypto.sha256(Buffer.from(stands)), standing)).toBe(true);
  }
}
