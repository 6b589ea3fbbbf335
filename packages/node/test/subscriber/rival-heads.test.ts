/** Several valid heads of one log in one round, or over several: what is held must not depend on who was quicker. */
import { fromBinary } from "@bufbuild/protobuf";
import { RpcError } from "@trustix/client";
import type { RpcCode, RpcErrorOrigin } from "@trustix/client";
import { GetLogConsistencyProofRequestSchema } from "@trustix/proto";
import type { LogHead } from "@trustix/protocol";
import { FakeNode } from "@trustix/testkit";
import type { FakeLog } from "@trustix/testkit";
import { expect, test } from "vitest";
import { follow, grown } from "./network.ts";
import type { Network } from "./network.ts";

const HALF_HOUR = 30 * 60_000;
const PROOFS = new Set(["GetLogConsistencyProof", "GetMHLogConsistencyProof"]);

/** The sizes of the smaller heads here; what a head takes to check by itself begins above. */
const SMALL = 4n;

/** Makes a node fail in what connects its head with a small one; it still shows its own, and how that goes on. */
function withoutProofs(node: FakeNode, code: RpcCode, origin: RpcErrorOrigin): FakeNode {
  node.tamper = (procedure, answer, request) => {
    const asksFromSmall = (): boolean => fromBinary(GetLogConsistencyProofRequestSchema, request).FirstSize <= SMALL;
    if (PROOFS.has(procedure) && asksFromSmall()) throw new RpcError(code, "no proof today", { origin });
    return answer();
  };
  return node;
}

const provesAgain = (node: FakeNode): void => void (node.tamper = (_procedure, answer) => answer());

/** Two histories under one key; the node with the larger head will not connect it to anything. */
function equivocator(): { large: FakeLog; small: FakeLog; withLarge: FakeNode; withSmall: FakeNode } {
  const large = grown("saturn", 6);
  const small = grown("saturn", 1);
  small.publish(["backdoor", "for you alone"]);
  const withLarge = withoutProofs(new FakeNode("memory:large", large), "unknown", "server");
  return { large, small, withLarge, withSmall: new FakeNode("memory:small", small) };
}

const kinds = (net: Network): string[] => net.events.map(({ kind }) => kind);
const held = (net: Network, log: FakeLog): LogHead | undefined => net.log(log).head;

test.each(["large first", "small first"])(
  "at first contact two heads that nobody connects are both refused (%s)",
  async (order) => {
    const { large, withLarge, withSmall } = equivocator();
    const nodes = order === "large first" ? [withLarge, withSmall] : [withSmall, withLarge];
    const net = await follow([large], nodes);
    expect(held(net, large)).toBeUndefined();
    expect(net.states(large)).toEqual(["refused", "refused"]);
    expect(kinds(net)).toEqual(["refused", "refused"]);
    const reason = "the log signed heads of sizes 3 and 12, and they are not shown to be one history";
    expect(await net.vote(large, "a0")).toMatchObject({
      outcome: "unverifiable",
      reason: expect.stringContaining(reason) as string,
    });
    // One of them alone is no better later: what was seen is remembered until it is connected.
    for (const node of nodes) {
      node.down = "connection refused";
      await net.follower.pollNow();
      expect(held(net, large)).toBeUndefined();
      node.down = undefined;
    }
    provesAgain(withLarge);
    await net.follower.pollNow();
    expect(net.proofs).toHaveLength(1);
    expect((await net.vote(large, "a0")).outcome).toBe("excluded");
  },
);

test.each(["large first", "small first"])(
  "a head that nobody connects to the held one is told of, and the held one stays (%s)",
  async (order) => {
    const { large, small, withLarge, withSmall } = equivocator();
    const [first, later] = order === "large first" ? [withLarge, withSmall] : [withSmall, withLarge];
    const kept = order === "large first" ? large : small;
    later.down = "connection refused";
    const net = await follow([large], [first, later]);
    expect(held(net, large)).toEqual(kept.head());
    later.down = undefined;
    await net.follower.pollNow();
    expect(held(net, large)).toEqual(kept.head());
    expect(net.states(large)).toEqual(["reachable", "refused"]);
    expect(net.events.at(-1)).toMatchObject({
      kind: "refused",
      remote: later.url,
      why: expect.stringContaining("it answers unknown: no proof today") as string,
    });
    expect((await net.vote(large, "a0")).outcome).toBe("claims");
    // Nor is a later head taken behind the back of the one that does not fit, even when its remote is gone again.
    kept.publish(["new", "claim"]);
    later.down = "connection refused";
    await net.follower.pollNow();
    expect(held(net, large)!.treeSize).toBe(kept.head().treeSize - 1);
  },
);

