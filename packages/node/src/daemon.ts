/**
 * Puts the daemon together: store, logs with their publishers, follower, decisions, server. Each part is given what it
 * needs and knows no other; they are opened in the order in which they rely on each other and closed in reverse, also
 * when opening fails half-way.
 */
import { join, resolve } from "node:path";
import { type Evidence, evidenceSubject, type RpcTransport, signCalls } from "@trustix/client";
import { type Crypto, equalBytes, toHex, utf8Text } from "@trustix/crypto";
import { createSandbox, type Sandbox, type Proof, writeReceipt } from "@trustix/decider";
import {
  type LogId,
  type LogInfo,
  type LogLeaf,
  mapPath,
  NONCE_BYTES,
  type OpenCacheVoters,
  type PrivateToken,
} from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import type { Logger } from "pino";
import { type Grant, openKnownTokens } from "./access/known-tokens.ts";
import { openMadeCalls } from "./access/made-calls.ts";
import { listenerOf, type Config } from "./config/index.ts";
import type { ScannedVoter } from "./claims/scan-claims.ts";
import { roomOnDisk } from "./free-room.ts";
import { createDecide, receiptOf } from "./decide/index.ts";
import { openEvidence } from "./evidence/index.ts";
import { NodeError } from "./errors.ts";
import type { LogKeys } from "./logs/keys.ts";
import { openLogReader } from "./logs/log-reader.ts";
import { MapRoots } from "./logs/map-roots.ts";
import { PublishedLog as LogInStore } from "./logs/published-log.ts";
import { registerLogs } from "./logs/register-logs.ts";
import { openAllValues, openValues } from "./logs/values.ts";
import { openMirror } from "./mirror/index.ts";
import type { Builders, Clock, EvidenceStore, Follower, LogReader, Mirror, Publisher, Receipts } from "./model.ts";
import { readOrMakeNodeKey } from "./node-key.ts";
import { infosOf, openCaches, openLocalLogs, planLocalLogs, scannedCaches, votingCaches } from "./open-caches.ts";
import { openStore, remoteAt } from "./open-store.ts";
import { asPeer } from "./peer-token.ts";
import { watchOwnHeads, type OwnHeads } from "./own-heads/watch-own-heads.ts";
import { headMarkersOf } from "./publisher/head-marker.ts";
import { openPublisher } from "./publisher/publisher.ts";
import { inheritedListeners, startServer, type ListenerOptions, type PublishedLog } from "./server/index.ts";
import { StandingBuilders } from "./standing/builders.ts";
import { DossierStore } from "./standing/dossier-store.ts";
import { createSimulate } from "./simulate/simulate.ts";
import { openFollower } from "./subscriber/index.ts";
import { tellOfCopy, tellOfEvidence, tellOfHead, tellOfStanding } from "./tell-of-events.ts";
import { readNamedToken, readOrMakeToken } from "./write-token.ts";

export interface DaemonOptions {
  /** With keys. */
  readonly config: Config;
  /** The folder of the store and of the node's own token. */
  readonly state: string;
  /** Addresses that replace the configuration's listeners; empty: none do. */
  readonly listen: readonly string[];
  /** Where to listen if neither `listen`, the configuration nor systemd says. */
  readonly defaultListen: string;
  /** Milliseconds between polls of a remote, instead of the configuration's. */
  readonly pollIntervalMs?: number | undefined;
  /** `TRUSTIX_TOKEN`, `LISTEN_FDS`, `LISTEN_PID`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly version: string;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: () => number;
  readonly randomSeed: () => Uint8Array;
  readonly log: Logger;
  /** Asks the configured binary caches; needed only if there are any. */
  readonly openCacheVoters?: OpenCacheVoters | undefined;
}

export interface Daemon {
  /** Where it answers. */
  readonly urls: readonly string[];
  /** The writers of its own logs, for work within this process. */
  readonly publishers: ReadonlyMap<LogId, Publisher>;
  /**
   * Reads anew whose calls are believed: the tokens of `config`, the node's own, and the list of the state folder. Throws
   * `bad_config` and changes nothing.
   */
  reloadTokens(config: Config): Promise<void>;
  /** Answers what is under way and ends within 4.5 seconds; a backlog waits in the queue for the next start. */
  close(): Promise<void>;
}

/** What to undo, latest first. */
type Closers = (() => Promise<void>)[];

/** Milliseconds that remotes have, before a log is opened for writing, to show a newer head of it. */
const OWN_HEADS_MS = 3000;

