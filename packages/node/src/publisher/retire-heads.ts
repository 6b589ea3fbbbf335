/**
 * Forgetting old heads as new ones come: a head is kept while it is young or among the last so many. Each flush retires
 * a few at most, so that no flush pays for a long pause or a lowered setting.
 */
import type { RecordChange } from "@trustix/merkle";
import type { Reads } from "@trustix/storage";
import { type StoredHead, decodeHead, mapHeadIndexOf } from "../logs/head-record.ts";
import type { LogKeys } from "../logs/keys.ts";
import { resolveNeeds } from "../logs/resolve-needs.ts";
import type { PublisherLimits } from "./options.ts";
import type { Work } from "./working-state.ts";

/** More than one, so that a backlog shrinks. */
const RETIRED_A_FLUSH = 4;

/** The records to remove with the batch that adds the newest head; moves `work.oldest`. */
export async function retireHeads(
  work: Work,
  limits: Pick<PublisherLimits, "retainHeads" | "retainMs">,
  now: number,
  reads: Reads,
  keys: LogKeys,
): Promise<RecordChange[]> {
  const changes: RecordChange[] = [];
  const newest = work.trees.mapHeads.size - 1;
  for (let i = 0; i < RETIRED_A_FLUSH; i++) {
    const { oldest } = work;
    if (!oldest) break;
    const number = mapHeadIndexOf(oldest.head);
    const isAmongLast = newest - number < Math.max(limits.retainHeads, 1);
    if (isAmongLast || now - oldest.time < limits.retainMs) break;
    const next = await headAfter(reads, keys, number);
    if (!next) break;
    changes.push([keys.head(number), undefined], [keys.mapRoot(oldest.head.mapRoot), undefined]);
    changes.push(...(await resolveNeeds(work.trees.map.retire([oldest.map.version]), reads)));
    work.oldest = next;
  }
  return changes;
}

async function headAfter(reads: Reads, keys: LogKeys, number: number): Promise<StoredHead | undefined> {
  for await (const [key, value] of reads.range(keys.head(number + 1), keys.heads().to, { limit: 1 }))
    return decodeHead(value, key);
  return undefined;
}
