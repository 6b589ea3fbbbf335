/** Heads are compared with peers: a log that shows one history here and another there is convicted within one poll. */
import { fromBinary } from "@bufbuild/protobuf";
import { RpcError, writeEvidence } from "@trustix/client";
import { GetLogConsistencyProofRequestSchema } from "@trustix/proto";
import type { LogHead } from "@trustix/protocol";
import { type FakeLog, FakeNode, evidenceExamples } from "@trustix/testkit";
import { describe, expect, test } from "vitest";
import type { Network } from "./network.ts";
import { crypto, follow, grown } from "./network.ts";

const HALF_HOUR = 30 * 60_000;

/** Another history under the key of `grown("saturn", ...)`: the third flush and all later ones are others. */
function forked(flushes: number): FakeLog {
  const log = grown("saturn", 2);
  for (let i = 2; i < flushes; i++) log.publish([`backdoor ${i}`, "for you alone"], [`and ${i}`, "another"]);
  return log;
}

interface Setting {
  readonly net: Network;
  readonly remote: FakeNode;
  readonly peer: FakeNode;
}

async function withPeer(
  log: FakeLog,
  heads: readonly LogHead[],
  evidence: readonly Uint8Array[] = [],
): Promise<Setting> {
  const remote = new FakeNode("memory:remote", log);
  const peer = new FakeNode("memory:peer");
  peer.seen.set(log.info.id, { heads, evidence });
  const net = await follow([log], [remote], { peers: [peer.transport()] });
  return { net, remote, peer };
}

const kinds = (net: Network): string[] => net.events.map(({ kind }) => kind);
const outcome = async (net: Network, log: FakeLog): Promise<string> => (await net.vote(log, "a0")).outcome;

describe("an honest log", () => {
  test("and a peer that is level, behind or ahead: nothing is told, and nothing is held up", async () => {
    const log = grown("mercury", 3);
    const { net, remote, peer } = await withPeer(log, [log.head(), log.heads[1]!]);
    expect(net.proofs).toEqual([]);
    const calls = remote.calls.length;
    await net.follower.pollNow();
    // What was found to fit once is not proved again.
    expect(remote.calls.slice(calls)).toEqual(["GetHead"]);

    const [before, after] = [log.head(), log.publish(["new", "claim"])];
    log.heads.pop();
    peer.seen.set(log.info.id, { heads: [after] });
    remote.logs.set(log.info.id, grown("mercury", 3));
    await net.follower.pollNow();
    expect(net.log(log).head).toEqual(before);
    log.heads.push(after);
    remote.logs.set(log.info.id, log);
    const later = log.publish(["more", "claims"]);
    await net.follower.pollNow();
    expect(net.log(log).head).toEqual(later);
    expect(net.follower.seenHeads(log.info.id)).toEqual([later]);
    expect(kinds(net)).toEqual(["taken", "taken"]);
    expect(await outcome(net, log)).toBe("claims");
  });

  test("is read from its remotes, and asked of peers is nothing but what they saw", async () => {
    const log = grown("mercury", 3);
    const { net, peer } = await withPeer(log, [log.head()]);
    peer.logs.set(log.info.id, log);
    await outcome(net, log);
    await net.follower.pollNow();
    expect(new Set(peer.calls)).toEqual(new Set(["SeenHeads"]));
    expect(net.follower.sources(log.info.id).map(({ transport }) => transport.url)).toEqual(["memory:remote"]);
  });
});

