/**
 * The follower: polls every remote for every subscribed log, keeps the heads that check, answers votes under them.
 *
 * A log is its key, not a place: every remote is asked for every log, a replica's answer is as good as the log's own
 * node's. A remote that is down, lacks a log or lies is a state to show, never a reason to stop.
 */
import type { LogClient } from "@trustix/client";
import { logClient } from "@trustix/client";
import type { Hash, LogHead, LogId, Vote } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { FollowedLog } from "../model.ts";
import { askRemotes } from "./ask-remotes.ts";
import { castVote } from "./cast-vote.ts";
import { FollowedHead } from "./followed-head.ts";
import type { JudgeOptions, Verdict } from "./followed-head.ts";
import { DEFAULT_POLL_INTERVAL_MS } from "./options.ts";
import type { CacheableFollower, FollowerOptions } from "./options.ts";
import { Places } from "./places.ts";
import { RememberedLogs } from "./remembered-logs.ts";
import { Remote } from "./remote.ts";

interface Followed {
  readonly name: string;
  readonly head: FollowedHead;
  readonly clients: ReadonlyMap<Remote, LogClient>;
  readonly places: Places;
  refreshing: Promise<void> | undefined;
}

/** Loads what is known and begins to poll at once. Throws `corrupt` for stored state that cannot be read. */
export async function openFollower(options: FollowerOptions): Promise<CacheableFollower> {
  const memory = new RememberedLogs(options.store, options.crypto);
  const known = await Promise.all(options.logs.map(({ info }) => memory.load(info)));
  return new RemoteFollower(options, (changed) =>
    options.logs.map(({ info }, i) => new FollowedHead(info, known[i]!, memory, options.clock, changed)),
  );
}

class RemoteFollower implements CacheableFollower {
  readonly #options: FollowerOptions;
  readonly #remotes: readonly Remote[];
  readonly #followed: ReadonlyMap<LogId, Followed>;
  readonly #timers = new Map<Remote, { cancel(): void }>();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #revision = 0;

