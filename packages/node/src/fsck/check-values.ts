/**
 * Values and entries: each entry's value is there, or known to be missing where that may be; and a value that no entry
 * claims is damage or somebody else's, because values are written with an entry that claims them and never removed.
 * Memory is bounded: of a large store, the digests are gone through part by part.
 */
import { equalBytes, toHex } from "@trustix/crypto";
import type { Hash } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { readLastHead } from "../logs/head-record.ts";
import {
  type KeyRange,
  type LogKeys,
  privateValueKey,
  privateValuesBetween,
  valueKey,
  valuesBetween,
} from "../logs/keys.ts";
import { decodeMirrorState } from "../mirror/mirror-state.ts";
import type { Check } from "./fsck.ts";
import { Findings, type Progress } from "./report.ts";
import { type EntryRun, storedEntries } from "./stored-entries.ts";

/** Returns which of the digests have no value, published or private; one that has another digest is a problem. */
export async function lackingValues(
  { reads, crypto, findings }: Pick<Check, "reads" | "crypto" | "findings">,
  { entries }: EntryRun,
): Promise<boolean[]> {
  const places = [valueKey, privateValueKey];
  const values = await reads.getMany(places.flatMap((keyOf) => entries.map(({ valueDigest }) => keyOf(valueDigest))));
  for (const [at, value] of values.entries()) {
    const { valueDigest } = entries[at % entries.length]!;
    if (value && !equalBytes(crypto.sha256(value), valueDigest))
      findings.add("wrong", `value ${toHex(valueDigest)} has another digest`);
  }
  return entries.map((_, i) => values[i] === undefined && values[entries.length + i] === undefined);
}

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
  let count = 0;
  const sizes = await Promise.all(logs.map((keys) => sizeOf(reads, keys)));
  const entries = sizes.reduce((sum, size) => sum + size, 0);
  for (const between of [valuesBetween, privateValuesBetween])
    for await (const found of claimedParts({ reads, logs, entries, between, digestsAtOnce })) {
      for await (const digest of found.digests) {
        count++;
        if (!found.claimed(digest)) findings.add("surplus", `value ${toHex(digest)}, which no entry claims`);
      }
      progress("values", found.part + 1, found.parts);
    }
  return count;
}

/** Notes of values that nobody delivered: each is empty, and of an entry of this copy with so many entries. */
export async function checkMissingNotes({ reads, keys, findings }: Check, entries: number): Promise<void> {
  const { from, to } = keys.missingValues();
  let isAny = false;
  for await (const [, note] of reads.range(from, to)) {
    isAny = true;
    if (note.length > 0) findings.add("wrong", `a note of a missing value holds ${note.length} bytes, none wanted`);
  }
  // The entries need not be gone through for a copy that lacks nothing.
  if (!isAny) return;
  const between = keys.missingBetween.bind(keys);
  for await (const { digests, claimed } of claimedParts({ reads, logs: [keys], entries, between })) {
    for await (const digest of digests)
      if (!claimed(digest)) findings.add("surplus", `missing value ${toHex(digest)} is noted, which no entry claims`);
  }
}

interface ClaimedSearch {
  readonly reads: Reads;
  /** Whose entries claim. */
  readonly logs: readonly LogKeys[];
  /** How many they have, about. */
  readonly entries: number;
  /** Keys that end in a digest of at least `from` and below `to`. */
  readonly between: (from: Hash, to: Hash | undefined) => KeyRange;
  readonly digestsAtOnce?: number;
}

interface ClaimedPart {
  readonly part: number;
  readonly parts: number;
  /** Those of the stored keys, ascending. */
  readonly digests: AsyncIterable<Hash>;
  readonly claimed: (digest: Hash) => boolean;
}

async function* claimedParts(search: ClaimedSearch): AsyncGenerator<ClaimedPart> {
  const { reads, logs, entries, between, digestsAtOnce = DIGESTS_AT_ONCE } = search;
  const bits = Math.max(0, Math.ceil(Math.log2(entries / digestsAtOnce)));
  const parts = 2 ** bits;
  const prefix = between(new Uint8Array(0), undefined).from.length;
  for (let part = 0; part < parts; part++) {
    const found = await claimedDigests(reads, logs, (digest) => topBits(digest, bits) === part);
    const range = between(partStart(part, bits), part + 1 === parts ? undefined : partStart(part + 1, bits));
    const digests = digestsOf(reads, range, prefix);
    yield { part, parts, digests, claimed: (digest) => found.has(nameOf(digest)) };
  }
}

async function* digestsOf(reads: Reads, { from, to }: KeyRange, prefix: number): AsyncGenerator<Hash> {
  for await (const [key] of reads.range(from, to, { keysOnly: true })) yield key.subarray(prefix);
}

/** Entries of a log or a copy; 0 where the record that says so cannot be read, which its own check reports. */
async function sizeOf(reads: Reads, keys: LogKeys): Promise<number> {
  try {
    return (await entriesOfCopy(reads, keys)) ?? (await readLastHead(reads, keys))?.head.treeSize ?? 0;
  } catch {
    return 0;
  }
}

/** `undefined` for a log that is not copied, or whose copy's state cannot be read. */
export async function entriesOfCopy(reads: Reads, keys: LogKeys): Promise<number | undefined> {
  const [record] = await reads.getMany([keys.mirrorState]);
  return record && new Findings(undefined).reading("", () => decodeMirrorState(record, keys.mirrorState))?.entries;
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
