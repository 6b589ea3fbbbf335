/**
 * Values that no entry claims. A value is written with the entry that claims it and never removed, so one without is
 * damage or somebody else's. Memory is bounded: of a large store, the digests are gone through part by part.
 */
import { toHex } from "@trustix/crypto";
import type { Reads } from "@trustix/storage";
import { readLastHead } from "../logs/head-record.ts";
import { type LogKeys, valuesBetween } from "../logs/keys.ts";
import { Findings, type Progress } from "./report.ts";
import { storedEntries } from "./stored-entries.ts";

/** Digests held at once, about 100 bytes each. */
const DIGESTS_AT_ONCE = 1 << 20;

/** How many values there are. That each has its digest is checked with its entry. */
export async function checkUnclaimed(
  reads: Reads,
  logs: readonly LogKeys[],
  findings: Findings,
  progress: Progress,
  digestsAtOnce = DIGESTS_AT_ONCE,
): Promise<number> {
  let entries = 0;
  for (const keys of logs) entries += await treeSize(reads, keys);
  const bits = Math.max(0, Math.ceil(Math.log2(entries / digestsAtOnce)));
  let count = 0;
  for (let part = 0; part < 2 ** bits; part++) {
    const claimed = await claimedDigests(reads, logs, (digest) => topBits(digest, bits) === part);
    const to = part + 1 === 2 ** bits ? undefined : partStart(part + 1, bits);
    const range = valuesBetween(partStart(part, bits), to);
    for await (const [key] of reads.range(range.from, range.to, { keysOnly: true })) {
      count++;
      const digest = key.subarray(1);
      if (!claimed.has(nameOf(digest))) findings.add("surplus", `value ${toHex(digest)}, which no entry claims`);
    }
    progress("values", part + 1, 2 ** bits);
  }
  return count;
}

/** 0 where the newest head cannot be read, which its log's check reports. */
async function treeSize(reads: Reads, keys: LogKeys): Promise<number> {
  try {
    return (await readLastHead(reads, keys))?.head.treeSize ?? 0;
  } catch {
    return 0;
  }
}

async function claimedDigests(
  reads: Reads,
  logs: readonly LogKeys[],
  isWanted: (digest: Uint8Array) => boolean,
): Promise<Set<string>> {
  const claimed = new Set<string>();
  for (const keys of logs)
    // Damaged bundles are reported by their log's check.
    for await (const { entries } of storedEntries({ reads, keys, findings: new Findings(undefined) }, false))
      for (const { valueDigest } of entries) if (isWanted(valueDigest)) claimed.add(nameOf(valueDigest));
  return claimed;
}

function nameOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString("latin1");
}

function topBits(digest: Uint8Array, bits: number): number {
  return bits === 0 ? 0 : Buffer.from(digest.buffer, digest.byteOffset, 4).readUInt32BE() >>> (32 - bits);
}

function partStart(part: number, bits: number): Uint8Array {
  const start = Buffer.alloc(4);
  if (bits > 0) start.writeUInt32BE((part << (32 - bits)) >>> 0);
  return new Uint8Array(start);
}