test.each<[string, RpcCode, RpcErrorOrigin]>([
  ["a connection that breaks", "unavailable", "network"],
  ["a deadline", "deadline_exceeded", "network"],
  ["a server too busy", "resource_exhausted", "server"],
  ["a server that is going down", "unavailable", "server"],
])("a proof that could not be fetched is not refused: %s beside a replica that lags", async (_what, code, origin) => {
  const mercury = grown("mercury", 6);
  const own = withoutProofs(new FakeNode("memory:own", mercury), code, origin);
  const net = await follow([mercury], [own, new FakeNode("memory:lags", grown("mercury", 2))]);
  expect(held(net, mercury)).toBeUndefined();
  expect(net.states(mercury)).toEqual(["unreachable", "unreachable"]);
  expect(kinds(net)).toEqual(["unreachable"]);
  expect((await net.vote(mercury, "a0")).outcome).toBe("unreachable");
  provesAgain(own);
  await net.clock.advance(1000);
  expect(held(net, mercury)).toEqual(mercury.head());
  expect(net.states(mercury)).toEqual(["reachable", "reachable"]);
  expect(kinds(net)).toEqual(["unreachable", "taken"]);
});

test("a replica that lags while nobody has the held head any more is no alarm, and holds nothing up", async () => {
  const mercury = grown("mercury", 6);
  const [own, lags] = [new FakeNode("memory:own", mercury), new FakeNode("memory:lags", grown("mercury", 2))];
  lags.down = "connection refused";
  const net = await follow([mercury], [own, lags]);
  own.down = "connection refused";
  lags.down = undefined;
  await net.follower.pollNow();
  expect(held(net, mercury)).toEqual(mercury.head());
  expect(kinds(net)).not.toContain("refused");
  mercury.publish(["new", "claim"]);
  own.down = undefined;
  await net.follower.pollNow();
  expect(held(net, mercury)).toEqual(mercury.head());
  expect(net.states(mercury)).toEqual(["reachable", "reachable"]);
});

test("a replica that proves nothing cannot hold up a log whose own node does", async () => {
  const mercury = grown("mercury", 2);
  const own = new FakeNode("memory:own", mercury);
  const rude = withoutProofs(new FakeNode("memory:rude", mercury), "unknown", "server");
  const net = await follow([mercury], [rude, own]);
  mercury.publish(["new", "claim"]);
  // The own node's head was asked for a moment before the log grew.
  own.tamper = (procedure, answer) =>
    procedure === "GetHead" ? new FakeNode("x", grown("mercury", 2)).head(mercury.info.id) : answer();
  await net.follower.pollNow();
  expect(held(net, mercury)).toEqual(mercury.head());
  expect(kinds(net)).toEqual(["taken", "taken"]);
});

test("a remote that hangs does not keep the others' head from being held longer than a poll may take", async () => {
  const mercury = grown("mercury", 3);
  const [slow, quick] = [new FakeNode("memory:slow", mercury), new FakeNode("memory:quick", mercury)];
  slow.hangs = true;
  const net = await follow([mercury], [slow, quick]);
  expect(held(net, mercury)).toBeUndefined();
  await net.clock.advance(20_000);
  expect(held(net, mercury)).toEqual(mercury.head());
  expect(net.states(mercury)).toEqual(["unreachable", "reachable"]);
});

test("a vote at first contact waits half its time for a remote that hangs, then is cast", async () => {
  const mercury = grown("mercury", 3);
  const [slow, quick] = [new FakeNode("memory:slow", mercury), new FakeNode("memory:quick", mercury)];
  slow.hangs = true;
  const net = await follow([mercury], [slow, quick]);
  const vote = net.vote(mercury, "a0");
  await net.clock.advance(1000);
  expect((await vote).outcome).toBe("claims");
});

test("a remote that comes back is asked together with the others from then on", async () => {
  const mercury = grown("mercury", 3);
  const nodes = [new FakeNode("memory:a", mercury), new FakeNode("memory:b", mercury)];
  nodes[1]!.down = "connection refused";
  const net = await follow([mercury], nodes);
  expect(net.clock.waiting()).toEqual([1000, HALF_HOUR]);
  nodes[1]!.down = undefined;
  await net.clock.advance(1000);
  expect(net.clock.waiting()).toEqual([HALF_HOUR - 1000]);
  expect(net.states(mercury)).toEqual(["reachable", "reachable"]);
});

test("a defect that one remote brings out costs that remote its round, not the others", async () => {
  const mercury = grown("mercury", 3);
  const nodes = [new FakeNode("memory:odd", mercury), new FakeNode("memory:good", mercury)];
  nodes[0]!.tamper = () => {
    throw new TypeError("a bug of ours");
  };
  const net = await follow([mercury], nodes);
  expect(held(net, mercury)).toEqual(mercury.head());
  expect(net.events).toMatchObject([{ kind: "failed", remote: "memory:odd", why: "a bug of ours" }, { kind: "taken" }]);
});
