/** Following heads: what is taken, what is refused and kept, what a remote's failure costs. */
import { type Evidence, writeEvidence } from "@trustix/client";
import { fromHex } from "@trustix/crypto";
import { NIX } from "@trustix/protocol";
import { openMemoryStore } from "@trustix/storage";
import { faultyStore } from "@trustix/storage/faulty";
import { FakeLog, FakeNode, narInfo } from "@trustix/testkit";
import { expect, test } from "vitest";
import type { Network } from "./network.ts";
import { crypto, follow, grown } from "./network.ts";

const MINUTE = 60_000;
const HALF_HOUR = 30 * MINUTE;

/** What is kept against a log. */
async function storedEvidence({ evidence }: Network, log: FakeLog): Promise<Evidence[]> {
  return (await evidence.against(log.info.publicKey)).map((kept) => kept.evidence);
}

test("at start every remote is asked for every log, and the heads that check are held", async () => {
  const [mercury, venus] = [grown("mercury", 3), grown("venus", 5)];
  const nodes = [new FakeNode("memory:m", mercury), new FakeNode("memory:v", venus)];
  const net = await follow([mercury, venus], nodes);
  expect(net.log(mercury).head).toEqual(mercury.head());
  expect(net.log(venus).head).toEqual(venus.head());
  expect(net.states(mercury)).toEqual(["reachable", "refused"]);
  expect(net.states(venus)).toEqual(["refused", "reachable"]);
  expect(net.log(mercury).headSeenAt).toBe(net.clock.now());
  for (const node of nodes) expect(node.calls.filter((call) => call === "GetHead")).toHaveLength(2);
});

test("polls come every 30 minutes unless told, with jitter, and take what grew", async () => {
  const mercury = grown("mercury", 1);
  const node = new FakeNode("memory:m", mercury);
  const net = await follow([mercury], [node]);
  expect(net.clock.waiting()).toEqual([HALF_HOUR]);
  mercury.publish(["new", "claim"]);
  await net.clock.advance(HALF_HOUR - 1);
  expect(net.log(mercury).head!.treeSize).toBe(2);
  await net.clock.advance(1);
  expect(net.log(mercury).head).toEqual(mercury.head());
  expect(net.events.map(({ kind }) => kind)).toEqual(["taken", "taken"]);
  for (const [random, wait] of [
    [0, 9_000],
    [0.999999, 11_000],
  ] as const) {
    const other = await follow([mercury], [node], { random: () => random, intervalMs: 10_000 });
    expect(other.clock.waiting()[0]).toBeCloseTo(wait, -1);
  }
});

test("a remote that is down at start is asked again soon, ever later while it stays down, and comes back", async () => {
  const mercury = grown("mercury", 2);
  const node = new FakeNode("memory:m", mercury);
  node.down = "connection refused";
  const net = await follow([mercury], [node]);
  expect(net.states(mercury)).toEqual(["unreachable"]);
  const waits: number[] = [];
  for (let i = 0; i < 14; i++) {
    waits.push(net.clock.waiting()[0]!);
    await net.clock.advance(waits.at(-1)!);
  }
  expect(waits.slice(0, 4)).toEqual([1000, 2000, 4000, 8000]);
  expect(waits.at(-1)).toBe(HALF_HOUR);
  expect(net.events).toHaveLength(1);
  node.down = undefined;
  await net.clock.advance(HALF_HOUR);
  expect(net.states(mercury)).toEqual(["reachable"]);
  expect(net.log(mercury).head).toEqual(mercury.head());
  expect(net.clock.waiting()).toEqual([HALF_HOUR]);
});

test("a replica serves a log it did not create: identity is the key, not the place", async () => {
  const mercury = grown("mercury", 4);
  const own = new FakeNode("memory:own", mercury);
  own.down = "connection refused";
  const replica = new FakeNode("memory:replica", grown("venus", 1), mercury);
  const net = await follow([mercury], [own, replica]);
  expect(net.log(mercury).head).toEqual(mercury.head());
  expect(net.states(mercury)).toEqual(["unreachable", "reachable"]);
  expect((await net.vote(mercury, "a3")).outcome).toBe("claims");
});

