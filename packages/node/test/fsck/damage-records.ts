/** Small stores with records of every kind, each of which is damaged in every way. */
import { RpcError } from "@trustix/client";
import { toHex, utf8 } from "@trustix/crypto";
import { LogAPI } from "@trustix/proto";
import { NIX } from "@trustix/protocol";
import { type Change, type Store, openMemoryStore } from "@trustix/storage";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { expect } from "vitest";
import { type FsckOptions, fsck } from "../../src/fsck/fsck.ts";
import { fsckStore } from "../../src/fsck/fsck-store.ts";
import { mirrored, until } from "../mirror/mirrors.ts";
import { crypto, item, items, logInfo, openTestLog } from "../publisher/test-log.ts";

export const info = logInfo(NIX);
export const options: FsckOptions = { crypto, logs: [info] };

export async function allRecords(of: Store): Promise<Change[]> {
  const records: Change[] = [];
  for await (const record of of.range(new Uint8Array(0), new Uint8Array(64).fill(255))) records.push(record);
  return records;
}

/** A store to be damaged, and what is known of it. */
export interface Whole {
  readonly store: Store;
  /** How many problems a check finds. */
  readonly problems: () => Promise<number>;
  /** Which kinds of records it has. */
  readonly kinds: readonly string[];
  /** Damage that leaves no trace, by kind. */
  readonly unnoticed: Readonly<Record<"flipped" | "cut" | "lost", readonly string[]>>;
  /** Bytes that say what nothing else says, times for example: from the first on and before the second. */
  readonly free: Readonly<Record<string, readonly (readonly [from: number, to: number])[]>>;
}

/**
 * Small enough to damage each of its records, and yet with all of them: pages over buckets, retained heads and retired
 * ones, full and partial tiles.
 */
export async function smallStore(): Promise<Store> {
  const small = openMemoryStore();
  const { publisher } = await openTestLog(small, {
    protocol: NIX,
    limits: { retainHeads: 3, retainMs: 0 },
    map: { leavesPerSubtree: 8 },
  });
  for (let i = 0; i < 6; i++) {
    const path = item(`/nix/store/0000000000000000000000000000000${i}-x`, "value-1");
    // Few different values, so that there are few records of them.
    const claims = items(i * 50, 49).map(({ key }, n) => ({ key, value: Buffer.from(`value-${n % 9}`) }));
    await publisher.submit([...claims, path]);
    await publisher.flush();
  }
  await publisher.submit([item("key-1", "another"), ...items(5000, 3)]);
  await publisher.close();
  return small;
}

/** `smallStore`. A lost queue record or refused claim leaves no trace, nor do other bytes in an item that nothing has been made of. */
export async function smallLog(): Promise<Whole> {
  const store = await smallStore();
  expect((await fsck(store, options))[0]).toMatchObject({ entries: 300, heads: 3, problems: [] });
  return {
    store,
    problems: async () => (await fsck(store, options))[0]!.problemCount,
    kinds: ["b", "d", "h", "mb", "mg", "mp", "p", "q", "r", "s", "t", "x"]
      .map((kind) => `log ${kind}`)
      .concat("space 1", "space 32"),
    unnoticed: { flipped: ["log q"], cut: [], lost: ["log q", "log x", "log s"] },
    free: {},
  };
}

/**
 * The copy of a log, with a head served and another on its way, so that there are map versions between the two; and with
 * values that nobody has.
 */
export async function smallCopy(): Promise<Whole> {
  const log = new FakeLog(crypto, "mercury", NIX);
  const claims = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => [`key-${from + i}`, `value-${i % 9}`] as const);
  log.publish(...claims(0, 150), ["/nix/store/00000000000000000000000000000000-x", "value-1"]);
  log.withheld.add(toHex(crypto.sha256(utf8("value-4"))));
  const node = new FakeNode("memory:m", log);
  const net = await mirrored([log], [node], { chunkEntries: 40, map: { leavesPerSubtree: 8 } });
  await net.serves(log);
  await net.clock.advance(0);
  log.publish(...claims(200, 149));
  // Three chunks of the new head come, the rest does not.
  let calls = 0;
  node.tamper = (name, answer) => {
    if (name === LogAPI.method.getLogEntries.name && ++calls > 3)
      throw new RpcError("unavailable", "it fell over", { origin: "network" });
    return answer();
  };
  await net.follower.pollNow(log.info.id);
  await until(() => net.status(log).why !== undefined);
  await net.close();
  const logs = [log.info];
  const [report] = await fsck(net.store, { crypto, logs });
  expect(report).toMatchObject({ kind: "copy", entries: 271, served: 151, problems: [] });
  return {
    store: net.store,
    problems: async () => {
      const [of] = await fsck(net.store, { crypto, logs });
      return of!.problemCount + (await fsckStore(net.store, { crypto, logs, followed: logs })).problemCount;
    },
    kinds: ["b", "f", "mb", "mg", "mp", "p", "t", "v"]
      .map((kind) => `log ${kind}`)
      .concat("space 1", "space 33", "space 48", "space 80"),
    unnoticed: { flipped: [], cut: [], lost: [] },
    free: {
      // How many have their values, and which versions were retired; when the head was served.
      "log f": [
        [7, 19],
        [286, 292],
      ],
      // When the head was taken.
      "space 48": [[0, 6]],
      // When the claim was first seen.
      "space 80": [[38, 44]],
    },
  };
}

/** Each of `which` records is damaged, cut and lost: the check finds it, and nothing once all is whole again. */
export async function expectDamageFound(whole: Whole, which: "all" | "first of its kind"): Promise<void> {
  const { store, problems, unnoticed } = whole;
  expect(await problems()).toBe(0);
  const seen = new Map<string, number>();
  const missed: string[] = [];
  for (const [key, value] of await allRecords(store)) {
    if (key[0] === 0x00) continue; // node-wide, no log's
    const kind = key[0] === 0x10 ? `log ${String.fromCharCode(key[3]!)}` : `space ${key[0]}`;
    const name = kind === "log m" ? `${kind}${String.fromCharCode(key[4]!)}` : kind;
    seen.set(name, (seen.get(name) ?? 0) + 1);
    if (which === "first of its kind" && seen.get(name)! > 1) continue;
    for (const [how, change] of [
      ["flipped", flipped(value!, seen.get(name)! * 37, whole.free[kind] ?? [])],
      ["cut", value!.length === 0 ? undefined : value!.slice(0, -1)],
      ["lost", undefined],
    ] as const) {
      if (unnoticed[how].includes(kind)) continue;
      await store.write([[key, change]]);
      if ((await problems()) === 0) missed.push(`${how}: ${name} ${Buffer.from(key).toString("hex")}`);
    }
    await store.write([[key, value]]);
  }
  expect(missed).toEqual([]);
  expect([...seen.keys()].sort()).toEqual([...whole.kinds].sort());
  expect(seen.get("log mp")).toBeGreaterThan(10);
  expect(await problems()).toBe(0);
}

/** With one bit changed: the first from byte `at` on that something else tells as well. */
function flipped(value: Uint8Array, at: number, free: Whole["free"][string]): Uint8Array {
  if (value.length === 0) return Uint8Array.of(1);
  const damaged = new Uint8Array(value);
  let place = at % damaged.length;
  while (free.some(([from, to]) => place >= from && place < to)) place = (place + 1) % damaged.length;
  damaged[place]! ^= 1;
  return damaged;
}
