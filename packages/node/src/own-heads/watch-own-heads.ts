/**
 * Who else knows this node's logs, and what of them: every remote is asked for the head of every published log. One that
 * has a newer head than the store, or another one of a size that the store has, shows that the store went back or is
 * another one, and then nothing may be signed.
 *
 * Answers come from memory: a remote that is slow or down never holds up a flush, and is asked again soon. Of each
 * remote the largest head and the latest are known, so that neither hides the other, and only heads signed by the log's
 * own key count.
 */
import { logClient, sameHead, type LogClient, type RpcTransport } from "@trustix/client";
import type { Crypto } from "@trustix/crypto";
import type { LogHead, LogId, LogInfo } from "@trustix/protocol";
import type { Clock } from "../model.ts";
import { PollSchedule } from "../poll-schedule.ts";

export interface OwnHeadsOptions {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** 0..1, for jitter. */
  readonly random: () => number;
  readonly logs: readonly LogInfo[];
  readonly remotes: readonly RpcTransport[];
  /** Milliseconds between two rounds. */
  readonly intervalMs: number;
  /** Milliseconds that one remote has to answer. */
  readonly timeoutMs: number;
  /** Told of what must not happen: a remote that is down or lies is no fault. */
  readonly onFault: (error: unknown) => void;
}

export interface OwnHeads {
  /** The heads of the log that remotes have shown: of each the largest, and the latest if that is another. */
  heads(logId: LogId): readonly LogHead[];
  close(): Promise<void>;
}

/** One log at one remote. */
interface Place {
  readonly log: LogInfo;
  readonly client: LogClient;
  heads: readonly LogHead[];
}

/** Resolves after the first round: before it nobody may sign. */
export async function watchOwnHeads(options: OwnHeadsOptions): Promise<OwnHeads> {
  const { crypto, clock, random, logs, intervalMs, timeoutMs, onFault } = options;
  const placesAt = new Map<RpcTransport, readonly Place[]>(
    options.remotes.map((transport) => [
      transport,
      logs.map((log) => ({ log, client: logClient({ crypto, transport, log }), heads: [] })),
    ]),
  );
  const stop = new AbortController();
  const underWay = new Set<Promise<unknown>>();

  /** False if the remote could not be reached. */
  async function ask(place: Place): Promise<boolean> {
    const got = await place.client.head({ timeoutMs, signal: stop.signal });
    // Most remotes have never heard of this log: an answer without a head is no news.
    if (got.kind === "head") place.heads = largestAndLatest(place.heads, got.head);
    return got.kind !== "unreachable";
  }

  async function askAll(remote: RpcTransport): Promise<boolean> {
    try {
      return (await Promise.all(placesAt.get(remote)!.map(ask))).every(Boolean);
    } catch (error) {
      onFault(error);
      return false;
    }
  }

  async function poll(remotes: readonly RpcTransport[]): Promise<ReadonlySet<RpcTransport>> {
    const asking = Promise.all(remotes.map(askAll));
    underWay.add(asking);
    const answered = await asking;
    underWay.delete(asking);
    return new Set(remotes.filter((_, i) => answered[i]));
  }

  const schedule = new PollSchedule({
    places: logs.length === 0 ? [] : options.remotes,
    clock,
    random,
    intervalMs,
    poll,
  });
  await schedule.start();
  return {
    heads: (logId) => [...placesAt.values()].flat().flatMap(({ log, heads }) => (log.id === logId ? heads : [])),
    async close() {
      schedule.close();
      stop.abort();
      await Promise.all(underWay);
    },
  };
}

function largestAndLatest(known: readonly LogHead[], latest: LogHead): readonly LogHead[] {
  const [largest] = known;
  if (largest === undefined || latest.treeSize > largest.treeSize || sameHead(latest, largest)) return [latest];
  return [largest, latest];
}
