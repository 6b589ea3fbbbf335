/**
 * Getting a log on its feet whose store went back: finds who has the newest head of it, fetches the entries that are
 * missing, and leaves a store from which the daemon publishes on. Signs no new entry. The store must be free: no daemon
 * runs on it.
 */
import { resolve } from "node:path";
import { logClient, type RpcTransport } from "@trustix/client";
import type { Crypto } from "@trustix/crypto";
import { type LogHead, type LogId, verifyHead } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import type { Config, PublisherConfig } from "./config/config.ts";
import { NodeError } from "./errors.ts";
import { readLastHead } from "./logs/head-record.ts";
import { nodeErrorOf } from "./logs/explain-failure.ts";
import { PublishedLog } from "./logs/published-log.ts";
import { registerLogs } from "./logs/register-logs.ts";
import type { Clock } from "./model.ts";
import { openExistingStore, openStore, remoteAt } from "./open-store.ts";
import { headMarkersOf } from "./publisher/head-marker.ts";
import { entriesOfRemote, entriesOfStore, type StoredEntries } from "./publisher/lost-entries.ts";
import { openPublisher, type RecoverablePublisher } from "./publisher/publisher.ts";
import type { LostEntries } from "./publisher/recover.ts";

export interface RecoverOptions {
  /** With keys. */
  readonly config: Config;
  /** The folder of the store that is behind. */
  readonly state: string;
  /** One of the configuration's publishers. */
  readonly logId: LogId;
  readonly from:
    | { readonly kind: "remotes"; readonly urls: readonly string[] }
    /** Another state folder with the log. */
    | { readonly kind: "state"; readonly folder: string };
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress?: (step: string, done: number, total: number) => void;
  /** Told which sources could not be used, and why. */
  readonly onNote?: (note: string) => void;
}

export interface Recovered {
  /** The newest head in the store now; `undefined` for a log that was stopped before it had any. */
  readonly head: LogHead | undefined;
  /** Entries that were missing and are there again. */
  readonly entries: number;
  /** Items of the other state's queue that were submitted anew. */
  readonly waiting: number;
  /** Who has the newest head that was found, and how many entries it has. */
  readonly source: { readonly place: string; readonly treeSize: number };
  /** Why the daemon would still sign nothing. */
  readonly stopped: string | undefined;
}

/** Somebody with a head that the log's key signed. */
interface Source {
  readonly place: string;
  readonly head: LogHead;
  readonly entries: LostEntries;
  readonly stored?: StoredEntries;
}

/**
 * Tries the sources that are newer than the store, newest first. Throws `unavailable` when there is no source,
 * `unverifiable` when none could be trusted, `locked` while a daemon runs, and what opening a log throws.
 */
