/**
 * Who may still have entries that the store lost: a node that serves the log, or a newer copy of the state. Both are
 * read in bounded runs; `recover.ts` checks what they make.
 */
import { readEntries, readMapHeadLeaves, readValues, type LogAtRemote, type Trouble } from "@trustix/client";
import { type Crypto, fromHex } from "@trustix/crypto";
import type { LogHead, LogInfo } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import { LogKeys, logRecordKey } from "../logs/keys.ts";
import { openLogReader } from "../logs/log-reader.ts";
import { loadLog } from "../logs/log-trees.ts";
import { MapRoots } from "../logs/map-roots.ts";
import { PublishedLog } from "../logs/published-log.ts";
import { serialOf } from "../logs/register-logs.ts";
import { openValues } from "../logs/values.ts";
import type { SubmitItem } from "../model.ts";
import { decodeQueueRecord } from "./queue-record.ts";
import type { LostEntries } from "./recover.ts";

/** The log at a remote that showed `head`; what it serves beyond that head is not asked for. */
export function entriesOfRemote(at: LogAtRemote, head: LogHead, signal: AbortSignal): LostEntries {
  const failed = (what: string, trouble: Trouble): NodeError => {
    const code = trouble.kind === "unverifiable" ? "unverifiable" : "unavailable";
    return new NodeError(code, `${at.transport.url}: ${what}: ${trouble.why}`);
  };
  return {
    head: async () => head,
    async entries(start, finish) {
      const what = `entries ${start} to ${finish}`;
      const got = await readEntries(at, start, finish, { signal });
      if (got.kind !== "entries") throw failed(what, got);
      const digests = got.entries.map(({ valueDigest }) => valueDigest);
      const found = await readValues(at, digests, { signal });
      if (found.kind !== "values") throw failed(`values of ${what}`, found);
      return got.entries.map(({ key }, i) => ({ key, value: found.values[i]! }));
    },
    async mapHeadLeaves(start, finish) {
      const got = await readMapHeadLeaves(at, start, finish, { signal });
      if (got.kind !== "leaves") throw failed(`map-head leaves ${start} to ${finish}`, got);
      return got.leaves;
    },
  };
}

/** What another store holds of a log. */
export interface StoredEntries extends LostEntries {
  /** What was accepted there and is not in the log yet, a queue record at a time. */
  waiting(): AsyncIterable<readonly SubmitItem[]>;
}

/** The log in another store, which is only read. Throws `not_found` where it has none or no head; `corrupt`. */
export async function entriesOfStore(store: Store, crypto: Crypto, info: LogInfo): Promise<StoredEntries> {
  const recordKey = logRecordKey(fromHex(info.id));
  const [record] = await store.getMany([recordKey]);
  if (!record) throw new NodeError("not_found", `it holds no log ${info.id}`);
  const keys = new LogKeys(serialOf(record, recordKey, info));
  const { last, trees } = await loadLog(store, crypto, keys);
  if (!last) throw new NodeError("not_found", `it holds no head of log ${info.id}`);
  const published = new PublishedLog(info, keys);
  published.publish({ ...last, tree: trees.map, oldest: 0 });
  const reader = openLogReader({ reads: store, crypto, published, roots: new MapRoots(store, published) });
  const values = openValues(store, crypto);
  return {
    head: async () => last.head,
    async entries(start, finish) {
      const leaves = await reader.entries(start, finish);
      const found = await values.getMany(leaves.map(({ valueDigest }) => valueDigest!));
      return leaves.map(({ key }, i) => {
        const value = found[i];
        if (value === undefined) throw new NodeError("corrupt", `the value of entry ${start + i} is not stored`);
        return { key: key!, value };
      });
    },
    mapHeadLeaves: async (start, finish) => (await reader.mhEntries(start, finish)).map(({ leafDigest }) => leafDigest),
    async *waiting() {
      const { from, to } = keys.queueFrom(0);
      for await (const [key, value] of store.range(from, to)) yield decodeQueueRecord(value, key);
    },
  };
}