describe("a log that shows a peer another history is convicted within one poll", () => {
  test("of the same size: the two heads say it themselves", async () => {
    const [mine, theirs] = [grown("saturn", 3), forked(3)];
    const { net, remote } = await withPeer(mine, [theirs.head()]);
    expect(net.proofs.map(({ evidence }) => evidence.kind)).toEqual(["same_size"]);
    expect(await outcome(net, mine)).toBe("excluded");
    expect(remote.calls.filter((call) => call.includes("Proof"))).toHaveLength(1);
  });

  test("that is smaller: its own remote proves how the larger one grew", async () => {
    const [mine, theirs] = [grown("saturn", 6), forked(3)];
    const { net } = await withPeer(mine, [theirs.head()]);
    expect(net.proofs.map(({ evidence }) => evidence.kind)).toEqual([expect.stringMatching(/_rewritten$/)]);
    expect(await outcome(net, mine)).toBe("excluded");
  });

  test("that is larger, if its remote shows how that one grew", async () => {
    const [mine, theirs] = [grown("saturn", 3), forked(6)];
    const { net, remote, peer } = await withPeer(mine, []);
    expect(net.log(mine).head).toEqual(mine.head());
    peer.seen.set(mine.info.id, { heads: [theirs.head()] });
    remote.logs.set(mine.info.id, fork6());
    await net.follower.pollNow();
    expect(net.proofs).toHaveLength(1);
    expect(await outcome(net, mine)).toBe("excluded");

    /** The remote shows us the small head still. */
    function fork6(): FakeLog {
      const log = Object.create(theirs) as FakeLog;
      log.head = () => mine.head();
      return log;
    }
  });

  test("that is larger, if the peer hands over the proof that it found", async () => {
    const [mine, theirs] = [grown("saturn", 3), forked(6)];
    const other = await withPeer(theirs, [mine.head()]);
    const [found] = other.net.proofs;
    const { net } = await withPeer(mine, other.net.follower.seenHeads(mine.info.id), [writeEvidence(found!.evidence)]);
    expect(net.proofs).toMatchObject([{ id: found!.id, origin: "imported" }]);
    expect(await outcome(net, mine)).toBe("excluded");
  });

  test("that is larger and that nobody here can prove, as soon as the history here has grown as far", async () => {
    const [mine, theirs] = [grown("saturn", 3), forked(3)];
    for (let i = 0; i < 4; i++) theirs.publish([`one ${i}`, "more"]);
    const { net, peer } = await withPeer(mine, [theirs.head()]);
    expect(net.follower.seenHeads(mine.info.id)).toEqual([mine.head(), theirs.head()]);
    expect(await outcome(net, mine)).toBe("claims");
    peer.seen.clear();
    mine.publish(["one", "more"]);
    await net.follower.pollNow();
    expect(net.log(mine).head).toEqual(mine.head());
    for (let i = 0; i < 4; i++) mine.publish([`yet another ${i}`, "claim"]);
    await net.follower.pollNow();
    expect(net.proofs.map(({ evidence }) => evidence.kind)).toEqual([expect.stringMatching(/_rewritten$/)]);
    expect(await outcome(net, mine)).toBe("excluded");
  });

  test("and two nodes that ask each other both know, whoever has the larger head", async () => {
    const [small, large] = [grown("saturn", 3), forked(6)];
    const [asSeenBySmall, asSeenByLarge] = [new FakeNode("memory:small"), new FakeNode("memory:large")];
    const bySmall = await follow([small], [new FakeNode("memory:evil", small)], { peers: [asSeenByLarge.transport()] });
    const byLarge = await follow([large], [new FakeNode("memory:evil", large)], { peers: [asSeenBySmall.transport()] });
    const publish = async (from: Network, as: FakeNode): Promise<void> => {
      const evidence = (await from.evidence.against(small.info.publicKey)).map((kept) => writeEvidence(kept.evidence));
      as.seen.set(small.info.id, { heads: from.follower.seenHeads(small.info.id), evidence });
    };
    await publish(bySmall, asSeenBySmall);
    await byLarge.follower.pollNow();
    await publish(byLarge, asSeenByLarge);
    await bySmall.follower.pollNow();
    for (const net of [bySmall, byLarge]) {
      expect(net.proofs).toHaveLength(1);
      expect(await outcome(net, small)).toBe("excluded");
    }
  });
});

test("a remote that will not show how its larger head grew from one that a peer saw gets no further", async () => {
  const [mine, theirs] = [grown("saturn", 6), forked(3)];
  const remote = new FakeNode("memory:remote", mine);
  const peer = new FakeNode("memory:peer");
  const net = await follow([mine], [remote], { peers: [peer.transport()] });
  remote.tamper = (procedure, answer, request) => {
    if (procedure !== "GetLogConsistencyProof" && procedure !== "GetMHLogConsistencyProof") return answer();
    const { FirstSize } = fromBinary(GetLogConsistencyProofRequestSchema, request);
    if (FirstSize > (procedure === "GetLogConsistencyProof" ? 6n : 5n)) return answer();
    throw new RpcError("unknown", "no proof today", { origin: "server" });
  };
  peer.seen.set(mine.info.id, { heads: [theirs.head()] });
  await net.follower.pollNow();
  await net.follower.pollNow();
  const refused = net.events.filter(({ kind }) => kind === "refused");
  expect(refused).toMatchObject([
    {
      remote: "memory:peer",
      why: expect.stringMatching(/^a head of size 6 that a peer saw is not shown to fit the held 12: memory:remote: /),
    },
  ]);
  const held = mine.head();
  mine.publish(["new", "claim"]);
  await net.follower.pollNow();
  expect(net.log(mine).head).toEqual(held);
  expect(net.states(mine)).toEqual(["refused"]);
});