test("of several valid heads the largest is taken; a replica that lags is no liar", async () => {
  const mercury = grown("mercury", 6);
  const behind = grown("mercury", 2);
  for (const nodes of [
    [new FakeNode("memory:behind", behind), new FakeNode("memory:own", mercury)],
    [new FakeNode("memory:own", mercury), new FakeNode("memory:behind", behind)],
  ]) {
    const net = await follow([mercury], nodes);
    expect(net.log(mercury).head).toEqual(mercury.head());
    expect(net.states(mercury)).toEqual(["reachable", "reachable"]);
    const calls = nodes.map((node) => node.calls.length);
    await net.follower.pollNow();
    expect(net.log(mercury).head).toEqual(mercury.head());
    // The older form was proved once: a later poll asks for the heads only.
    expect(nodes.map((node, i) => node.calls.length - calls[i]!).every((more) => more <= 4)).toBe(true);
  }
});

test("what is held survives a restart, and an old head replayed does not move it", async () => {
  const mercury = grown("mercury", 6);
  const store = openMemoryStore();
  const first = await follow([mercury], [new FakeNode("memory:m", mercury)], { store });
  expect(first.follower.revision()).toBe(1);
  await first.follower.close();
  const replayed = new FakeNode("memory:m", grown("mercury", 3));
  const second = await follow([mercury], [replayed], { store });
  expect(second.log(mercury).head).toEqual(mercury.head());
  expect(second.follower.revision()).toBe(0);
  // It lags and cannot prove how the log went on; once it can, it is merely behind.
  expect(second.log(mercury).remotes[0]!.reachability).toMatchObject({
    state: "unreachable",
    why: "its head of size 6 is behind the held 12, and not shown to fit: it answers invalid_argument: no such sizes",
  });
  expect(second.events).toEqual([]);
  replayed.logs.set(mercury.info.id, mercury);
  replayed.tamper = (procedure, answer) =>
    procedure === "GetHead" ? new FakeNode("x", grown("mercury", 3)).head(mercury.info.id) : answer();
  await second.follower.pollNow();
  expect(second.states(mercury)).toEqual(["reachable"]);
  expect(second.log(mercury).head).toEqual(mercury.head());
});

test("a head that was held before is known without proof when a lagging replica still has it", async () => {
  const mercury = grown("mercury", 2);
  const own = new FakeNode("memory:own", mercury);
  const replica = new FakeNode("memory:replica", grown("mercury", 2));
  const net = await follow([mercury], [own, replica]);
  mercury.publish(["new", "claim"]);
  await net.follower.pollNow();
  own.down = "connection refused";
  const calls = replica.calls.length;
  await net.follower.pollNow();
  expect(replica.calls.slice(calls)).toEqual(["GetHead"]);
  expect(net.states(mercury)).toEqual(["unreachable", "reachable"]);
  expect(net.log(mercury).head).toEqual(mercury.head());
  expect(net.events.map(({ kind }) => kind)).toEqual(["taken", "taken", "unreachable"]);
});

test("two heads of one size: both are kept, the held one stays, and the log is excluded for good", async () => {
  const honest = grown("saturn", 3);
  const forked = grown("saturn", 2);
  forked.publish(["a2", "value a2"], ["b2", "another value"]);
  const store = openMemoryStore();
  const node = new FakeNode("memory:s", honest);
  const net = await follow([honest], [node], { store });
  const revision = net.follower.revision();
  node.logs.set(forked.info.id, forked);
  await net.follower.pollNow(honest.info.id);
  expect(net.log(honest).head).toEqual(honest.head());
  // The log's key is convicted, and no place that serves it.
  expect(net.log(honest).against?.why).toContain("two signed heads of size 6 differ");
  expect(net.states(honest)).toEqual(["reachable"]);
  expect(net.follower.revision()).toBeGreaterThan(revision);
  const found = { kind: "same_size", first: honest.head(), second: forked.head() };
  expect(await storedEvidence(net, honest)).toMatchObject([found]);
  expect(await net.vote(honest, "b2")).toMatchObject({ outcome: "excluded", digest: undefined });
  await net.follower.close();

  node.logs.set(honest.info.id, grown("saturn", 9));
  const again = await follow([honest], [node], { store });
  expect(again.log(honest).head).toEqual(honest.head());
  expect(again.log(honest).against?.why).toContain("two signed heads of size 6 differ");
  expect(again.states(honest)).toEqual(["unknown"]);
  expect((await again.vote(honest, "a0")).outcome).toBe("excluded");
});

