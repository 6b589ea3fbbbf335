/** Items against the map and the queue: which are new, which are refused, which say nothing new. */
import type { Hash } from "@trustix/protocol";
import type { Change, Reads } from "@trustix/storage";
import type { LogKeys } from "../logs/keys.ts";
import { readEntries } from "../logs/read-entries.ts";
import { resolveNeeds } from "../logs/resolve-needs.ts";
import type { RefusedClaim } from "../model.ts";
import type { PreparedItem } from "../logs/prepare-items.ts";
import { encodeRefused } from "./refused-record.ts";
import type { Work } from "./working-state.ts";
import { type Verdict, applyWriteRule } from "./write-rule.ts";

/** For a submit: what is queued stands as well as what is in the map. */
export async function judgeSubmitted(
  work: Work,
  items: readonly PreparedItem[],
  reads: Reads,
  keys: LogKeys,
): Promise<Verdict> {
  // The queue first: a flush only moves items from the queue into the map, so what is in neither look is in neither.
  const queued = items.map((item) => work.waiting.find(item.name)?.digest);
  const unknown = items.filter((_, at) => queued[at] === undefined);
  const inMap = await standingInMap(work, unknown, reads, keys);
  return applyWriteRule(items, (item, at) => queued[at] ?? inMap.get(item.name));
}

/** For a flush: only the map stands, the items are the queue. */
export async function judgeQueued(
  work: Work,
  items: readonly PreparedItem[],
  reads: Reads,
  keys: LogKeys,
): Promise<Verdict> {
  const inMap = await standingInMap(work, items, reads, keys);
  return applyWriteRule(items, (item) => inMap.get(item.name));
}

/** Records of refused claims that are not stored yet; the same claim refused again is the same record. */
export async function refusalChanges(
  refused: Verdict["refused"],
  found: Pick<RefusedClaim, "time" | "foundAt">,
  reads: Reads,
  keys: LogKeys,
): Promise<Change[]> {
  if (refused.length === 0) return [];
  const changes = new Map<string, Change>();
  for (const { item, standing } of refused) {
    const key = keys.refused(item.path, item.digest);
    const claim = { key: item.key, value: item.value, standing, ...found };
    changes.set(Buffer.from(key).toString("latin1"), [key, encodeRefused(claim)]);
  }
  const wanted = [...changes.values()];
  const stored = await reads.getMany(wanted.map(([key]) => key));
  return wanted.filter((_, at) => stored[at] === undefined);
}

/** The digests of the items' keys that are in the map, by the items' names. */
async function standingInMap(
  work: Work,
  items: readonly PreparedItem[],
  reads: Reads,
  keys: LogKeys,
): Promise<Map<string, Hash>> {
  const standing = new Map<string, Hash>();
  if (items.length === 0) return standing;
  const indices = await resolveNeeds(work.trees.map.locate(items.map((item) => item.path)), reads);
  // Entries whose batch is still being written are not in a bundle yet, and still in the queue. Those of a recovery
  // are in neither: then a submit queues the item, and its flush judges again.
  const durable = work.last?.head.treeSize ?? 0;
  const found: PreparedItem[] = [];
  const readable: number[] = [];
  for (const [at, item] of items.entries()) {
    const index = indices[at];
    if (index === undefined) continue;
    if (index < durable) {
      found.push(item);
      readable.push(index);
      continue;
    }
    const queued = work.waiting.find(item.name);
    if (queued) standing.set(item.name, queued.digest);
  }
  if (found.length === 0) return standing;
  const entries = await readEntries(reads, keys, readable);
  for (const [at, item] of found.entries()) standing.set(item.name, entries[at]!.valueDigest);
  return standing;
}