/** Throws `NodeError`: `bad_config`, `locked`, `corrupt`, `storage`, `permission_denied`, ... */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const closers: Closers = [];
  const close = async (): Promise<void> => {
    for (const undo of closers.splice(0).reverse()) await undo();
  };
  try {
    return { ...(await open(options, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(options: DaemonOptions, closers: Closers): Promise<Omit<Daemon, "close">> {
  const { config, crypto, clock, log } = options;
  const started = clock.now();
  for (const warning of config.warnings) log.warn({ config: config.path }, warning);
  const listeners = chooseListeners(options);
  const tokens = await openKnownTokens(join(options.state, "tokens"), await grantsOf(options, config));
  for (const conflict of tokens.conflicts()) log.warn(conflict);
  const store = await openStore(config.storage, options.state, config.publishers.length > 0);
  closers.push(() => store.close());
  const signedCalls = await openMadeCalls({ store, crypto, clock, limit: config.limits.signedCalls });
  closers.push(() => signedCalls.settled());
  const remotes = config.remotes.map((url) => remoteAt(url, config));
  closers.push(async () => void (await Promise.all(remotes.map((remote) => remote.close()))));
  const intervalMs = options.pollIntervalMs ?? config.pollIntervalMs;
  const ownHeads = await watchOwnHeads({
    crypto,
    clock,
    random: options.random,
    logs: config.publishers.map(({ info }) => info),
    remotes,
    intervalMs,
    timeoutMs: OWN_HEADS_MS,
    onFault: (error) => log.error({ err: error }, "asking remotes for the own logs failed"),
  });
  closers.push(() => ownHeads.close());
  const copied = config.subscribers.filter(({ copy }) => copy !== "none");
  const plans = await planLocalLogs(options);
  const infos = [...config.publishers, ...copied].map(({ info }) => info);
  const keys = await registerLogs(store, [...infos, ...infosOf(plans)]);
  const published = await openLogs(options, store, keys, ownHeads, closers);
  const local = await openLocalLogs(options, store, plans, keys, closers);
  const values = openValues(store, crypto);
  const allValues = openAllValues(store, crypto);
  const evidence = openEvidence({ store, crypto, clock, isConfigured: (publicKey) => isConfigured(config, publicKey) });
  closers.push(() => evidence.settled());
  const names = (publicKey: Uint8Array): string[] => namesOf(config, publicKey);
  evidence.onKept((kept) => tellOfEvidence(log, kept, names(kept.evidence.publicKey)));
  const dossier = await DossierStore.open(store);
  const follower = await openFollower({
    crypto,
    store,
    evidence,
    pardonedUntil: (logId) => dossier.pardonedUntil(logId),
    clock,
    random: options.random,
    logs: config.subscribers,
    remotes,
    peers: await openPeers(options),
    intervalMs,
    voteTimeoutMs: config.decisionBudgetMs,
    onEvent: (event) => tellOfHead(log, event),
  });
  closers.push(() => follower.close());
  const mirror = await openMirror({
    crypto,
    store,
    clock,
    follower,
    room: config.storage === "memory" ? undefined : roomOnDisk(options.state, config.limits.freeBytes),
    logs: copied.map(({ info, copy }) => ({ info, keys: keys.get(info.id)!, eager: copy === "values" })),
    onEvent: (event) => tellOfCopy(log, event),
  });
  closers.push(() => mirror.close());
  const own = [...published.values()].map(({ reader }) => reader);
  const readerOf = (voter: LogId): Pick<LogReader, "entries"> | undefined =>
    own.find(({ info }) => info.id === voter) ??
    local.find((log) => log.voter === voter)?.reader ??
    mirror.reader(voter);
  const entry = (logId: LogId, index: number): Promise<LogLeaf | undefined> => entryOf(readerOf(logId), index);
  const voters = new Map([...scannedVoters(copied, keys, mirror), ...scannedCaches(local)]);
  const builders = new StandingBuilders({
    crypto,
    clock,
    store,
    dossier,
    policies: config.deciders,
    bounds: config.standing,
    voters,
    own,
    values: allValues,
    entry,
    proofs: () => proofsOf(config, follower),
    onChange: (standing, name) => tellOfStanding(log, standing, name),
    onFault: (error) => log.error({ err: error }, "the standing of builders could not be computed"),
  });
  closers.push(() => builders.close());
  follower.onChange(() => builders.changed());
  evidence.onKept(({ evidence: kept }) => void addDissent(options, builders, kept));
  mirror.onServed(() => builders.changed());
  const caches = await openCaches(
    {
      daemon: options,
      store,
      logs: local,
      keepEvidence: (found) => keepEvidence(evidence, log, found),
      addSecondAnswer: (voter, key, path) => builders.addSecondAnswer(voter, key, path),
      onRecorded: () => builders.changed(),
    },
    closers,
  );
  const sandbox = sandboxOnce(closers);
  const decide = createDecide({
    crypto,
    clock,
    policies: config.deciders,
    follower,
    mirror,
    builders,
    caches,
    own,
    values: allValues,
    sandbox: usesFunctions(config) ? await sandbox() : undefined,
    budgetMs: config.decisionBudgetMs,
  });
  const simulate = createSimulate({
    crypto,
    clock,
    store,
    policies: config.deciders,
    builders,
    voters,
    own,
    values: allValues,
    entry,
    isOnlyAsked: (logId) => config.subscribers.some(({ info }) => info.id === logId) && !mirror.has(logId),
    isCache: (logId) => local.some(({ voter }) => voter === logId),
    sandbox,
  });
  const receipts = await openReceipts(options);
  const { limits } = config;
  // The policy is read once, so a start is the only time at which it changes.
  const start = toHex(options.randomSeed().subarray(0, 8));
  const generation = (): string => `${start} ${follower.revision()} ${mirror.revision()} ${builders.revision()}`;
  const { version } = options;
  const configuration = { file: resolve(config.path), readAt: started };
  const who = { tokens, signedCalls };
  const logs = { caches: votingCaches(local, caches) };
  const opinions = { follower, mirror, builders, policies: config.deciders, decide, simulate, receipts, generation };
  const parts = {
    crypto,
    clock,
    limits,
    version,
    configuration,
    published,
    values,
    allValues,
    evidence,
    namesOf: names,
    ...logs,
    ...opinions,
    ...who,
  };
  const server = await startServer(parts, listeners, log);
  closers.push(() => server.close());
  mirror.start();
  builders.changed();
  const publishers = new Map([...published].map(([id, { publisher }]) => [id, publisher]));
  // A backlog would hold up the end, and callers of Flush the server: what waits is on disk.
  closers.push(async () => publishers.forEach((publisher) => publisher.endFlushing()));
  return {
    urls: server.urls,
    publishers,
    async reloadTokens(next) {
      await tokens.reload(await grantsOf(options, next));
      for (const conflict of tokens.conflicts()) log.warn(conflict);
    },
  };
}

/** What was asked for and what systemd hands over; the default only if there is neither. */
function chooseListeners({ config, listen, defaultListen, env, pid }: DaemonOptions): readonly ListenerOptions[] {
  const asked = listen.length > 0 ? listen.map((url) => listenerOf(url)) : config.listeners;
  const chosen = [...asked, ...inheritedListeners(env, pid)];
  return chosen.length > 0 ? chosen : [listenerOf(defaultListen)];
}

/** Whose calls are believed: the configuration's tokens, and the node's own, which is read anew. */
async function grantsOf(options: DaemonOptions, config: Config): Promise<Grant[]> {
  const own = await ownToken(options);
  return [
    // A token of the configuration wins over the node's own of the same name: it was put there on purpose.
    ...[...config.writeTokens.values()].map((token): Grant => ({ token, role: "writer", from: "configuration" })),
    ...config.peerTokens.map((token): Grant => ({ token: asPeer(token), role: "peer", from: "configuration" })),
    { token: own, role: "owner", from: "own" },
    { token: own, role: "writer", from: "own" },
  ];
}

/** Calls to them are signed with the node's own token, which they know. */
async function openPeers(options: DaemonOptions): Promise<RpcTransport[]> {
  const { config, crypto, clock, randomSeed } = options;
  if (config.peers.length === 0) return [];
  const token = asPeer(await ownToken(options));
  const nonce = (): Uint8Array => randomSeed().subarray(0, NONCE_BYTES);
  const headersFor = signCalls({ crypto, token, now: () => clock.now(), nonce });
  return config.peers.map((url) => remoteAt(url, config, headersFor));
}

/** What the daemon was started with, else the one in its state folder, which is made if there is none. */
function ownToken({ crypto, env, state, randomSeed }: DaemonOptions): Promise<PrivateToken> {
  const named = env["TRUSTIX_TOKEN"];
  if (named) return readNamedToken(crypto, "TRUSTIX_TOKEN", named);
  return readOrMakeToken(crypto, join(state, "trustix.token"), randomSeed);
}

type OpenedLog = PublishedLog & { readonly reader: LogReader };

async function openLogs(
  options: DaemonOptions,
  store: Store,
  keys: ReadonlyMap<LogId, LogKeys>,
  ownHeads: OwnHeads,
  closers: Closers,
): Promise<ReadonlyMap<LogId, OpenedLog>> {
  const { config, crypto, clock, log } = options;
  const { limits, flush, retention } = config;
  const logs = new Map<LogId, OpenedLog>();
  for (const { info, name, keys: pair } of config.publishers) {
    if (pair === undefined) throw new NodeError("bad_config", `log ${name}: the configuration was read without keys`);
    const inStore = new LogInStore(info, keys.get(info.id)!);
    const publisher = await openPublisher({
      store,
      crypto,
      clock,
      published: inStore,
      seed: pair.seed,
      // A log in memory begins anew with every process, so a marker of the last one would stop it.
      ...(config.storage === "memory" ? { marker: undefined } : headMarkersOf(crypto, config, info.id)),
      newestElsewhere: async () => ownHeads.heads(info.id),
      onFault: (error) => log.error({ log: name, err: error }, "flush failed"),
      limits: {
        flushEveryMs: flush.intervalMs,
        flushAtItems: flush.items,
        maxWaitingItems: limits.waitingItems,
        maxValueBytes: limits.valueBytes,
        retainMs: retention.maxAgeMs,
        retainHeads: retention.heads,
      },
    });
    closers.push(() => publisher.close());
    const { stopped } = publisher.status();
    if (stopped !== undefined) log.error({ log: name, id: info.id }, `nothing is signed: ${stopped}`);
    const roots = new MapRoots(store, inStore);
    const reader = openLogReader({ reads: store, crypto, published: inStore, roots, maxRange: limits.entries });
    logs.set(info.id, { name, reader, publisher });
  }
  return logs;
}

async function openReceipts({ crypto, state, randomSeed }: DaemonOptions): Promise<Receipts> {
  const { seed, publicKey } = await readOrMakeNodeKey(crypto, join(state, "node.key"), randomSeed);
  return { publicKey, seal: (explanation) => writeReceipt(crypto, seed, receiptOf(explanation)) };
}

/** Copied logs whose claims lie in the claims table, by serial. */
function scannedVoters(
  copied: readonly { readonly info: LogInfo }[],
  keys: ReadonlyMap<LogId, LogKeys>,
  mirror: Mirror,
): [number, ScannedVoter][] {
  return copied.map(({ info: { id: logId } }) => [
    keys.get(logId)!.serial,
    { logId, size: () => mirror.status(logId)?.served?.treeSize },
  ]);
}

async function entryOf(reader: Pick<LogReader, "entries"> | undefined, index: number): Promise<LogLeaf | undefined> {
  return (await reader?.entries(index, index))?.[0];
}

/** What the configuration calls the logs and caches that this key speaks for. */
function namesOf({ subscribers, publishers, voters }: Config, publicKey: Uint8Array): string[] {
  const logs = [...subscribers, ...publishers].map(({ info, name }) => ({ name, keys: [info] }));
  const caches = voters.map(({ name, publicKeys }) => ({ name, keys: publicKeys }));
  return [...logs, ...caches].flatMap(({ name, keys }) => {
    return keys.some((key) => equalBytes(key.publicKey, publicKey)) ? name : [];
  });
}

/** Two answers of a cache count as dissent, whoever found them. */
async function addDissent(
  { config, crypto, log }: DaemonOptions,
  builders: Builders,
  evidence: Evidence,
): Promise<void> {
  if (evidence.kind !== "cache_key_signed_two") return;
  const path = evidenceSubject(evidence);
  const cache = config.voters.find(({ publicKeys }) => {
    return publicKeys.some(({ publicKey }) => equalBytes(publicKey, evidence.publicKey));
  });
  if (cache === undefined || path === undefined) return;
  await builders.addSecondAnswer(cache.info.id, utf8Text(path), mapPath(crypto, path)).catch((error: unknown) => {
    log.error({ err: error, cache: cache.name }, "a cache's second answer could not be noted");
  });
}

/** What is too long to be evidence is told of; it counts as dissent all the same. */
async function keepEvidence(store: EvidenceStore, log: Logger, evidence: Evidence): Promise<void> {
  try {
    await store.keep(evidence, "found");
  } catch (error) {
    if (!(error instanceof NodeError) || (error.code !== "unverifiable" && error.code !== "too_large")) throw error;
    log.warn({ why: error.message }, "a binary cache changed its answer, but no evidence of it can be kept");
  }
}

/** Whether somebody is believed here with this key: whom to accuse concerns this node. */
function isConfigured(config: Config, publicKey: Uint8Array): boolean {
  return namesOf(config, publicKey).length > 0;
}

/** What the followed logs' keys signed against themselves. */
function proofsOf({ subscribers }: Config, follower: Follower): Proof[] {
  return subscribers.flatMap(({ info: { id } }) => {
    const against = follower.against(id);
    return against === undefined ? [] : [{ voter: id, at: against.time, what: against.why }];
  });
}

function usesFunctions({ deciders }: Config): boolean {
  return deciders.some(({ rules }) => rules.some(({ engine }) => engine === "javascript"));
}

/** A thread of its own, so it is made when a rule first needs it. */
function sandboxOnce(closers: Closers): () => Promise<Sandbox> {
  let made: Promise<Sandbox> | undefined;
  closers.push(async () => (await made)?.close());
  return () => (made ??= createSandbox());
}
