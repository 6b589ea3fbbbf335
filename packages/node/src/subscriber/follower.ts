/**
 * The follower: polls every remote for every subscribed log, keeps the heads that check, answers votes under them.
 *
 * A log is its key, not a place: every remote is asked for every log, a replica's answer is as good as the log's own
 * node's. A remote that is down, lacks a log or lies is a state to show, never a reason to stop.
 */
import type { Evidence, HeadResult, LogAtRemote, LogClient } from "@trustix/client";
import { accusesLog, checkEvidence, logClient } from "@trustix/client";
import { equalBytes } from "@trustix/crypto";
import { ProtocolError, type Hash, type LogHead, type LogId, type Testimony } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { Clock, Conviction, FollowedLog, Kept, KeptEvidence, NoHead } from "../model.ts";
import { askRemotes } from "./ask-remotes.ts";
import { castVote } from "./cast-vote.ts";
import type { ProofOptions, ShownHead } from "./connect-heads.ts";
import { FollowedHead } from "./followed-head.ts";
import type { Verdict } from "./followed-head.ts";
import { DEFAULT_POLL_INTERVAL_MS } from "./options.ts";
import type { CacheableFollower, FollowerOptions } from "./options.ts";
import { Peers } from "./peers.ts";
import type { Seen } from "./peers.ts";
import { Places } from "./places.ts";
import { PollSchedule } from "../poll-schedule.ts";
import { RememberedLogs } from "./remembered-logs.ts";
import { Remote } from "./remote.ts";

interface Followed {
  readonly name: string;
  readonly head: FollowedHead;
  readonly clients: ReadonlyMap<Remote, LogClient>;
  readonly places: Places;
  refreshing: Promise<void> | undefined;
  /** Why heads that peers saw are not shown to fit, as a person was told. */
  told: ReadonlySet<string>;
}

/** Loads what is known and begins to poll at once. Throws `corrupt` for stored state that cannot be read. */
export async function openFollower(options: FollowerOptions): Promise<CacheableFollower> {
  const { clock, evidence } = options;
  const memory = new RememberedLogs(options.store, options.crypto);
  const keep = (proof: Evidence): Promise<Kept> => evidence.keep(proof, "found");
  const pardoned = (logId: LogId): number | undefined => options.pardonedUntil?.(logId);
  const known = await Promise.all(
    options.logs.map(async ({ info }) => {
      const proofs = (await evidence.against(info.publicKey)).filter((kept) => accusesLog(kept.evidence.kind));
      return { held: await memory.load(info), proofs };
    }),
  );
  return new RemoteFollower(options, (changed) =>
    options.logs.map(({ info }, i) => {
      const of = { changed: () => changed(info.id), pardonedUntil: () => pardoned(info.id) };
      return new FollowedHead(info, known[i]!, { memory, keep, clock, ...of });
    }),
  );
}

class RemoteFollower implements CacheableFollower {
  readonly #options: FollowerOptions;
  readonly #remotes: readonly Remote[];
  readonly #followed: ReadonlyMap<LogId, Followed>;
  readonly #schedule: PollSchedule<Remote>;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(logId: LogId) => void>();
  readonly #peers: Peers;
  readonly #endListening: () => void;
  #revision = 0;

