/** Votes: proved under the held head, or told apart why not. */
import { utf8 } from "@trustix/crypto";
import { RpcError } from "@trustix/client";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { expect, test } from "vitest";
import { crypto, follow, grown, unknownLog } from "./network.ts";

const digest = (text: string): Uint8Array => crypto.sha256(utf8(text));
const heads = (node: FakeNode): number => node.calls.filter((call) => call === "GetHead").length;

test("a claim is voted for, a missing key is proved absent", async () => {
  const mercury = grown("mercury", 3);
  const net = await follow([mercury], [new FakeNode("memory:m", mercury)]);
  const logId = mercury.info.id;
  expect(await net.vote(mercury, "b1")).toEqual({ logId, outcome: "claims", digest: digest("value b1"), reason: "" });
  expect(await net.vote(mercury, "nobody")).toEqual({ logId, outcome: "absent", digest: undefined, reason: "" });
});

test("a vote is under the held head: what came later does not count before it is polled", async () => {
  const mercury = grown("mercury", 2);
  const net = await follow([mercury], [new FakeNode("memory:m", mercury)]);
  mercury.publish(["late", "claim"]);
  expect((await net.vote(mercury, "late")).outcome).toBe("absent");
  await net.follower.pollNow();
  expect((await net.vote(mercury, "late")).outcome).toBe("claims");
});

test("a log nobody could reach yet is asked for once more, then unreachable with each remote's reason", async () => {
  const mercury = grown("mercury", 2);
  const nodes = [new FakeNode("memory:a", mercury), new FakeNode("memory:b")];
  nodes[0]!.down = "connection refused";
  const net = await follow([mercury], nodes);
  const vote = await net.vote(mercury, "a0");
  expect(vote.outcome).toBe("unreachable");
  expect(vote.reason).toBe(
    `memory:a: connection refused; memory:b: it answers not_found: Log with ID '${mercury.info.id}' is not published`,
  );
  nodes[0]!.down = undefined;
  expect((await net.vote(mercury, "a0")).outcome).toBe("claims");
});

test("a log that goes down after its head was held is unreachable; a replica can answer for it", async () => {
  const mercury = grown("mercury", 2);
  const [own, replica] = [new FakeNode("memory:own", mercury), new FakeNode("memory:replica", mercury)];
  const alone = await follow([mercury], [own]);
  const both = await follow([mercury], [own, replica]);
  own.down = "connection refused";
  expect(await alone.vote(mercury, "a0")).toMatchObject({ outcome: "unreachable", reason: "connection refused" });
  expect((await both.vote(mercury, "a0")).outcome).toBe("claims");
});

test("when the root is gone the head is refreshed once, and the key asked again under the new one", async () => {
  const mercury = grown("mercury", 3);
  const node = new FakeNode("memory:go", mercury);
  node.goLike = true;
  const net = await follow([mercury], [node]);
  mercury.publish(["new", "claim"]);
  const before = heads(node);
  expect((await net.vote(mercury, "a1")).outcome).toBe("claims");
  expect(heads(node) - before).toBe(1);
  expect(net.log(mercury).head).toEqual(mercury.head());
});

test("a root that stays gone is stale after one refresh, not a loop", async () => {
  const mercury = grown("mercury", 3);
  const node = new FakeNode("memory:m", mercury);
  const net = await follow([mercury], [node]);
  node.tamper = (procedure, answer) => {
    if (procedure !== "GetMapValue") return answer();
    throw new RpcError("failed_precondition", "this map root is not held", { origin: "server" });
  };
  const calls = node.calls.length;
  expect(await net.vote(mercury, "a1")).toMatchObject({
    outcome: "stale",
    reason: expect.stringContaining("this map root is not held") as string,
  });
  expect(node.calls.slice(calls)).toEqual(["GetMapValue", "GetHead"]);
});

test("an unknown error of a server of the existing program is unverifiable, refreshed or not", async () => {
  for (const grows of [false, true]) {
    const mercury = grown("mercury", 3);
    const node = new FakeNode("memory:go", mercury);
    const net = await follow([mercury], [node]);
    if (grows) mercury.publish(["new", "claim"]);
    node.tamper = (procedure, answer) => {
      if (procedure !== "GetMapValue") return answer();
      throw new RpcError("unknown", "database is locked", { origin: "server" });
    };
    const before = heads(node);
    expect(await net.vote(mercury, "a1")).toMatchObject({
      outcome: "unverifiable",
      reason: "it answers unknown: database is locked",
    });
    expect(heads(node) - before).toBe(1);
  }
});

test("a server of the existing program that says absent is unverifiable, and that needs no refresh", async () => {
  const mercury = grown("mercury", 3);
  const node = new FakeNode("memory:go", mercury);
  node.goLike = true;
  const net = await follow([mercury], [node]);
  const before = heads(node);
  expect(await net.vote(mercury, "nobody")).toMatchObject({
    outcome: "unverifiable",
    reason: "it says absent and cannot prove it",
  });
  expect(heads(node)).toBe(before);
});

