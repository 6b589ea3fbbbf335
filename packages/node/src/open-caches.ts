/**
 * Puts together what binary caches that vote need of the node: the log of what each one's key signed, the memory of what
 * they said, and the voters themselves, which are given to the daemon because asking caches is not the node's business.
 */
import { join } from "node:path";
import { type Crypto, toHex, utf8 } from "@trustix/crypto";
import type { CacheVoters, Hash, KeyPair, LogId, LogInfo } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import { localLogInfo, openVoices, type LocalLog, type VoicesOptions } from "./caches/index.ts";
import type { ScannedVoter } from "./claims/scan-claims.ts";
import type { Config } from "./config/index.ts";
import type { DaemonOptions } from "./daemon.ts";
import { NodeError } from "./errors.ts";
import type { LogKeys } from "./logs/keys.ts";
import { openLogReader } from "./logs/log-reader.ts";
import { MapRoots } from "./logs/map-roots.ts";
import { PublishedLog as LogInStore } from "./logs/published-log.ts";
import type { LogReader, Publisher, VotingCache } from "./model.ts";
import { readOrMakeLogKey } from "./node-key.ts";
import { openPublisher } from "./publisher/publisher.ts";

type CacheConfig = Config["voters"][number];
type Closers = (() => Promise<void>)[];
type Common = Pick<DaemonOptions, "config" | "crypto" | "clock" | "log">;

/** A log of this node's own, before it is opened. */
export interface LocalLogPlan {
  readonly cache: CacheConfig;
  readonly info: LogInfo;
  readonly seed: Uint8Array;
}

export interface OpenedLocalLog extends LocalLog {
  readonly cache: CacheConfig;
  readonly publisher: Publisher;
  readonly reader: LogReader;
}

/** Makes the keys that are not there yet. Throws `bad_config`, `storage`. */
export async function planLocalLogs(options: DaemonOptions): Promise<LocalLogPlan[]> {
  const { config, crypto, state, randomSeed, openCacheVoters } = options;
  if (config.voters.length > 0 && openCacheVoters === undefined)
    throw new NodeError("bad_config", "[[voters]] are configured, and this program cannot ask binary caches");
  const plans: LocalLogPlan[] = [];
  for (const cache of config.voters) {
    const path = join(state, "caches", `${cache.info.id}.key`);
    const keys: KeyPair = await readOrMakeLogKey(crypto, path, randomSeed);
    plans.push({ cache, info: localLogInfo(crypto, keys, cache), seed: keys.seed });
  }
  return plans;
}

/** What a store must have serials for: the caches, whose claims are in its table, and the logs. */
export function infosOf(plans: readonly LocalLogPlan[]): LogInfo[] {
  return plans.flatMap(({ cache, info }) => [cache.info, info]);
}

/** A map that is written rarely and read now and then. */
const SMALL_MAP = { bucketCacheBytes: 2 << 20, trieBytes: 4 << 20, pageCacheBytes: 1 << 20 };

export async function openLocalLogs(
  { crypto, clock, config, log }: Common,
  store: Store,
  plans: readonly LocalLogPlan[],
  keys: ReadonlyMap<LogId, LogKeys>,
  closers: Closers,
): Promise<OpenedLocalLog[]> {
  const logs: OpenedLocalLog[] = [];
  for (const { cache, info, seed } of plans) {
    const published = new LogInStore(info, keys.get(info.id)!);
    const publisher = await openPublisher({
      store,
      crypto,
      clock,
      published,
      seed,
      isPrivate: true,
      // A restored backup forks a log that nobody else has seen: no harm is done.
      marker: undefined,
      onFault: (error) =>
        log.error({ cache: cache.name, err: error }, "the log of a binary cache could not be flushed"),
      limits: { flushEveryMs: 0, retainMs: 0, retainHeads: 16 },
      map: SMALL_MAP,
    });
    closers.push(() => publisher.close());
    const roots = new MapRoots(store, published);
    const reader = openLogReader({ reads: store, crypto, published, roots, maxRange: config.limits.entries });
    const serial = keys.get(cache.info.id)!.serial;
    logs.push({ cache, voter: cache.info.id, serial, reader, publisher });
  }
  return logs;
}

/** Whose claims lie in the claims table, by serial. Rows name entries that are there: all of them count. */
export function scannedCaches(logs: readonly OpenedLocalLog[]): [number, ScannedVoter][] {
  return logs.map(({ voter, serial }) => [serial, { logId: voter, size: () => Number.MAX_SAFE_INTEGER }]);
}

export interface OpenCachesOptions extends Pick<VoicesOptions, "keepEvidence" | "addSecondAnswer" | "onRecorded"> {
  readonly daemon: DaemonOptions;
  readonly store: Store;
  readonly logs: readonly OpenedLocalLog[];
}

/** `undefined` without any. What was judged by other voters, or by a node that was not ended in order, is judged again behind it. */
export async function openCaches(options: OpenCachesOptions, closers: Closers): Promise<CacheVoters | undefined> {
  const { daemon, store, logs, ...calls } = options;
  const { crypto, clock, log } = daemon;
  if (logs.length === 0) return undefined;
  const onFault = (error: unknown): void => log.error({ err: error }, "what a binary cache said could not be recorded");
  const voices = await openVoices({
    crypto,
    clock,
    store,
    logs,
    fingerprint: fingerprintOf(crypto, logs),
    onFault,
    ...calls,
  });
  closers.push(() => voices.close());
  const voters = daemon.openCacheVoters!(voices);
  closers.push(() => voters.close());
  if (!voices.wasWhole) {
    const closing = new AbortController();
    const review = (async () => {
      await voters.review(closing.signal);
      await voices.settle();
      voices.reviewed();
    })().catch((error: unknown) => {
      if (!closing.signal.aborted) onFault(error);
    });
    closers.push(async () => {
      closing.abort(new NodeError("unavailable", "the node ends"));
      await review;
    });
  }
  return voters;
}

/** Of everything that what is kept is judged by. */
function fingerprintOf(crypto: Crypto, logs: readonly OpenedLocalLog[]): Hash {
  const judgedBy = logs.map(({ cache: { info, publicKeys, countCopies }, reader }) => {
    const keys = publicKeys.map(({ publicKey }) => toHex(publicKey)).sort();
    return [info.id, keys.join(), String(countCopies), reader.info.id].join(" ");
  });
  return crypto.sha256(utf8(judgedBy.sort().join("\n")));
}

/** What the server shows of them. */
export function votingCaches(logs: readonly OpenedLocalLog[], voters: CacheVoters | undefined): VotingCache[] {
  return logs.map(({ voter, cache, reader }) => {
    return { logId: voter, name: cache.name, places: () => voters?.places(voter) ?? [], log: reader };
  });
}