test("a pardon forgives what was proved until then, the same again too; what is proved afterwards convicts anew", async () => {
  const honest = grown("saturn", 3);
  const fork = (value: string): FakeLog => {
    const forked = grown("saturn", 2);
    forked.publish(["a2", "value a2"], ["b2", value]);
    return forked;
  };
  const store = openMemoryStore();
  const said: { pardonAt?: number } = {};
  const pardonedUntil = (): number | undefined => said.pardonAt;
  const [own, replica] = [new FakeNode("memory:s", honest), new FakeNode("memory:r", honest)];
  const net = await follow([honest], [own, replica], { store, pardonedUntil });
  replica.logs.set(honest.info.id, fork("another value"));
  await net.follower.pollNow();
  expect((await net.vote(honest, "a0")).outcome).toBe("excluded");

  await net.clock.advance(1000);
  said.pardonAt = net.clock.now();
  await net.clock.advance(1000);
  honest.publish(["a3", "value a3"]);
  await net.follower.pollNow();
  expect(net.log(honest).head).toEqual(honest.head());
  expect((await net.vote(honest, "a3")).outcome).toBe("claims");
  expect(net.states(honest)).toEqual(["reachable", "refused"]);
  expect(net.proofs).toHaveLength(1);

  // The same after a restart, at the hands of the same liar.
  await net.follower.close();
  const again = await follow([honest], [own, replica], { store, pardonedUntil });
  expect(again.follower.against(honest.info.id)).toBeUndefined();
  await again.clock.advance(10_000);
  replica.logs.set(honest.info.id, fork("a third value"));
  await again.follower.pollNow();
  expect((await again.vote(honest, "a0")).outcome).toBe("excluded");
  await again.follower.close();
  const last = await follow([honest], [own, replica], { store, pardonedUntil });
  expect(last.follower.against(honest.info.id)?.why).toBe("the log of size 7 does not begin with the one of size 6");
});

test("a log that rewrote its history is refused and convicted, found on a later poll or at another remote", async () => {
  const honest = grown("saturn", 4);
  const rewritten = new FakeLog(crypto, "saturn");
  for (let i = 0; i < 7; i++)
    rewritten.publish([`a${i}`, i === 0 ? "backdoor" : `value a${i}`], [`b${i}`, `value b${i}`]);
  const node = new FakeNode("memory:s", honest);
  const later = await follow([honest], [node]);
  node.logs.set(honest.info.id, rewritten);
  await later.follower.pollNow();
  expect(later.log(honest).head).toEqual(honest.head());
  expect(await storedEvidence(later, honest)).toHaveLength(1);

  const split = await follow([honest], [new FakeNode("memory:you", honest), new FakeNode("memory:me", rewritten)]);
  expect(split.log(honest).against?.why).toBe("the log of size 14 does not begin with the one of size 8");
  expect(await storedEvidence(split, honest)).toHaveLength(1);
  expect((await split.vote(honest, "a0")).outcome).toBe("excluded");
});

test("a proof that fails without convicting leaves the held head, and the log its vote", async () => {
  const mercury = grown("mercury", 3);
  const node = new FakeNode("memory:m", mercury);
  const net = await follow([mercury], [node]);
  const held = mercury.head();
  mercury.publish(["new", "claim"]);
  node.tamper = (procedure, answer) => (procedure === "GetLogConsistencyProof" ? new Uint8Array(0) : answer());
  await net.follower.pollNow();
  expect(net.log(mercury).head).toEqual(held);
  expect(net.states(mercury)).toEqual(["refused"]);
  expect(await storedEvidence(net, mercury)).toEqual([]);
  expect((await net.vote(mercury, "a1")).outcome).toBe("claims");
  node.tamper = (_procedure, answer) => answer();
  await net.follower.pollNow();
  expect(net.log(mercury).head).toEqual(mercury.head());
  expect(net.states(mercury)).toEqual(["reachable"]);
});

test.each(["fails", "fails after persisting"] as const)(
  "a head that could not be stored (%s) is not held",
  async (kind) => {
    const mercury = grown("mercury", 3);
    const store = faultyStore(openMemoryStore(), 1, kind);
    const net = await follow([mercury], [new FakeNode("memory:m", mercury)], { store });
    expect(net.log(mercury).head).toBeUndefined();
    expect(net.events).toMatchObject([{ kind: "failed", why: expect.stringContaining("write 1") as string }]);
    store.reopen();
    await net.follower.pollNow();
    expect(net.log(mercury).head).toEqual(mercury.head());
  },
);