describe("a peer's word counts for nothing", () => {
  test("a head that the log's key did not sign is refused with all that came with it", async () => {
    const log = grown("mercury", 3);
    const forged = { ...log.head(), logRoot: new Uint8Array(32) };
    const { net } = await withPeer(log, [log.heads[1]!, forged]);
    expect(net.events).toContainEqual({
      kind: "peer_fails",
      peer: "memory:peer",
      why: "its head of size 6 is not signed by the log's key",
    });
    expect(await outcome(net, log)).toBe("claims");
  });

  test("evidence that does not convict is told of and not kept", async () => {
    const log = grown("mercury", 3);
    const same = writeEvidence({
      publicKey: log.info.publicKey,
      kind: "same_size",
      first: log.head(),
      second: log.head(),
    });
    const { net } = await withPeer(log, [log.head()], [same, new Uint8Array(4)]);
    expect(net.events.filter(({ kind }) => kind === "peer_fails")).toHaveLength(2);
    expect(net.proofs).toEqual([]);
    expect(await outcome(net, log)).toBe("claims");
  });

  test("more heads than are taken cost no more, and what is remembered of them is bounded", async () => {
    const log = grown("saturn", 1);
    const many = Array.from({ length: 100 }, (_, i) => log.sign({ treeSize: 100 + i, mhTreeSize: 100 + i }));
    log.heads.splice(2);
    const { net } = await withPeer(log, many);
    expect(net.follower.seenHeads(log.info.id)).toHaveLength(16);
    expect(await outcome(net, log)).toBe("claims");
  });
});

test("a peer that is down, or does not know us, is told of once, asked again, and changes no vote", async () => {
  const log = grown("mercury", 3);
  const remote = new FakeNode("memory:remote", log);
  const [down, strict, ignorant] = ["down", "strict", "ignorant"].map((name) => new FakeNode(`memory:${name}`));
  down!.down = "connection refused";
  strict!.tamper = () => {
    throw new RpcError("unauthenticated", "who are you?", { origin: "server" });
  };
  const peers = [down!, strict!, ignorant!].map((node) => node.transport());
  const net = await follow([log], [remote], { peers });
  await net.clock.advance(HALF_HOUR);
  expect(net.events.filter(({ kind }) => kind === "peer_fails")).toEqual([
    { kind: "peer_fails", peer: "memory:down", why: "connection refused" },
    { kind: "peer_fails", peer: "memory:strict", why: "it answers unauthenticated: who are you?" },
  ]);
  expect(down!.calls.length).toBeGreaterThan(5);
  expect(ignorant!.calls.length).toBeLessThan(4);
  expect(await outcome(net, log)).toBe("claims");
  const calls = down!.calls.length;
  await net.follower.close();
  await net.clock.advance(HALF_HOUR);
  expect(down!.calls).toHaveLength(calls);
});

test("a log that is convicted is not asked of peers any more", async () => {
  const log = grown("saturn", 3);
  const { net, peer } = await withPeer(log, []);
  await net.evidence.keep(evidenceExamples(crypto, "x")[0]!.evidence, "found");
  const second = log.sign({ ...log.head(), logRoot: new Uint8Array(32) });
  const { publicKey } = log.info;
  await net.evidence.keep({ publicKey, kind: "same_size", first: log.heads[3]!, second }, "found");
  const calls = peer.calls.length;
  await net.follower.pollNow();
  expect(peer.calls).toHaveLength(calls);
});

test("a head of a history that was forgiven convicts nobody again, the next one does", async () => {
  const [mine, theirs] = [grown("saturn", 3), forked(3)];
  const peer = new FakeNode("memory:peer");
  peer.seen.set(mine.info.id, { heads: [theirs.head()] });
  const pardon: { until: number | undefined } = { until: undefined };
  const net = await follow([mine], [new FakeNode("memory:remote", mine)], {
    peers: [peer.transport()],
    pardonedUntil: () => pardon.until,
  });
  expect(await outcome(net, mine)).toBe("excluded");
  pardon.until = net.clock.now();
  const files = net.proofs.map(({ evidence }) => writeEvidence(evidence));
  peer.seen.set(mine.info.id, { heads: [theirs.head()], evidence: files });
  await net.clock.advance(1000);
  mine.publish(["more", "claims"]);
  await net.follower.pollNow();
  expect(net.log(mine).head).toEqual(mine.head());
  expect(await outcome(net, mine)).toBe("claims");
  theirs.publish(["yet", "another"]);
  peer.seen.set(mine.info.id, { heads: [theirs.head()] });
  await net.follower.pollNow();
  expect(net.proofs).toHaveLength(2);
  expect(await outcome(net, mine)).toBe("excluded");
});
