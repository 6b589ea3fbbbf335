/**
 * Peers: other people's nodes that this one compares heads with, so that a log cannot show one history here and another
 * there. A peer is asked for what it saw of each followed log, as often as remotes are polled; it is never a place to read a
 * log from, and what it says is believed as far as the log's key signed it.
 */
import type { LogAtRemote, RpcTransport, SeenHeadsResult } from "@trustix/client";
import { readSeenHeads } from "@trustix/client";
import type { LogHead, LogId } from "@trustix/protocol";
import type { Clock } from "../model.ts";
import { PollSchedule } from "../poll-schedule.ts";

/** Milliseconds for one call. */
const CALL_MS = 5_000;

/** What one peer has of one log. */
export interface Seen {
  readonly peer: string;
  readonly heads: readonly LogHead[];
  /** Files, unchecked. */
  readonly evidence: readonly Uint8Array[];
}

export interface PeersOptions {
  readonly transports: readonly RpcTransport[];
  readonly clock: Clock;
  /** 0..1, for jitter. */
  readonly random: () => number;
  readonly intervalMs: number;
  /** What peers are asked about; they learn of each that it is followed. */
  readonly logs: () => readonly Omit<LogAtRemote, "transport">[];
  /** Told of each log once all peers of a round answered. Never rejects. */
  readonly onSeen: (logId: LogId, seen: readonly Seen[]) => Promise<void>;
  /** Told when a peer begins to fail, or fails in another way. */
  readonly onTrouble: (peer: string, why: string) => void;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #schedule: PollSchedule<RpcTransport>;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();
  /** Why each fails. */
  readonly #troubles = new Map<RpcTransport, string>();

  constructor(options: PeersOptions) {
    this.#options = options;
    const { transports: places, clock, random, intervalMs } = options;
    this.#schedule = new PollSchedule({ places, clock, random, intervalMs, poll: (some) => this.#poll(some) });
    void this.#schedule.start();
  }

  /** Asks all; resolves when what they said is judged. */
  async pollNow(): Promise<void> {
    await this.#poll(this.#options.transports);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#schedule.close();
    await Promise.all(this.#options.transports.map((transport) => transport.close()));
    await Promise.allSettled(this.#underWay);
  }

  /** Names the peers that answered. Never rejects. */
  async #poll(transports: readonly RpcTransport[]): Promise<ReadonlySet<RpcTransport>> {
    const failing = new Set<RpcTransport>();
    const round = Promise.all(
      this.#options.logs().map(async (log) => {
        const seen = await Promise.all(transports.map((transport) => this.#ask(transport, log, failing)));
        if (!this.#closing.signal.aborted) await this.#options.onSeen(log.log.id, seen.flat());
      }),
    );
    this.#underWay.add(round);
    await round;
    this.#underWay.delete(round);
    const answered = transports.filter((transport) => !failing.has(transport));
    for (const transport of answered) this.#troubles.delete(transport);
    return new Set(answered);
  }

  async #ask(
    transport: RpcTransport,
    log: Omit<LogAtRemote, "transport">,
    failing: Set<RpcTransport>,
  ): Promise<readonly Seen[]> {
    const options = { signal: this.#closing.signal, timeoutMs: CALL_MS };
    const result = await readSeenHeads({ ...log, transport }, options);
    if (result.kind === "seen") return [{ peer: transport.url, heads: result.heads, evidence: result.evidence }];
    if (isIgnorance(result) || options.signal.aborted) return [];
    failing.add(transport);
    if (this.#troubles.get(transport) !== result.why) this.#options.onTrouble(transport.url, result.why);
    this.#troubles.set(transport, result.why);
    return [];
  }
}

/** A peer that does not follow a log has nothing to say of it. */
function isIgnorance(result: Exclude<SeenHeadsResult, { kind: "seen" }>): boolean {
  return result.kind === "refused" && result.code === "not_found";
}