test("remotes that do not have a log are not asked for its claims", async () => {
  const [mercury, venus] = [grown("mercury", 2), grown("venus", 2)];
  const [own, other] = [new FakeNode("memory:m", mercury), new FakeNode("memory:v", venus)];
  own.goLike = true;
  const net = await follow([mercury, venus], [own, other]);
  const calls = other.calls.length;
  expect((await net.vote(mercury, "nobody")).outcome).toBe("unverifiable");
  expect((await net.vote(mercury, "a1")).outcome).toBe("claims");
  expect(other.calls).toHaveLength(calls);
  expect(net.events.map(({ kind }) => kind)).toEqual(["taken", "taken"]);
});

test("a proof that does not hold is unverifiable, unless another remote has one that does", async () => {
  const mercury = grown("mercury", 3);
  const [liar, honest] = [new FakeNode("memory:liar", mercury), new FakeNode("memory:honest", mercury)];
  liar.tamper = (procedure, answer) => {
    const bytes = answer();
    return procedure === "GetMapValue" ? bytes.with(30, bytes[30]! ^ 1) : bytes;
  };
  expect(await (await follow([mercury], [liar])).vote(mercury, "a1")).toMatchObject({
    outcome: "unverifiable",
    reason: expect.stringContaining("its map proof does not hold") as string,
  });
  expect((await (await follow([mercury], [liar, honest])).vote(mercury, "a1")).outcome).toBe("claims");
});

test("a remote that hangs costs a moment when another can answer", async () => {
  const mercury = grown("mercury", 2);
  const [slow, quick] = [new FakeNode("memory:slow", mercury), new FakeNode("memory:quick", mercury)];
  const net = await follow([mercury], [slow, quick]);
  slow.hangs = true;
  const vote = net.vote(mercury, "a0");
  await net.clock.advance(250);
  expect((await vote).outcome).toBe("claims");
});

test("a voter that hung is left alone for a while, then asked again", async () => {
  const mercury = grown("mercury", 2);
  const node = new FakeNode("memory:m", mercury);
  const net = await follow([mercury], [node]);
  node.hangs = true;
  const stop = new AbortController();
  const given = net.vote(mercury, "a0", stop.signal);
  await net.clock.advance(2000);
  stop.abort();
  expect(await given).toMatchObject({ outcome: "unreachable", reason: "no answer in time" });
  await net.clock.advance(0);
  const calls = node.calls.length;
  expect(await net.vote(mercury, "a0")).toMatchObject({
    outcome: "unreachable",
    reason: "it did not answer in time before; asked again in 10 s",
  });
  expect(node.calls).toHaveLength(calls);
  node.hangs = false;
  await net.clock.advance(10_000);
  expect((await net.vote(mercury, "a0")).outcome).toBe("claims");
});

test("an empty log has no claims, and says so without being asked", async () => {
  const empty = new FakeLog(crypto, "pluto");
  const node = new FakeNode("memory:p", empty);
  const net = await follow([empty], [node]);
  const calls = node.calls.length;
  expect((await net.vote(empty, "a0")).outcome).toBe("absent");
  expect(node.calls).toHaveLength(calls);
});

test("a log that is not followed, or has no remotes, is unreachable", async () => {
  const mercury = grown("mercury", 1);
  const net = await follow([mercury], []);
  expect((await net.vote(mercury, "a0")).reason).toBe("no remotes are configured");
  const { vote } = await net.follower.vote(unknownLog(), utf8("a0"), new AbortController().signal);
  expect(vote).toMatchObject({ outcome: "unreachable", reason: "this log is not followed" });
});

test("many votes at once without a head share one poll", async () => {
  const mercury = grown("mercury", 2);
  const node = new FakeNode("memory:m", mercury);
  node.down = "connection refused";
  const net = await follow([mercury], [node]);
  node.down = undefined;
  const before = heads(node);
  const votes = await Promise.all(Array.from({ length: 20 }, () => net.vote(mercury, "a0")));
  expect(votes.every(({ outcome }) => outcome === "claims")).toBe(true);
  expect(heads(node) - before).toBe(1);
});

test("a value is taken from whoever has it, only with its digest", async () => {
  const [mercury, venus] = [grown("mercury", 2), grown("venus", 2)];
  const [liar, honest] = [new FakeNode("memory:liar", mercury), new FakeNode("memory:honest", venus)];
  const net = await follow([mercury, venus], [liar, honest]);
  liar.tamper = () => Uint8Array.of(0x0a, 1, 0x78);
  const claimants = [mercury.info.id, venus.info.id];
  const { signal } = new AbortController();
  const value = await net.follower.value(digest("value a1"), claimants, signal);
  expect(value).toEqual(utf8("value a1"));
  expect(await net.follower.value(digest("unheard of"), claimants, signal)).toBeUndefined();
  expect(await net.follower.value(digest("value a1"), [], signal)).toBeUndefined();
});
