/** What a slow, hanging or lying log or place costs: itself, and nobody else. */
import { RpcError, type RpcTransport } from "@trustix/client";
import { toHex, utf8 } from "@trustix/crypto";
import { LogAPI, LogExt } from "@trustix/proto";
import { openMemoryStore, type Store } from "@trustix/storage";
import { FakeClock, FakeLog, FakeNode } from "@trustix/testkit";
import { expect, test } from "vitest";
import { openAllValues } from "../../src/logs/values.ts";
import { fetchChunks } from "../../src/mirror/fetch-chunks.ts";
import { crypto } from "../subscriber/network.ts";
import { inTime, mirrored, SlowNode, until } from "./mirrors.ts";

const { getLogEntries, getMapValue } = LogAPI.method;
const { getValues } = LogExt.method;

function log(name: string, entries: number): FakeLog {
  const made = new FakeLog(crypto, name);
  made.publish(...Array.from({ length: entries }, (_, i) => [`key ${i}`, `value ${i}`] as const));
  return made;
}

const callsOf = (node: FakeNode, { name }: { readonly name: string }): number =>
  node.calls.filter((call) => call === name).length;

test("logs whose entries never come do not keep others waiting for ever", async () => {
  const hanging = ["a", "b", "c", "d", "e"].map((name) => log(name, 10));
  const honest = log("honest", 10);
  const bad = new SlowNode("memory:bad", ...hanging);
  bad.takes.set(getLogEntries.name, Infinity);
  const net = await mirrored([...hanging, honest], [bad, new FakeNode("memory:good", honest)]);
  await inTime(net, 240_000, () => net.status(honest).served !== undefined);
  for (const one of hanging) expect(net.status(one).served).toBeUndefined();
});

test("a few new entries are copied at once, while whole logs are being copied from places that hang", async () => {
  const [a, b, honest] = [log("a", 6000), log("b", 6000), log("honest", 10)];
  const good = new FakeNode("memory:good", honest);
  const bad = new SlowNode("memory:bad", a, b);
  bad.takes.set(getLogEntries.name, Infinity);
  const net = await mirrored([a, b, honest], [bad, good]);
  await net.serves(honest);
  honest.publish(["one", "more"]);
  await net.follower.pollNow(honest.info.id);
  await net.serves(honest);
});

/** A log whose map leaves out one of its entries. */
function liar(name: string, entries: number): FakeLog {
  const made = new FakeLog(crypto, name);
  made.add(...Array.from({ length: entries }, (_, i) => [`key ${i}`, `value ${i}`] as const));
  made.lieInMap(entries - 1, undefined);
  made.sign();
  return made;
}

test("logs that lie in their maps, and let the questions about it wait, hold others up for half a minute", async () => {
  const liars = ["a", "b", "c", "d"].map((name) => liar(name, 700));
  const bad = new SlowNode("memory:bad", ...liars);
  bad.takes.set(getMapValue.name, 19_000);
  const honest = log("honest", 10);
  const net = await mirrored([...liars, honest], [bad, new FakeNode("memory:good", honest)]);
  await inTime(net, 90_000, () => net.status(honest).served !== undefined);
});

test("the lie of a log is asked of every place that serves it", async () => {
  const one = liar("liar", 2);
  const [silent, telling] = [new SlowNode("memory:silent", one), new FakeNode("memory:telling", one)];
  silent.takes.set(getMapValue.name, Infinity);
  telling.tamper = (name, answer) => {
    // So that it is not the place that the log is copied from.
    const isFirst = name === getLogEntries.name && callsOf(silent, getLogEntries) === 0;
    if (isFirst) throw new RpcError("internal", "later", { origin: "server" });
    return answer();
  };
  const net = await mirrored([one], [silent, telling]);
  await inTime(net, 60_000, () => net.follower.against(one.info.id) !== undefined);
});

