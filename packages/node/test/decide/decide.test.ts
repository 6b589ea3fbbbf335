/** Decisions over logs in memory: who counts, what it costs to be away, whose value is returned, what is remembered. */
import { utf8 } from "@trustix/crypto";
import { POLICY_DEFAULTS, type Rule } from "@trustix/decider";
import { TEST } from "@trustix/protocol";
import type { LogHead } from "@trustix/protocol";
import { FakeClock, FakeLog, FakeNode, FakeReader } from "@trustix/testkit";
import { expect, test } from "vitest";
import { createDecide } from "../../src/decide/index.ts";
import type { DecideOptions } from "../../src/decide/index.ts";
import { NodeError } from "../../src/errors.ts";
import type { DecideReport, Values } from "../../src/model.ts";
import { crypto, follow } from "../subscriber/network.ts";
import type { Network } from "../subscriber/network.ts";
import { NO_MIRROR, NO_STANDING } from "../idle-parts.ts";

const QUORUM_3: Rule = { engine: "quorum", threshold: 3, voters: undefined };
const NAMES = ["mercury", "venus", "saturn", "mars"];

const unused = (): never => {
  throw new Error("a decision does not ask for this");
};

/** A published log of this node that can lose its disk. */
class OwnReader extends FakeReader {
  broken = false;

  override async head(): Promise<LogHead> {
    if (this.broken) throw new NodeError("storage", "disk gone");
    return super.head();
  }
}

const NO_VALUES: Values = { getMany: (digests) => Promise.resolve(digests.map(() => undefined)) };

interface Party {
  readonly logs: FakeLog[];
  readonly nodes: FakeNode[];
  readonly net: Network;
  decide(key: string, signal?: AbortSignal): Promise<DecideReport>;
  outcomes(report: DecideReport): Record<string, string>;
}

/** Four builders, each on its own remote; saturn claims something else for `tool`. */
async function party(options: Partial<DecideOptions> = {}, rules: readonly Rule[] = [QUORUM_3]): Promise<Party> {
  const logs = NAMES.map((name) => {
    const log = new FakeLog(crypto, name);
    log.publish(["tool", name === "saturn" ? "backdoor" : "good"], ["random", `of ${name}`], [name, name]);
    return log;
  });
  const nodes = logs.map((log, i) => new FakeNode(`memory:${NAMES[i]}`, log));
  const net = await follow(logs, nodes);
  const voters = logs.map((log, i) => ({ logId: log.info.id, name: NAMES[i]! }));
  const decide = createDecide({
    crypto,
    clock: net.clock,
    policies: [{ ...POLICY_DEFAULTS, protocol: TEST, rules, voters }],
    follower: net.follower,
    mirror: NO_MIRROR,
    builders: NO_STANDING,
    own: [],
    values: NO_VALUES,
    sandbox: undefined,
    ...options,
  });
  return {
    logs,
    nodes,
    net,
    decide: (key, signal = new AbortController().signal) => decide.decide("test", utf8(key), signal),
    outcomes: (report) => Object.fromEntries(report.votes.map(({ outcome }, i) => [NAMES[i], outcome])),
  };
}

test("three of four agree: the value is theirs, and who said otherwise is named", async () => {
  const { decide, outcomes, logs } = await party();
  const report = await decide("tool");
  expect(report.decision).toEqual({
    digest: crypto.sha256(utf8("good")),
    value: utf8("good"),
    confidence: 75,
    logIds: [logs[0]!, logs[1]!, logs[3]!].map(({ info }) => info.id).toSorted(),
  });
  expect(outcomes(report)).toEqual({ mercury: "claims", venus: "claims", saturn: "claims", mars: "claims" });
  expect(report.reason).toMatch(/^3 of 4 agree, 3 needed; saturn claims [0-9a-f]{8}$/);
});

test("what every builder made differently has no quorum, what nobody made is absent everywhere", async () => {
  const { decide, outcomes } = await party();
  const scattered = await decide("random");
  expect(scattered.decision).toBeUndefined();
  expect(scattered.reason).toContain("1 of 4 agree, 3 needed");
  const nothing = await decide("nothing");
  expect(nothing.decision).toBeUndefined();
  expect(new Set(Object.values(outcomes(nothing)))).toEqual(new Set(["absent"]));
});

