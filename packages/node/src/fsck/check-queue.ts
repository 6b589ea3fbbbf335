/** What waits and what was refused: every record readable, what it holds such as submit would have let it in. */
import { equalBytes, toHex } from "@trustix/crypto";
import { LogTreeError, MAX_KEY_BYTES, type SparseMap, SparseMapError } from "@trustix/merkle";
import { NodeError } from "../errors.ts";
import { numberOf } from "../logs/keys.ts";
import { readEntries } from "../logs/read-entries.ts";
import { resolveNeeds } from "../logs/resolve-needs.ts";
import { decodeQueuePosition, decodeQueueRecord } from "../publisher/queue-record.ts";
import { decodeRefused } from "../publisher/refused-record.ts";
import type { Check } from "./fsck.ts";

/** How many items wait, and how many claims were refused. `map`: the newest, if it could be opened. */
export async function checkQueue(
  check: Check,
  map: SparseMap | undefined,
): Promise<{ waiting: number; refused: number }> {
  const waiting = await checkWaiting(check);
  return { waiting: waiting.count, refused: await checkRefused(check, map, waiting.digests) };
}

interface Waiting {
  readonly count: number;
  /** The first waiting value's digest, by the path of its key in hex. What may wait is bounded by the publisher. */
  readonly digests: ReadonlyMap<string, Uint8Array>;
}

async function checkWaiting({ reads, keys, crypto, findings }: Check): Promise<Waiting> {
  const [stored] = await reads.getMany([keys.queuePosition]);
  const read = (bytes: Uint8Array): number => decodeQueuePosition(bytes, keys.queuePosition);
  const position = stored ? findings.reading("queue position", () => read(stored)) : 0;
  let count = 0;
  const digests = new Map<string, Uint8Array>();
  const { from, to } = keys.queueFrom(0);
  for await (const [key, value] of reads.range(from, to)) {
    const seq = numberOf(key);
    if (position !== undefined && seq < position)
      findings.add("surplus", `queue record ${seq} lies before the queue's position ${position}`);
    const items = findings.reading(`queue record ${seq}`, () => decodeQueueRecord(value, key)) ?? [];
    for (const [i, { key: claimed, value: claim }] of items.entries()) {
      if (claimed.length === 0 || claimed.length > MAX_KEY_BYTES || claim.length === 0)
        findings.add(
          "wrong",
          `queue record ${seq}: item ${i} has a key of ${claimed.length} and a value of ${claim.length} bytes`,
        );
      const path = toHex(crypto.sha256(claimed));
      if (!digests.has(path)) digests.set(path, crypto.sha256(claim));
    }
    count += items.length;
  }
  return { count, digests };
}

async function checkRefused(check: Check, map: SparseMap | undefined, waiting: Waiting["digests"]): Promise<number> {
  const { reads, keys, crypto, findings } = check;
  let refused = 0;
  const { from, to } = keys.allRefused();
  for await (const [key, value] of reads.range(from, to)) {
    refused++;
    const claim = findings.reading(`refused claim ${refused}`, () => decodeRefused(value, key));
    if (!claim) continue;
    const path = crypto.sha256(claim.key);
    const digest = crypto.sha256(claim.value);
    if (!equalBytes(key, keys.refused(path, digest)))
      findings.add("wrong", `refused claim ${refused} lies under another claim's key`);
    const standing = (await digestInLog(check, map, path)) ?? waiting.get(toHex(path));
    if (!standing || !equalBytes(standing, claim.standing))
      findings.add("wrong", `refused claim ${refused} names ${toHex(claim.standing)} as what stands, which does not`);
    if (equalBytes(claim.standing, digest)) findings.add("wrong", `refused claim ${refused} is the one that stands`);
  }
  return refused;
}

/** `undefined` also where the map or the bundle is damaged, which their own checks report. */
async function digestInLog(
  { reads, keys }: Check,
  map: SparseMap | undefined,
  path: Uint8Array,
): Promise<Uint8Array | undefined> {
  try {
    const [index] = map ? await resolveNeeds(map.locate([path]), reads) : [];
    return index === undefined ? undefined : (await readEntries(reads, keys, [index]))[0]!.valueDigest;
  } catch (error) {
    if (error instanceof SparseMapError || error instanceof NodeError || error instanceof LogTreeError)
      return undefined;
    throw error;
  }
}
