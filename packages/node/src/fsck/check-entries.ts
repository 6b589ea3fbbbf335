/**
 * The log tree, grown again from the entries: every tile, the root of every head, and the records that find a Nix path by
 * its hash part.
 */
import { equalBytes, toHex } from "@trustix/crypto";
import { type LogEntry, LogTreeError, entryLeafHashInto } from "@trustix/merkle";
import { NIX } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import { RecordReader } from "../logs/byte-records.ts";
import { hashPartOf } from "../logs/hash-part.ts";
import { readEntries } from "../logs/read-entries.ts";
import { TreeCheck } from "./check-log-tree.ts";
import type { Check } from "./fsck.ts";
import { type EntryRun, storedEntries } from "./stored-entries.ts";

/** What the entries are held against. */
export interface EntriesWanted {
  /** How many there are to be. */
  readonly total: number;
  /** Who says so: `the newest head`. */
  readonly teller: string;
  /** Heads over the first so many entries, the smallest first. */
  readonly heads: AsyncIterator<{ readonly treeSize: number; readonly logRoot: Uint8Array }>;
  /** Checks what else each run of entries calls for. */
  readonly checkRun: (run: EntryRun) => Promise<void>;
}

/** Returns how many entries there are. */
export async function checkEntries(check: Check, wanted: EntriesWanted): Promise<number> {
  const { reads, crypto, keys, findings, progress } = check;
  const { total, teller, heads } = wanted;
  const tree = new TreeCheck(crypto, reads, keys.logTiles, "log", findings);
  let next = await heads.next();
  const compareHeads = async (): Promise<void> => {
    for (; !next.done && next.value.treeSize <= tree.tree.size; next = await heads.next())
      if (next.value.treeSize === tree.tree.size)
        tree.compareRoot(next.value.logRoot, `head of ${tree.tree.size} entries`);
  };
  await compareHeads();
  for await (const run of storedEntries(check, true)) {
    const { first, entries } = run;
    const hashes = new Uint8Array(entries.length * 32);
    for (const [i, { key, valueDigest }] of entries.entries())
      entryLeafHashInto(crypto, key, valueDigest, hashes, i * 32);
    for (let at = 0; at < entries.length;) {
      const boundary = next.done ? Infinity : next.value.treeSize - tree.tree.size;
      const take = Math.min(entries.length - at, boundary);
      await tree.append(hashes.subarray(at * 32, (at + take) * 32));
      at += take;
      await compareHeads();
    }
    await wanted.checkRun(run);
    if (check.info.protocol.id === NIX.id) await checkHashParts(check, entries, first);
    progress("entries", tree.tree.size, total);
  }
  await tree.finish();
  const { size } = tree.tree;
  if (size > total) findings.add("surplus", `${size} entries are stored, ${teller} has ${total}`);
  if (size < total) findings.add("missing", `${size} entries are stored, ${teller} has ${total}`);
  if (check.info.protocol.id === NIX.id) await checkHashPartRecords(check, size);
  return size;
}

/** Each path can be found by its hash part. */
async function checkHashParts(
  { reads, keys, findings }: Check,
  entries: readonly LogEntry[],
  first: number,
): Promise<void> {
  const parts = entries.map(({ key }) => hashPartOf(key));
  const wanted = parts.filter((part) => part !== undefined);
  const stored = await reads.getMany(wanted.map((part) => keys.hashPart(part)));
  for (const [i, part] of wanted.entries())
    if (!stored[i]) findings.add("missing", `index record of hash part ${toHex(part)}, claimed from entry ${first} on`);
}

/** Each record leads to a path with its hash part. */
async function checkHashPartRecords(check: Check, size: number): Promise<void> {
  const { reads, keys, findings } = check;
  const { from, to } = keys.hashParts();
  for await (const [recordKey, value] of reads.range(from, to)) {
    const part = recordKey.subarray(from.length);
    const what = `index record of hash part ${toHex(part)}`;
    const index = findings.reading(what, () => new RecordReader(value, what, recordKey).u48());
    if (index === undefined) continue;
    const key = index < size ? await keyOf(check, index) : undefined;
    if (index >= size) findings.add("surplus", `${what} names entry ${index} of ${size}`);
    else if (!key || !equalBytes(hashPartOf(key) ?? key, part))
      findings.add("wrong", `${what} names entry ${index}, which has another`);
  }
}

/** `undefined` where the bundle is damaged, which its own check reports. */
async function keyOf({ reads, keys }: Check, index: number): Promise<Uint8Array | undefined> {
  try {
    return (await readEntries(reads, keys, [index]))[0]!.key;
  } catch (error) {
    if (error instanceof NodeError || error instanceof LogTreeError) return undefined;
    throw error;
  }
}