test("logs that are down still count: two answers of four decide nothing", async () => {
  const { decide, nodes, outcomes } = await party();
  nodes[0]!.down = "connection refused";
  nodes[3]!.down = "connection refused";
  const report = await decide("tool");
  expect(report.decision).toBeUndefined();
  expect(outcomes(report)).toMatchObject({ mercury: "unreachable", mars: "unreachable", venus: "claims" });
  expect(report.reason).toContain("1 of 4 agree, 3 needed");
  expect(report.reason).toContain("mercury is unreachable (connection refused)");
});

test("a voter that hangs costs the budget once, and the others decide without it", async () => {
  const { decide, nodes, net, outcomes } = await party();
  nodes[3]!.hangs = true;
  const pending = decide("tool");
  let done = false;
  void pending.finally(() => (done = true));
  await net.clock.advance(1999);
  expect(done).toBe(false);
  await net.clock.advance(1);
  const report = await pending;
  expect(report.decision).toBeUndefined();
  expect(outcomes(report)).toMatchObject({ mercury: "claims", mars: "unreachable" });
  expect(report.votes[3]!.reason).toBe("no answer within 2000 ms");
  // Left alone for a while: the next decision waits for nobody.
  const next = await decide("mercury");
  expect(next.votes[3]).toMatchObject({ outcome: "unreachable" });
});

test("a log caught lying counts in N and claims nothing", async () => {
  const { decide, nodes, net, logs, outcomes } = await party();
  expect((await decide("tool")).decision).toBeDefined();
  const forked = new FakeLog(crypto, "mars");
  forked.publish(["tool", "other"], ["random", "x"], ["mars", "mars"]);
  nodes[3]!.logs.set(logs[3]!.info.id, forked);
  await net.follower.pollNow();
  const report = await decide("tool");
  expect(outcomes(report)).toMatchObject({ mars: "excluded", mercury: "claims" });
  expect(report.decision).toBeUndefined();
  expect(report.reason).toContain("2 of 4 agree, 3 needed");
});

test("this node's own log votes without the network, and one that cannot be read is unverifiable", async () => {
  const own = new FakeLog(crypto, "own");
  own.publish(["tool", "good"]);
  const reader = new OwnReader(own);
  const follower = {
    vote: unused,
    value: unused,
    against: unused,
    whyNoHead: unused,
    headSeenAt: unused,
    revision: () => 0,
  };
  const decide = createDecide({
    crypto,
    clock: new FakeClock(),
    policies: [
      {
        ...POLICY_DEFAULTS,
        protocol: TEST,
        rules: [{ engine: "logid", id: own.info.id }],
        voters: [{ logId: own.info.id, name: "own" }],
      },
    ],
    follower,
    mirror: NO_MIRROR,
    builders: NO_STANDING,
    own: [reader],
    values: { getMany: () => Promise.resolve([utf8("good")]) },
    sandbox: undefined,
  });
  const ask = (key: string): Promise<DecideReport> => decide.decide(TEST.id, utf8(key), new AbortController().signal);
  expect((await ask("tool")).decision).toMatchObject({ value: utf8("good"), confidence: 100 });
  expect((await ask("other")).votes[0]!.outcome).toBe("absent");
  reader.broken = true;
  expect((await ask("tool")).votes[0]).toMatchObject({
    outcome: "unverifiable",
    reason: "this node cannot read its own log: disk gone",
  });
});

test("the value comes from this node if it has it, and never with another digest", async () => {
  const good = await party({ values: { getMany: () => Promise.resolve([utf8("good")]) } });
  await good.decide("tool");
  expect(good.nodes.flatMap(({ calls }) => calls)).not.toContain("GetValue");

  for (const values of [
    { getMany: () => Promise.resolve([utf8("rotten")]) },
    { getMany: () => Promise.reject(new Error("disk gone")) },
  ]) {
    const other = await party({ values });
    expect((await other.decide("tool")).decision!.value).toEqual(utf8("good"));
    expect(other.nodes.flatMap(({ calls }) => calls)).toContain("GetValue");
  }
});

