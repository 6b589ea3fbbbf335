/**
 * The scripted life of two copies, for crash tests: first without values and then with them, heads of several chunks,
 * a value that both logs claim, values that come late and one that never comes. What the logs published outlives the crash.
 */
import { toHex, utf8 } from "@trustix/crypto";
import { NIX } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { crypto } from "../subscriber/network.ts";
import { mirrored, type Mirrored, type MirrorSetup, until } from "./mirrors.ts";

export interface Scripted {
  readonly logs: readonly FakeLog[];
  readonly node: FakeNode;
}

const LATE = ["late 1", "late 2"];
/** Of a value that no place ever has. */
export const NEVER = "never";
const SHAPE: MirrorSetup = { chunkEntries: 7, map: { leavesPerSubtree: 8 } };

export function newScript(): Scripted {
  const logs = ["mercury", "venus"].map((name) => new FakeLog(crypto, name, NIX));
  return { logs, node: new FakeNode("memory:m", ...logs) };
}

/** With the shape that makes small logs have all kinds of records. */
export function openCopies({ logs, node }: Scripted, store: Store, eager: boolean): Promise<Mirrored> {
  return mirrored(logs, [node], { ...SHAPE, store, eager });
}

/** Runs to the end, or until `isBroken`; it may also throw then. */
export async function runScript(script: Scripted, store: Store, isBroken: () => boolean): Promise<void> {
  const { logs } = script;
  const [a, b] = logs as [FakeLog, FakeLog];
  await session(false, async (copyHead) => {
    publish(a, 1, 20);
    publish(b, 1, 3);
    await copyHead(a);
    await copyHead(b);
    publish(a, 2, 9);
    await copyHead(a);
  });
  await session(true, async (copyHead, net) => {
    await arrives(net, a, 0);
    for (const late of [...LATE, NEVER]) a.withheld.add(toHex(digestOf(late)));
    a.publish(["with", LATE[0]!], ["other", LATE[1]!], ["lost", NEVER], ["shared", "value 1 2"]);
    await copyHead(a);
    publish(a, 3, 16);
    publish(b, 3, 16);
    await copyHead(a);
    await copyHead(b);
    comeLate(a);
    publish(a, 4, 1);
    await copyHead(a);
    await arrives(net, a, 1);
  });

  type CopyHead = (log: FakeLog) => Promise<void>;

  async function session(eager: boolean, steps: (copyHead: CopyHead, net: Mirrored) => Promise<void>): Promise<void> {
    if (isBroken()) return;
    const net = await openCopies(script, store, eager);
    try {
      await steps(async (log) => {
        if (isBroken()) return;
        await net.follower.pollNow(log.info.id);
        await until(() => isBroken() || net.status(log).served?.treeSize === log.head().treeSize);
      }, net);
    } finally {
      await net.close();
    }
  }

  async function arrives(net: Mirrored, log: FakeLog, missing: number): Promise<void> {
    await until(() => isBroken() || isWhole(net, log, missing));
  }
}

/** Whether all values that anybody has are here. */
export function isWhole(net: Mirrored, log: FakeLog, missing: number): boolean {
  const status = net.status(log);
  return status.valued === log.entries.length && status.missing === missing;
}

export function comeLate(log: FakeLog): void {
  for (const late of LATE) log.withheld.delete(toHex(digestOf(late)));
}

/** A head over `count` claims more, some of store paths. */
export function publish(log: FakeLog, round: number, count: number): void {
  const path = `/nix/store/0000000000000000000000000000000${round}-of-${log.info.id.slice(0, 4)}`;
  const claims = Array.from({ length: count - 1 }, (_, i) => [`key ${round} ${i}`, `value ${round} ${i}`] as const);
  log.publish([path, `built ${round}`], ...claims);
}

export function digestOf(value: string): Uint8Array {
  return crypto.sha256(utf8(value));
}
