/**
 * Who else knows this node's logs, and how far: every remote is asked for the head of every published log. A remote that
 * has a newer one than the store shows that the store went back, and then nothing may be signed.
 *
 * Answers come from memory: a remote that is slow or down never holds up a flush. What is known grows only, and only
 * heads signed by the log's own key count.
 */
import { logClient, type LogClient, type RpcTransport } from "@trustix/client";
import type { Crypto } from "@trustix/crypto";
import type { LogHead, LogId, LogInfo } from "@trustix/protocol";
import type { Clock } from "../model.ts";

export interface OwnHeadsOptions {
  readonly crypto: Crypto;
  readonly clock: Clock;
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
  /** The newest head of the log that any remote has shown. */
  newest(logId: LogId): LogHead | undefined;
  close(): Promise<void>;
}

/** Resolves after the first round: before it nobody may sign. */
export async function watchOwnHeads(options: OwnHeadsOptions): Promise<OwnHeads> {
  const { crypto, clock, logs, remotes, intervalMs, timeoutMs } = options;
  const newest = new Map<LogId, LogHead>();
  const clients = logs.flatMap((log) =>
    remotes.map((transport) => ({ log, client: logClient({ crypto, transport, log }) })),
  );
  const stop = new AbortController();
  let timer: { cancel(): void } | undefined;

  async function ask(log: LogInfo, client: LogClient): Promise<void> {
    const got = await client.head({ timeoutMs, signal: stop.signal });
    // Most remotes have never heard of this log: anything but a head is no news.
    if (got.kind !== "head") return;
    const known = newest.get(log.id);
    if (known === undefined || got.head.treeSize > known.treeSize) newest.set(log.id, got.head);
  }

  /** Never rejects. */
  async function round(): Promise<void> {
    await Promise.all(clients.map(({ log, client }) => ask(log, client).catch(options.onFault)));
    if (!stop.signal.aborted && clients.length > 0) timer = clock.after(intervalMs, () => void (running = round()));
  }

  let running = round();
  await running;
  return {
    newest: (logId) => newest.get(logId),
    async close() {
      stop.abort();
      timer?.cancel();
      await running;
    },
  };
}