test("whoever fetches it, a value with another digest is not returned", async () => {
  const log = new FakeLog(crypto, "mercury");
  const { id } = log.info;
  const vote = { logId: id, outcome: "claims", digest: crypto.sha256(utf8("good")), reason: "" } as const;
  const decide = createDecide({
    crypto,
    clock: new FakeClock(),
    policies: [
      {
        ...POLICY_DEFAULTS,
        protocol: TEST,
        rules: [{ engine: "logid", id }],
        voters: [{ logId: id, name: "mercury" }],
      },
    ],
    follower: {
      vote: async () => ({ vote, proof: undefined }),
      value: async () => utf8("rotten"),
      against: unused,
      whyNoHead: unused,
      headSeenAt: unused,
      revision: () => 0,
    },
    mirror: NO_MIRROR,
    builders: NO_STANDING,
    own: [],
    values: NO_VALUES,
    sandbox: undefined,
  });
  const report = await decide.decide("test", utf8("tool"), new AbortController().signal);
  expect(report.decision).toBeUndefined();
  expect(report.reason).toContain("nobody could deliver the value");
});

test("agreement on a value that nobody can deliver is no decision, and says so", async () => {
  const { decide, nodes } = await party();
  for (const node of nodes) {
    node.tamper = (procedure, answer) => (procedure === "GetValue" ? Uint8Array.of(0x0a, 1, 0x78) : answer());
  }
  const report = await decide("tool");
  expect(report.decision).toBeUndefined();
  expect(report.reason).toContain("3 of 4 agree, 3 needed");
  expect(report.reason).toContain("nobody could deliver the value");
});

test("a decision stands while no head changes, whoever goes down; a new head or an undecided key is asked anew", async () => {
  const { decide, nodes, net, logs } = await party();
  const first = await decide("tool");
  const calls = (): number => nodes.reduce((sum, node) => sum + node.calls.length, 0);
  for (const node of nodes) node.down = "connection refused";
  const before = calls();
  expect(await decide("tool")).toBe(first);
  expect(calls()).toBe(before);
  for (const node of nodes) node.down = undefined;
  await decide("random");
  const undecided = calls();
  await decide("random");
  expect(calls()).toBeGreaterThan(undecided);
  logs[0]!.publish(["more", "claims"]);
  await net.follower.pollNow();
  const polled = calls();
  expect((await decide("tool")).decision).toEqual(first.decision);
  expect(calls()).toBeGreaterThan(polled);
});

test("rules are tried in order", async () => {
  const { decide } = await party({}, [
    { engine: "quorum", threshold: 4, voters: undefined },
    { engine: "percentage", minimum: 75 },
  ]);
  expect((await decide("tool")).decision).toMatchObject({ confidence: 75 });
});

test("an unknown protocol and one without rules are errors that say what to do", async () => {
  const { decide } = await party({}, []);
  await expect(decide("tool")).rejects.toMatchObject({ code: "bad_config", hint: "configure [[decider.test]]" });
  const none = createDecide({
    crypto,
    clock: new FakeClock(),
    policies: [],
    follower: {
      vote: unused,
      value: unused,
      against: unused,
      whyNoHead: unused,
      headSeenAt: unused,
      revision: () => 0,
    },
    mirror: NO_MIRROR,
    builders: NO_STANDING,
    own: [],
    values: NO_VALUES,
    sandbox: undefined,
  });
  const ask = none.decide("nope", utf8("k"), new AbortController().signal);
  await expect(ask).rejects.toMatchObject({ code: "not_found", message: 'no deciders for protocol "nope"' });
});

test("whoever gives up a decision gets an error, not a verdict", async () => {
  const { decide, nodes } = await party();
  for (const node of nodes) node.hangs = true;
  const stop = new AbortController();
  const pending = decide("tool", stop.signal);
  stop.abort();
  await expect(pending).rejects.toMatchObject({ code: "deadline" });
});