test("a lie leaves the log behind, since when is not forgotten", async () => {
  const one = log("liar", 5);
  const net = await mirrored([one], [new FakeNode("memory:m", one)]);
  await net.serves(one);
  await net.clock.advance(5_000);
  one.add(["one", "more"]);
  one.lieInMap(5, undefined);
  one.sign();
  const since = net.clock.now();
  await net.follower.pollNow(one.info.id);
  await until(() => net.follower.against(one.info.id) !== undefined);
  await net.clock.advance(5_000);
  expect(net.status(one)).toMatchObject({ behindSince: since, isLie: true, served: { treeSize: 5 } });
});

test("a place that shows heads and lets entries wait is asked last from then on", async () => {
  const one = log("one", 10);
  const [bad, good] = [new SlowNode("memory:bad", one), new SlowNode("memory:good", one)];
  good.takes.set(LogAPI.method.getHead.name, 100);
  bad.takes.set(getLogEntries.name, Infinity);
  const net = await mirrored([one], [bad, good]);
  await inTime(net, 60_000, () => net.status(one).served !== undefined);
  const asked = callsOf(bad, getLogEntries);
  for (let i = 0; i < 3; i++) {
    one.publish([`more ${i}`, "v"]);
    const poll = net.follower.pollNow(one.info.id);
    await inTime(net, 10_000, () => net.status(one).served?.treeSize === one.head().treeSize);
    await poll;
  }
  expect(callsOf(bad, getLogEntries)).toBe(asked);
});

test("places that were not reached in one turn are asked first in the next", async () => {
  const hanging = ["a", "b", "c", "d", "e", "f", "g", "h"].map((name) => log(name, 10));
  const one = log("one", 10);
  const bad = ["x", "y", "z"].map((name) => new SlowNode(`memory:${name}`, one, ...hanging));
  for (const node of bad) node.takes.set(getLogEntries.name, Infinity);
  const net = await mirrored([...hanging, one], [...bad, new FakeNode("memory:good", one)]);
  await inTime(net, 600_000, () => net.status(one).served !== undefined);
});

test("a place that drips is left for another one", async () => {
  const one = log("one", 400);
  const [drip, good] = [new SlowNode("memory:drip", one), new SlowNode("memory:good", one)];
  good.takes.set(LogAPI.method.getHead.name, 100);
  drip.takes.set(getLogEntries.name, 15_000);
  const net = await mirrored([one], [drip, good], { chunkEntries: 10 });
  await inTime(net, 60_000, () => net.status(one).served !== undefined);
  expect(callsOf(good, getLogEntries)).toBeGreaterThan(10);
});

test("calls that nobody waits for any more end at once", async () => {
  const one = log("one", 400);
  const fast = new FakeNode("memory:m", one).transport();
  let calls = 0;
  let canceled = 0;
  const transport: RpcTransport = {
    ...fast,
    unary: async (method, input, options) => {
      if (++calls === 1) return fast.unary(method, input, options);
      await new Promise<void>((resolve) => options?.signal?.addEventListener("abort", () => resolve()));
      canceled++;
      throw new RpcError("canceled", "the call was canceled", { origin: "network" });
    },
  };
  const { signal } = new AbortController();
  const bounds = { chunkEntries: 10, runsAtOnce: 4, timeoutMs: 20_000 };
  const at = { crypto, transport, log: one.info };
  const chunks = fetchChunks({ at, from: 0, to: 400, lacks: undefined, clock: new FakeClock(), signal, ...bounds });
  for await (const { entries } of chunks) {
    expect(entries.length).toBe(10);
    break;
  }
  expect({ calls, canceled }).toEqual({ calls: 4, canceled: 3 });
});

test("each head that is served counts, also while the next ones come", async () => {
  const one = log("one", 10);
  const node = new FakeNode("memory:m", one);
  const net = await mirrored([one], [node]);
  await net.serves(one);
  let more = 3;
  node.tamper = (name, answer) => {
    if (name === getLogEntries.name && more-- > 0) {
      one.publish([`more ${more}`, "v"]);
      void net.follower.pollNow(one.info.id);
    }
    return answer();
  };
  one.publish(["the first", "v"]);
  await net.follower.pollNow(one.info.id);
  await until(() => net.status(one).served?.treeSize === 14);
  const served = net.told.filter(({ kind }) => kind === "served").length;
  expect(served).toBeGreaterThan(2);
  expect(net.mirror.revision()).toBe(served);
});