  constructor(options: FollowerOptions, heads: (changed: (logId: LogId) => void) => readonly FollowedHead[]) {
    this.#options = options;
    this.#remotes = options.remotes.map((transport) => new Remote(transport, options.clock));
    const all = heads((logId) => {
      this.#revision++;
      for (const call of this.#listeners) call(logId);
    });
    this.#followed = new Map(all.map((head, i) => [head.info.id, this.#follow(head, options.logs[i]!.name)]));
    this.#schedule = new PollSchedule({
      places: this.#remotes,
      clock: options.clock,
      random: options.random,
      intervalMs: options.intervalMs ?? DEFAULT_POLL_INTERVAL_MS,
      poll: (remotes) => this.#poll(remotes, [...this.#followed.values()], this.#pollTimeoutMs),
    });
    this.#endListening = options.evidence.onKept((kept) => this.#accuse(kept));
    this.#peers = new Peers({
      transports: options.peers ?? [],
      clock: options.clock,
      random: options.random,
      intervalMs: options.intervalMs ?? DEFAULT_POLL_INTERVAL_MS,
      logs: () => this.#trusted().map(({ head }) => ({ crypto: options.crypto, log: head.info })),
      onSeen: (logId, seen) => this.#hear(this.#find(logId), seen),
      onTrouble: (peer, why) => options.onEvent?.({ kind: "peer_fails", peer, why }),
    });
    void this.#schedule.start();
  }

  revision(): number {
    return this.#revision;
  }

  logs(): readonly FollowedLog[] {
    return [...this.#followed.values()].map(({ name, head, places }) => ({
      info: head.info,
      name,
      head: head.held,
      headSeenAt: head.seenAt,
      against: head.against,
      remotes: this.#remotes.map((remote) => ({ url: remote.url, reachability: places.stateOf(remote) })),
    }));
  }

  async pollNow(logId?: LogId): Promise<void> {
    const logs = logId === undefined ? [...this.#followed.values()] : [this.#find(logId)];
    await this.#poll(this.#remotes, logs, this.#pollTimeoutMs);
    await this.#peers.pollNow();
  }

  async vote(logId: LogId, key: Uint8Array, signal: AbortSignal): Promise<Testimony> {
    const log = this.#followed.get(logId);
    if (log === undefined) {
      const vote = { logId, outcome: "unreachable", digest: undefined, reason: "this log is not followed" } as const;
      return { vote, proof: undefined };
    }
    return castVote(
      {
        log: log.head,
        key,
        remotes: () => log.places.worthAsking(),
        clientOf: (remote) => log.clients.get(remote)!,
        refresh: (stop) => this.#refresh(log, stop),
        convict: (evidence, remote) => this.#convictFromVote(log, evidence, remote),
        whyNoHead: () => this.whyNoHead(logId),
        clock: this.#options.clock,
        timeoutMs: this.#voteTimeoutMs,
      },
      signal,
    );
  }

  async value(digest: Hash, from: readonly LogId[], signal: AbortSignal): Promise<Uint8Array | undefined> {
    const logs = from.flatMap((id) => this.#followed.get(id) ?? []);
    const [some] = logs;
    if (some === undefined) return undefined;
    const remotes = [...new Set(logs.flatMap(({ places }) => places.worthAsking()))].filter(
      (one) => one.leftAloneMs === 0,
    );
    const answers = await askRemotes(
      remotes,
      async (remote, stop) => {
        const answer = await some.clients.get(remote)!.value(digest, { signal: stop, timeoutMs: this.#pollTimeoutMs });
        return { answer, reached: answer.kind !== "unreachable" };
      },
      ({ kind }) => kind === "value",
      this.#options.clock,
      signal,
    );
    const last = answers.at(-1);
    return last?.kind === "value" ? last.value : undefined;
  }

  headSeenAt(logId: LogId): number | undefined {
    return this.#followed.get(logId)?.head.seenAt;
  }

  seenHeads(logId: LogId): readonly LogHead[] {
    return this.#find(logId).head.seen;
  }

  against(logId: LogId): Conviction | undefined {
    return this.#followed.get(logId)?.head.against;
  }

  whyNoHead(logId: LogId): NoHead {
    const { head, places } = this.#find(logId);
    return head.unsettled === undefined ? places.whyNoHead() : { outcome: "unverifiable", why: head.unsettled };
  }

  sources(logId: LogId): readonly LogAtRemote[] {
    const { head, places } = this.#find(logId);
    const { crypto } = this.#options;
    const remotes = places.worthAsking().filter((remote) => remote.leftAloneMs === 0);
    return remotes.map(({ transport }) => ({ crypto, transport, log: head.info }));
  }

  onChange(call: (logId: LogId) => void): () => void {
    this.#listeners.add(call);
    return () => void this.#listeners.delete(call);
  }

  async convict(logId: LogId, evidence: Evidence): Promise<void> {
    const { head } = this.#find(logId);
    try {
      checkEvidence(this.#options.crypto, evidence, head.info.publicKey);
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      throw new NodeError("unverifiable", `log ${logId}: ${cause.message}`, { cause });
    }
    await head.convict(evidence);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#endListening();
    this.#schedule.close();
    await this.#peers.close();
    await Promise.all(this.#remotes.map(({ transport }) => transport.close()));
    // What is being judged may still write to the store; whoever closes it waits for us.
    await Promise.allSettled(this.#underWay);
  }

  #follow(head: FollowedHead, name: string): Followed {
    const { crypto } = this.#options;
    const clients = new Map(
      this.#remotes.map((remote) => [remote, logClient({ crypto, transport: remote.transport, log: head.info })]),
    );
    const places = new Places(this.#remotes, this.#options.clock);
    return { name, head, clients, places, refreshing: undefined, told: new Set() };
  }

  #find(logId: LogId): Followed {
    const log = this.#followed.get(logId);
    if (log === undefined) throw new NodeError("not_found", `log ${logId} is not followed`);
    return log;
  }

  get #pollTimeoutMs(): number {
    return this.#options.pollTimeoutMs ?? 20_000;
  }

  get #voteTimeoutMs(): number {
    return this.#options.voteTimeoutMs ?? 2_000;
  }

  /** Names the remotes that answered for any of the logs. Never throws. */
  async #poll(remotes: readonly Remote[], logs: readonly Followed[], timeoutMs: number): Promise<ReadonlySet<Remote>> {
    if (logs.length === 0) return new Set(remotes);
    const options = { signal: this.#closing.signal, timeoutMs };
    const polls = Promise.all(logs.map((log) => this.#pollLog(remotes, log, options)));
    this.#underWay.add(polls);
    const reached = await polls;
    this.#underWay.delete(polls);
    return new Set(reached.flat());
  }

  /** One round: all heads first, then they are judged together. The remotes that answered. */
  async #pollLog(remotes: readonly Remote[], log: Followed, options: ProofOptions): Promise<Remote[]> {
    if (log.head.against !== undefined) return [...remotes];
    try {
      const shown = new Map<Remote, ShownHead>();
      const answered = await Promise.all(
        remotes.map((remote) =>
          this.#askHead(remote, log, options, shown).catch((error: unknown) => this.#failed(remote, log, error)),
        ),
      );
      if (options.signal.aborted) return [...remotes];
      const others = log.places.bestFirst().flatMap((other) => (shown.has(other) ? [] : log.clients.get(other)!));
      const verdicts = await log.head.judge([...shown.values()], others, options);
      const silent = new Set([...shown.keys()].filter((remote, i) => !this.#apply(remote, log, verdicts[i]!)));
      return remotes.filter((remote, i) => answered[i] === true && !silent.has(remote));
    } catch (error) {
      for (const remote of remotes) this.#failed(remote, log, error);
      return [...remotes];
    }
  }

  /** Those of whose keys no lie is known. */
  #trusted(): Followed[] {
    return [...this.#followed.values()].filter(({ head }) => head.against === undefined);
  }

  /** What peers saw of a log: proof first, then heads, which are judged as if somebody had shown them here. Never rejects. */
  async #hear(log: Followed, seen: readonly Seen[]): Promise<void> {
    const { evidence, onEvent } = this.#options;
    const { info } = log.head;
    for (const { peer, evidence: files } of seen) {
      for (const file of files) {
        try {
          await evidence.import(file);
        } catch (error) {
          onEvent?.({ kind: "peer_fails", peer, why: `evidence of log ${info.id}: ${messageOf(error)}` });
        }
      }
    }
    try {
      const heard = seen.flatMap(({ peer, heads }) => heads.map((head) => ({ peer, head })));
      const bestFirst = log.places.bestFirst().map((remote) => log.clients.get(remote)!);
      const source = log.places.source === undefined ? undefined : log.clients.get(log.places.source);
      const others = bestFirst.filter((client) => client !== source);
      const options = { signal: this.#closing.signal, timeoutMs: this.#pollTimeoutMs };
      const heads = heard.map(({ head }) => head);
      const verdicts = await log.head.hear(heads, source, others, options);
      // What is not shown to fit is told of when it comes, not at each poll.
      const told = new Map<string, string>();
      for (const [i, verdict] of verdicts.entries()) {
        if (verdict.kind === "unproved" && verdict.cause === "refused") told.set(verdict.why, heard[i]!.peer);
      }
      for (const [why, peer] of told) {
        if (!log.told.has(why)) onEvent?.({ kind: "refused", logId: info.id, remote: peer, why });
      }
      log.told = new Set(told.keys());
    } catch (error) {
      onEvent?.({ kind: "failed", logId: info.id, remote: "peers", why: messageOf(error) });
    }
  }

  async #convictFromVote(log: Followed, evidence: Evidence, remote: Remote): Promise<void> {
    try {
      await log.head.convict(evidence);
    } catch (error) {
      this.#failed(remote, log, error);
    }
  }

  /** Proof of whatever origin: a key that lied has no say in any of its logs. */
  #accuse(kept: KeptEvidence): void {
    if (!accusesLog(kept.evidence.kind)) return;
    for (const { head } of this.#followed.values()) {
      if (equalBytes(head.info.publicKey, kept.evidence.publicKey)) head.accuse(kept);
    }
  }

  /** Something of ours went wrong: the store, or a defect. */
  #failed(remote: Remote, log: Followed, error: unknown): true {
    const why = messageOf(error);
    this.#options.onEvent?.({ kind: "failed", logId: log.head.info.id, remote: remote.url, why });
    return true;
  }

  /** Asks for a head, which goes to `shown` if it is one of the log's; true if the remote answered. */
  async #askHead(
    remote: Remote,
    log: Followed,
    options: ProofOptions,
    shown: Map<Remote, ShownHead>,
  ): Promise<boolean> {
    const { clock } = this.#options;
    const from = log.clients.get(remote)!;
    const start = clock.now();
    const got = await headInTime(from, options, clock);
    if (options.signal.aborted) return true;
    remote.noteCall(got.kind !== "unreachable", clock.now() - start);
    switch (got.kind) {
      case "head":
        shown.set(remote, { head: got.head, from });
        return true;
      case "unreachable":
        return this.#note(remote, log, "unreachable", got.why);
      case "unverifiable":
        return this.#note(remote, log, "refused", got.why, true);
      case "refused":
        // A remote that lacks a log is nothing to tell anybody of: each is asked for all.
        log.places.note(remote, "refused", got.why);
        return true;
    }
  }

  /** True unless the remote is to be asked again soon. */
  #apply(remote: Remote, log: Followed, verdict: Verdict): boolean {
    const about = { logId: log.head.info.id, remote: remote.url };
    switch (verdict.kind) {
      case "taken":
        this.#options.onEvent?.({ kind: "taken", ...about, head: log.head.held! });
        log.places.source = remote;
        return this.#note(remote, log, "reachable", "");
      case "held":
        log.places.source ??= remote;
        return this.#note(remote, log, "reachable", "");
      case "behind":
        return this.#note(remote, log, "reachable", "");
      case "unproved":
        if (verdict.cause === "refused") return this.#note(remote, log, "refused", verdict.why);
        if (verdict.ownSilence) return this.#note(remote, log, "unreachable", verdict.why);
        // A replica that lags cannot prove how the log went on without it: a state to show, not an alarm.
        log.places.note(remote, "unreachable", verdict.why);
        return verdict.cause === "unable";
      case "contradiction":
        // Of a log that was pardoned: the other history is not taken, and the one that is held goes on.
        return log.head.against !== undefined || this.#note(remote, log, "refused", verdict.why, true);
    }
  }

  /** Notes how a remote did for a log and tells of changes; true unless it cannot be reached. */
  #note(
    remote: Remote,
    log: Followed,
    state: "reachable" | "unreachable" | "refused",
    why: string,
    isWrong = false,
  ): boolean {
    if (log.places.note(remote, state, why, isWrong) && state !== "reachable") {
      this.#options.onEvent?.({ kind: state, logId: log.head.info.id, remote: remote.url, why });
    }
    return state !== "unreachable";
  }

  /** Polls all remotes for one log; at most one such poll is under way. */
  async #refresh(log: Followed, signal: AbortSignal): Promise<void> {
    const poll = (log.refreshing ??= this.#pollEverywhere(log).finally(() => (log.refreshing = undefined)));
    await Promise.race([poll, aborted(signal)]);
  }

  /** Half of a vote's time is for heads, so that one remote that hangs does not cost the vote as well. */
  async #pollEverywhere(log: Followed): Promise<void> {
    const remotes = this.#remotes.filter((remote) => remote.leftAloneMs === 0);
    await this.#poll(remotes, [log], this.#voteTimeoutMs / 2);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A transport that does not keep its time holds nobody up. */
async function headInTime(client: LogClient, { signal, timeoutMs }: ProofOptions, clock: Clock): Promise<HeadResult> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  signal.addEventListener("abort", end);
  let timer: { cancel(): void } | undefined;
  const late = new Promise<HeadResult>((resolve) => {
    timer = clock.after(timeoutMs, () => {
      resolve({ kind: "unreachable", why: `no answer within ${timeoutMs} ms` });
      end();
    });
  });
  try {
    return await Promise.race([client.head({ signal: stop.signal, timeoutMs }), late]);
  } finally {
    timer?.cancel();
    signal.removeEventListener("abort", end);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
