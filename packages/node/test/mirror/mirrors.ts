/** A follower with a mirror over remotes in memory. */
import { RpcError, type CallOptions, type RpcTransport } from "@trustix/client";
import { utf8 } from "@trustix/crypto";
import { mapPath, type LogHead } from "@trustix/protocol";
import { openMemoryStore, type Store } from "@trustix/storage";
import { type FakeClock, type FakeLog, FakeNode } from "@trustix/testkit";
import { onTestFinished } from "vitest";
import { registerLogs } from "../../src/logs/register-logs.ts";
import { openMirror, type LogMirror, type MirrorEvent, type MirrorOptions } from "../../src/mirror/index.ts";
import type { MirrorClaim, MirrorStatus } from "../../src/model.ts";
import { crypto, follow, type Network } from "../subscriber/network.ts";

export interface Mirrored extends Network {
  readonly mirror: LogMirror;
  readonly told: MirrorEvent[];
  status(log: FakeLog): MirrorStatus;
  claim(log: FakeLog, key: string): Promise<MirrorClaim | undefined>;
  /** Resolves once the log's copy serves this head. */
  serves(log: FakeLog, head?: LogHead): Promise<void>;
  close(): Promise<void>;
}

export interface MirrorSetup extends Partial<Pick<MirrorOptions, "chunkEntries" | "map" | "room" | "timeoutMs">> {
  readonly store?: Store;
  readonly eager?: boolean;
  /** Logs that are followed and not copied. */
  readonly light?: readonly FakeLog[];
}

/** Copies at once. Closed when the test ends. */
export async function mirrored(
  logs: readonly FakeLog[],
  nodes: readonly FakeNode[],
  setup: MirrorSetup = {},
): Promise<Mirrored> {
  const { eager = true, store = openMemoryStore(), light, ...options } = setup;
  const net = await follow(logs, nodes, { store });
  const serials = await registerLogs(
    store,
    logs.map(({ info }) => info),
  );
  const told: MirrorEvent[] = [];
  const mirror = await openMirror({
    crypto,
    store,
    clock: net.clock,
    follower: net.follower,
    logs: logs
      .filter((log) => light?.includes(log) !== true)
      .map(({ info }) => ({ info, keys: serials.get(info.id)!, eager })),
    ...options,
    onEvent: (event) => told.push(event),
  });
  for (const node of nodes) if (node instanceof SlowNode) node.clock = net.clock;
  mirror.start();
  const close = async (): Promise<void> => {
    await mirror.close();
    await net.follower.close();
  };
  onTestFinished(close);
  const status = (log: FakeLog): MirrorStatus => mirror.status(log.info.id)!;
  return {
    ...net,
    mirror,
    told,
    status,
    claim: async (log, key) => (await mirror.claims(mapPath(crypto, utf8(key)), [log.info.id]))[0],
    serves: (log, head = log.head()) => until(() => status(log).served?.treeSize === head.treeSize),
    close,
  };
}

/** Real time, for work that has no other sign of its end. */
export async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error("it did not come to that within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** A remote whose answers take time of the clock: whoever waits longer than the call's own limit is told so. */
export class SlowNode extends FakeNode {
  clock: FakeClock | undefined;
  /** Milliseconds by method; `Infinity`: it never answers. */
  readonly takes = new Map<string, number>();
  /** Calls that are being answered. */
  underWay = 0;

  override transport(): RpcTransport {
    const fast = super.transport();
    return {
      ...fast,
      unary: async (method, input, options) => {
        this.underWay++;
        try {
          await this.#wait(this.takes.get(method.name) ?? 0, options);
          return await fast.unary(method, input, options);
        } finally {
          this.underWay--;
        }
      },
    };
  }

  async #wait(ms: number, { signal, timeoutMs = 20_000 }: CallOptions = {}): Promise<void> {
    if (ms === 0) return;
    if (this.clock === undefined) throw new Error("a slow node needs a clock before it is asked");
    const ended = Promise.withResolvers<boolean>();
    const timer = this.clock.after(Math.min(ms, timeoutMs), () => ended.resolve(ms <= timeoutMs));
    signal?.addEventListener("abort", () => ended.resolve(false));
    const isAnswered = await ended.promise;
    timer.cancel();
    const why = signal?.aborted === true ? "the call was canceled" : `no answer within ${timeoutMs} ms`;
    if (!isAnswered) throw new RpcError("deadline_exceeded", why, { origin: "network" });
  }
}

/** Lets time go by, in steps, until it holds. */
export async function inTime(net: Pick<Mirrored, "clock">, ms: number, holds: () => boolean): Promise<void> {
  const end = net.clock.now() + ms;
  for (; !holds(); await net.clock.advance(500))
    if (net.clock.now() >= end) throw new Error(`it did not come to that in ${ms} ms of the clock`);
}