test("whoever waits for a copy waits for the head, not for values that nobody has", async () => {
  const one = log("one", 10);
  const node = new SlowNode("memory:m", one);
  const net = await mirrored([one], [node]);
  await net.serves(one);
  one.withheld.add(toHex(crypto.sha256(utf8("v"))));
  one.publish(["more", "v"]);
  await net.follower.pollNow(one.info.id);
  await net.serves(one);
  await until(() => net.status(one).valued === 11);
  // The next head comes quickly, and then the look for the missing value takes its time.
  node.takes.set(getValues.name, 10_000);
  one.publish(["again", "v"]);
  const poll = net.follower.pollNow(one.info.id);
  const arrived = poll.then(() => net.mirror.caughtUp([one.info.id], new AbortController().signal));
  await inTime(net, 30_000, () => net.status(one).served?.treeSize === 12);
  await arrived;
});

test("nobody is waited for who gave up", async () => {
  const one = log("one", 10);
  const node = new SlowNode("memory:m", one);
  node.takes.set(getLogEntries.name, Infinity);
  const net = await mirrored([one], [node]);
  const giveUp = new AbortController();
  const waits = net.mirror.caughtUp([one.info.id], giveUp.signal);
  giveUp.abort();
  await waits;
});

/** The same store, telling how many values are read at once. */
function watched(store: Store): Store & { most: number } {
  const seen = { most: 0 };
  return Object.assign(seen, {
    ...store,
    getMany: (keys: readonly Uint8Array[]) => {
      seen.most = Math.max(seen.most, keys.filter(([space]) => space === 0x21).length);
      return store.getMany(keys);
    },
  }) as Store & { most: number };
}

test("to know whether values are here, few of them are in memory at once", async () => {
  const [a, b] = [log("a", 600), log("b", 600)];
  const store = watched(openMemoryStore());
  const net = await mirrored([a, b], [new FakeNode("memory:m", a, b)], { store });
  await net.serves(a);
  await net.serves(b);
  expect(store.most).toBeGreaterThan(0);
  expect(store.most).toBeLessThanOrEqual(8);
});

test("every missing value is asked for again, however many there are that nobody has", async () => {
  const one = new FakeLog(crypto, "one");
  const claims = Array.from({ length: 2300 }, (_, i) => [`key ${i}`, `value ${i}`] as const);
  one.publish(...claims);
  const digests = claims.map(([, value]) => crypto.sha256(utf8(value)));
  for (const digest of digests) one.withheld.add(toHex(digest));
  const net = await mirrored([one], [new FakeNode("memory:m", one)]);
  await net.serves(one);
  // Those that come last in the order of digests are there again, the others are not.
  const sorted = digests.map(toHex).sort();
  const back = sorted.slice(-200);
  for (const name of back) one.withheld.delete(name);
  one.publish(["next", "head"]);
  await net.follower.pollNow(one.info.id);
  await net.serves(one);
  const values = openAllValues(net.store, crypto);
  const wanted = back.map((name) => new Uint8Array(Buffer.from(name, "hex")));
  await expect.poll(async () => (await values.getMany(wanted)).includes(undefined)).toBe(false);
});

test("a new head goes before values that were left out until now", async () => {
  const one = log("one", 1500);
  const node = new SlowNode("memory:m", one);
  const lazy = await mirrored([one], [node], { eager: false });
  await lazy.serves(one);
  await lazy.close();
  node.takes.set(getValues.name, 15_000);
  const net = await mirrored([one], [node], { store: lazy.store });
  await inTime(net, 20_000, () => net.status(one).valued! > 0 || node.underWay > 0);
  one.publish(["more", "v"]);
  const poll = net.follower.pollNow(one.info.id);
  await inTime(net, 60_000, () => net.status(one).served?.treeSize === 1501);
  await poll;
  expect(net.status(one).valued).toBeLessThan(1500);
});
