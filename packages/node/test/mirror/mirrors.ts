/** A follower with a mirror over remotes in memory. */
import { utf8 } from "@trustix/crypto";
import { mapPath, type LogHead } from "@trustix/protocol";
import { openMemoryStore, type Store } from "@trustix/storage";
import type { FakeLog, FakeNode } from "@trustix/testkit";
import { onTestFinished } from "vitest";
import { registerLogs } from "../../src/logs/register-logs.ts";
import { openMirror, type LogMirror, type MirrorEvent } from "../../src/mirror/index.ts";
import type { MirrorOptions } from "../../src/mirror/mirror.ts";
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

export interface MirrorSetup extends Partial<Pick<MirrorOptions, "chunkEntries" | "map" | "timeoutMs">> {
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