  constructor(options: FollowerOptions, heads: (changed: () => void) => readonly FollowedHead[]) {
    this.#options = options;
    this.#remotes = options.remotes.map((transport) => new Remote(transport, options.clock));
    const all = heads(() => void this.#revision++);
    this.#followed = new Map(all.map((head, i) => [head.info.id, this.#follow(head, options.logs[i]!.name)]));
    for (const remote of this.#remotes) this.#schedule(remote, 0);
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
      remotes: this.#remotes.map((remote) => ({
        url: remote.url,
        reachability:
          head.against === undefined
            ? places.stateOf(remote)
            : { state: "refused", since: head.against.time, why: head.against.why },
      })),
    }));
  }

  async pollNow(logId?: LogId): Promise<void> {
    const logs = logId === undefined ? [...this.#followed.values()] : [this.#find(logId)];
    await Promise.all(this.#remotes.map((remote) => this.#poll(remote, logs, this.#pollTimeoutMs)));
  }

  async vote(logId: LogId, key: Uint8Array, signal: AbortSignal): Promise<Vote> {
    const log = this.#followed.get(logId);
    if (log === undefined) {
      return { logId, outcome: "unreachable", digest: undefined, reason: "this log is not followed" };
    }
    return castVote(
      {
        log: log.head,
        key,
        remotes: () => log.places.worthAsking(),
        clientOf: (remote) => log.clients.get(remote)!,
        refresh: (stop) => this.#refresh(log, stop),
        whyNoHead: () => log.places.whyNoHead(),
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

  async close(): Promise<void> {
    this.#closing.abort();
    for (const timer of this.#timers.values()) timer.cancel();
    await Promise.all(this.#remotes.map(({ transport }) => transport.close()));
    // What is being judged may still write to the store; whoever closes it waits for us.
    await Promise.allSettled(this.#underWay);
  }

  #follow(head: FollowedHead, name: string): Followed {
    const { crypto } = this.#options;
    const clients = new Map(
      this.#remotes.map((remote) => [remote, logClient({ crypto, transport: remote.transport, log: head.info })]),
    );
    return { name, head, clients, places: new Places(this.#remotes, this.#options.clock), refreshing: undefined };
  }

  #find(logId: LogId): Followed {
    const log = this.#followed.get(logId);
    if (log === undefined) throw new NodeError("not_found", `log ${logId} is not followed`);
    return log;
  }

  #schedule(remote: Remote, ms: number): void {
    if (this.#closing.signal.aborted) return;
    this.#timers.set(
      remote,
      this.#options.clock.after(ms, () => void this.#pollAndSchedule(remote)),
    );
  }

  async #pollAndSchedule(remote: Remote): Promise<void> {
    const reached = await this.#poll(remote, [...this.#followed.values()], this.#pollTimeoutMs);
    const interval = this.#options.intervalMs ?? DEFAULT_POLL_INTERVAL_MS;
    this.#schedule(remote, remote.nextPoll(reached, interval, this.#options.random()));
  }

  get #pollTimeoutMs(): number {
    return this.#options.pollTimeoutMs ?? 20_000;
  }

  get #voteTimeoutMs(): number {
    return this.#options.voteTimeoutMs ?? 2_000;
  }

  /** True if the remote answered for any of the logs. Never throws. */
  async #poll(remote: Remote, logs: readonly Followed[], timeoutMs: number): Promise<boolean> {
    const options = { signal: this.#closing.signal, timeoutMs };
    const polls = Promise.all(logs.map((log) => this.#pollLog(remote, log, options)));
    this.#underWay.add(polls);
    const reached = await polls;
    this.#underWay.delete(polls);
    return reached.length === 0 || reached.includes(true);
  }

  async #pollLog(remote: Remote, log: Followed, options: JudgeOptions): Promise<boolean> {
    const { signal } = options;
    if (signal.aborted || log.head.against !== undefined) return true;
    const client = log.clients.get(remote)!;
    try {
      const start = this.#options.clock.now();
      const got = await client.head(options);
      if (signal.aborted) return true;
      remote.noteCall(got.kind !== "unreachable", this.#options.clock.now() - start);
      if (got.kind === "unreachable") return this.#note(remote, log, "unreachable", got.why);
      if (got.kind === "unverifiable") return this.#note(remote, log, "refused", got.why);
      if (got.kind === "refused") {
        // A remote that lacks a log is nothing to tell anybody of: each is asked for all.
        log.places.note(remote, "refused", got.why);
        return true;
      }
      const others = log.places.bestFirst().flatMap((other) => (other === remote ? [] : log.clients.get(other)!));
      return this.#apply(remote, log, got.head, await log.head.judge(got.head, client, others, options));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#options.onEvent?.({ kind: "failed", logId: log.head.info.id, remote: remote.url, why });
      return true;
    }
  }

  #apply(remote: Remote, log: Followed, head: LogHead, verdict: Verdict): boolean {
    const about = { logId: log.head.info.id, remote: remote.url };
    switch (verdict.kind) {
      case "taken":
        this.#options.onEvent?.({ kind: "taken", ...about, head });
        log.places.source = remote;
        return this.#note(remote, log, "reachable", "");
      case "held":
        log.places.source ??= remote;
        return this.#note(remote, log, "reachable", "");
      case "behind":
        return this.#note(remote, log, "reachable", "");
      case "unproved":
        if (!verdict.older) return this.#note(remote, log, verdict.reached ? "refused" : "unreachable", verdict.why);
        // A replica that lags cannot prove how the log went on without it: a state to show, not an alarm.
        log.places.note(remote, "refused", verdict.why);
        return true;
      case "contradiction":
        this.#options.onEvent?.({ kind: "contradiction", ...about, why: verdict.why });
        return true;
    }
  }

  /** Notes how a remote did for a log and tells of changes; true unless it cannot be reached. */
  #note(remote: Remote, log: Followed, state: "reachable" | "unreachable" | "refused", why: string): boolean {
    if (log.places.note(remote, state, why) && state !== "reachable") {
      this.#options.onEvent?.({ kind: state, logId: log.head.info.id, remote: remote.url, why });
    }
    return state !== "unreachable";
  }

  /** Polls all remotes for one log; at most one such poll is under way. */
  async #refresh(log: Followed, signal: AbortSignal): Promise<void> {
    const poll = (log.refreshing ??= this.#pollEverywhere(log).finally(() => (log.refreshing = undefined)));
    await Promise.race([poll, aborted(signal)]);
  }

  /** Resolves as soon as a newer head is held, or when all remotes answered. */
  async #pollEverywhere(log: Followed): Promise<void> {
    const before = log.head.held;
    await new Promise<void>((resolve) => {
      const polls = this.#remotes.map(async (remote) => {
        if (remote.leftAloneMs > 0) return;
        await this.#poll(remote, [log], this.#voteTimeoutMs);
        if (log.head.held !== before) resolve();
      });
      void Promise.allSettled(polls).finally(resolve);
    });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