export async function recoverLog(options: RecoverOptions): Promise<Recovered> {
  const { config, state, from } = options;
  const closers: (() => Promise<void>)[] = [];
  try {
    const log = publisherConfig(config, options.logId);
    const store = await openOwn(config, state);
    closers.push(() => store.close());
    const sources =
      from.kind === "state"
        ? [await sourceInState(options, log, from.folder, closers)]
        : await sourcesAtRemotes(options, log, from.urls, closers);
    sources.sort((a, b) => b.head.treeSize - a.head.treeSize);
    const newest = sources[0]!;
    const own = await openLog(options, store, log, newest.head);
    closers.push(() => own.publisher.close());
    return await catchUp(options, own, sources);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** `sources`: at least one, the newest first. */
async function catchUp(
  options: RecoverOptions,
  { publisher, head }: OwnLog,
  sources: readonly Source[],
): Promise<Recovered> {
  const before = await head();
  const from = before?.treeSize ?? 0;
  const newer = sources.filter((source) => source.head.treeSize > (before?.treeSize ?? -1));
  for (const [i, source] of newer.entries()) {
    try {
      await publisher.recoverFrom(watched(source.entries, from, source.head.treeSize, options));
      break;
    } catch (error) {
      if (!(error instanceof NodeError) || options.signal.aborted || i === newer.length - 1) throw error;
      options.onNote?.(`${source.place} cannot be used: ${error.message}`);
    }
  }
  const newest = sources[0]!;
  const after = await head();
  const isCaughtUp = publisher.status().stopped === undefined;
  const waiting = newest.stored && isCaughtUp ? await submitWaiting(options, publisher, newest.stored) : 0;
  return {
    head: after,
    entries: (after?.treeSize ?? 0) - from,
    waiting,
    source: { place: newest.place, treeSize: newest.head.treeSize },
    stopped: publisher.status().stopped,
  };
}

/** The other state's queue: it was acknowledged, and nobody will publish it there. */
async function submitWaiting(
  { signal }: RecoverOptions,
  publisher: RecoverablePublisher,
  stored: StoredEntries,
): Promise<number> {
  let count = 0;
  for await (const items of stored.waiting()) {
    signal.throwIfAborted();
    await publisher.submit(items);
    count += items.length;
  }
  return count;
}

/** The same entries, with every step told. */
function watched(source: LostEntries, from: number, to: number, options: RecoverOptions): LostEntries {
  const { signal, onProgress } = options;
  return {
    head: () => source.head(),
    async entries(start, finish) {
      signal.throwIfAborted();
      onProgress?.("entries", start - from, to - from);
      return source.entries(start, finish);
    },
    async mapHeadLeaves(start, finish) {
      signal.throwIfAborted();
      onProgress?.("roots", 0, 0);
      return source.mapHeadLeaves(start, finish);
    },
  };
}

function publisherConfig({ publishers, storage }: Config, logId: LogId): PublisherConfig {
  const log = publishers.find(({ info }) => info.id === logId);
  if (log === undefined) throw new NodeError("bad_config", `log ${logId} is not among the publishers`);
  if (storage === "memory")
    throw new NodeError("bad_config", `log ${log.name} is kept in memory: there is no store to recover`);
  return log;
}

async function openOwn(config: Config, state: string): Promise<Store> {
  try {
    return await openStore(config.storage, state, true);
  } catch (error) {
    if (!(error instanceof NodeError) || error.code !== "locked") throw error;
    throw new NodeError("locked", error.message, { cause: error, hint: "stop the daemon first" });
  }
}

async function sourceInState(
  { crypto, state }: RecoverOptions,
  { info }: PublisherConfig,
  folder: string,
  closers: (() => Promise<void>)[],
): Promise<Source> {
  if (resolve(folder) === resolve(state))
    throw new NodeError("invalid_argument", `${folder} is the state that is to be recovered: another one is wanted`);
  const other = await openExistingStore(folder);
  closers.push(() => other.close());
  try {
    const stored = await entriesOfStore(other, crypto, info);
    const head = await stored.head();
    if (!verifyHead(crypto, info.publicKey, head))
      throw new NodeError("unverifiable", `its head of ${head.treeSize} entries is not signed by the log's key`);
    return { place: folder, head, entries: stored, stored };
  } catch (error) {
    const known = nodeErrorOf(error, "its log");
    if (!(known instanceof NodeError)) throw error;
    throw new NodeError(known.code, `${folder}: ${known.message}`, { cause: error });
  }
}

async function sourcesAtRemotes(
  options: RecoverOptions,
  { info }: PublisherConfig,
  urls: readonly string[],
  closers: (() => Promise<void>)[],
): Promise<Source[]> {
  const { crypto, config, signal, onNote } = options;
  const ask = async (transport: RpcTransport): Promise<Source | string> => {
    const at = { crypto, transport, log: info };
    const got = await logClient(at).head({ signal });
    if (got.kind !== "head") return `${transport.url}: ${got.why}`;
    return { place: transport.url, head: got.head, entries: entriesOfRemote(at, got.head, signal) };
  };
  const transports = urls.map((url) => remoteAt(url, config));
  closers.push(async () => void (await Promise.all(transports.map((transport) => transport.close()))));
  const answers = await Promise.all(transports.map(ask));
  const sources = answers.filter((answer) => typeof answer !== "string");
  const failures = answers.filter((answer) => typeof answer === "string");
  if (sources.length === 0) {
    const why = urls.length === 0 ? "no remote is configured" : failures.join("; ");
    throw new NodeError("unavailable", `nobody to fetch log ${info.id} from: ${why}`, {
      hint: "--from names a node that serves the log, --from-state a newer copy of the state folder",
    });
  }
  for (const failure of failures) onNote?.(failure);
  return sources;
}

interface OwnLog {
  readonly publisher: RecoverablePublisher;
  /** The newest head in the store. */
  head(): Promise<LogHead | undefined>;
}

/** With nothing that flushes: what waits is the daemon's to publish. */
async function openLog(
  { config, crypto, clock }: RecoverOptions,
  store: Store,
  { info, name, keys: pair }: PublisherConfig,
  newest: LogHead,
): Promise<OwnLog> {
  if (pair === undefined) throw new NodeError("bad_config", `log ${name}: the configuration was read without keys`);
  const keys = (await registerLogs(store, [info])).get(info.id)!;
  const { limits, retention } = config;
  const publisher = await openPublisher({
    store,
    crypto,
    clock,
    published: new PublishedLog(info, keys),
    seed: pair.seed,
    ...headMarkersOf(crypto, config, info.id),
    newestElsewhere: async () => newest,
    limits: {
      flushEveryMs: 0,
      flushAtItems: Infinity,
      maxWaitingItems: limits.waitingItems,
      maxValueBytes: limits.valueBytes,
      retainMs: retention.maxAgeMs,
      retainHeads: retention.heads,
    },
  });
  return { publisher, head: async () => (await readLastHead(store, keys))?.head };
}