test("stored state that is not ours is named, not followed", async () => {
  const [mercury, venus] = [grown("mercury", 2), grown("venus", 2)];
  const store = openMemoryStore();
  await (await follow([venus], [new FakeNode("memory:v", venus)], { store })).follower.close();
  const key = (log: FakeLog): Uint8Array => Uint8Array.of(0x30, ...fromHex(log.info.id), 0x68);
  const [record] = await store.getMany([key(venus)]);
  await store.write([[key(mercury), record]]);
  await expect(follow([mercury], [], { store })).rejects.toMatchObject({ code: "corrupt" });
  await store.write([[key(mercury), record!.subarray(0, 40)]]);
  await expect(follow([mercury], [], { store })).rejects.toMatchObject({ code: "corrupt" });
});

test("closing ends polls and timers; nothing is asked afterwards", async () => {
  const mercury = grown("mercury", 1);
  const node = new FakeNode("memory:m", mercury);
  node.hangs = true;
  const net = await follow([mercury], [node]);
  await net.follower.close();
  const calls = node.calls.length;
  await net.clock.advance(10 * HALF_HOUR);
  expect(node.calls).toHaveLength(calls);
  expect(net.clock.waiting()).toEqual([]);
});

test("polling a log that is not followed is an error that names it", async () => {
  const net = await follow([], []);
  const other = grown("mercury", 0);
  await expect(net.follower.pollNow(other.info.id)).rejects.toMatchObject({ code: "not_found" });
});

test("a reader of the whole log is told of each change, may ask at the remotes, and hands in proof", async () => {
  const mercury = grown("mercury", 2);
  const net = await follow([mercury], [new FakeNode("memory:m", mercury), new FakeNode("memory:empty")]);
  const { id } = mercury.info;
  const told: string[] = [];
  const end = net.follower.onChange((logId) => told.push(logId));
  expect(net.follower.sources(id).map(({ transport, log }) => [transport.url, log.id])).toEqual([["memory:m", id]]);

  const before = mercury.head();
  mercury.publish(["new", "claim"]);
  await net.follower.pollNow(id);
  expect(told).toEqual([id]);

  const { publicKey } = mercury.info;
  const evidence = (second: typeof before) => ({ publicKey, kind: "same_size", first: before, second }) as const;
  await expect(net.follower.convict(id, evidence(before))).rejects.toMatchObject({ code: "unverifiable" });
  expect((await net.vote(mercury, "a0")).outcome).toBe("claims");
  const fork = grown("mercury", 1);
  fork.publish(["other", "claim"], ["and", "another"]);
  await net.follower.convict(id, evidence(fork.head()));
  expect(told).toEqual([id, id]);
  expect(await storedEvidence(net, mercury)).toHaveLength(1);
  expect((await net.vote(mercury, "a0")).outcome).toBe("excluded");
  end();
});

test("proof that somebody else brought convicts like one found here, at once and in every log of the key", async () => {
  const [mercury, saturn] = [grown("mercury", 2), grown("saturn", 3)];
  const twin = new FakeLog(crypto, "saturn", NIX);
  const net = await follow([mercury, saturn, twin], [new FakeNode("memory:n", mercury, saturn, twin)]);
  const revision = net.follower.revision();
  const told: string[] = [];
  net.follower.onChange((logId) => told.push(logId));
  const { publicKey } = saturn.info;
  const second = saturn.sign({ ...saturn.head(), mapRoot: new Uint8Array(32).fill(1) });
  await net.evidence.import(writeEvidence({ publicKey, kind: "same_size", first: saturn.heads[3]!, second }));
  expect(told).toEqual([saturn.info.id, twin.info.id]);
  expect(net.follower.revision()).toBe(revision + 2);
  for (const log of [saturn, twin]) {
    expect(await net.vote(log, "a0")).toMatchObject({
      outcome: "excluded",
      reason: expect.stringContaining("two signed heads of size 6 differ") as string,
    });
  }
  expect((await net.vote(mercury, "a0")).outcome).toBe("claims");

  // A cache's key is no log's: what it signed twice says nothing about logs.
  const narInfos = [narInfo(crypto, "mercury", "one"), narInfo(crypto, "mercury", "other")] as const;
  const answers = { publicKey: mercury.info.publicKey, kind: "cache_key_signed_two", narInfos } as const;
  await net.evidence.import(writeEvidence(answers));
  expect((await net.vote(mercury, "a0")).outcome).toBe("claims");
  const again = await follow([mercury, saturn], [], { store: net.store });
  expect(again.follower.against(mercury.info.id)).toBeUndefined();
  expect(again.follower.against(saturn.info.id)).toMatchObject({ why: expect.stringContaining("differ") as string });
});
