/** Decisions over logs that are copied here: nobody is asked, and nobody needs to be there. */
import { utf8 } from "@trustix/crypto";
import { POLICY_DEFAULTS } from "@trustix/decider";
import { TEST } from "@trustix/protocol";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { expect, test } from "vitest";
import { createDecide } from "../../src/decide/index.ts";
import { openAllValues } from "../../src/logs/values.ts";
import type { DecideReport } from "../../src/model.ts";
import { mirrored, until, type Mirrored, type MirrorSetup } from "../mirror/mirrors.ts";
import { NO_STANDING } from "../idle-parts.ts";
import { crypto } from "../subscriber/network.ts";

const NAMES = ["mercury", "venus", "saturn", "mars"];

interface Party extends Mirrored {
  readonly logs: FakeLog[];
  readonly nodes: FakeNode[];
  decide(key: string): Promise<DecideReport>;
}

/** Four builders; saturn claims something else for `tool`. Three must agree. `tamper`: how saturn's node answers. */
async function party(setup: MirrorSetup = {}, tamper?: FakeNode["tamper"]): Promise<Party> {
  const logs = NAMES.map((name) => {
    const log = new FakeLog(crypto, name);
    log.publish(["tool", name === "saturn" ? "backdoor" : "good"], ["random", `of ${name}`]);
    return log;
  });
  const nodes = logs.map((log, i) => new FakeNode(`memory:${NAMES[i]}`, log));
  if (tamper !== undefined) nodes[2]!.tamper = tamper;
  const net = await mirrored(logs, nodes, setup);
  const decide = createDecide({
    crypto,
    clock: net.clock,
    policies: [
      {
        ...POLICY_DEFAULTS,
        protocol: TEST,
        rules: [{ engine: "quorum", threshold: 3, voters: undefined }],
        voters: logs.map(({ info }, i) => ({ logId: info.id, name: NAMES[i]! })),
      },
    ],
    follower: net.follower,
    mirror: net.mirror,
    builders: NO_STANDING,
    own: [],
    values: openAllValues(net.store, crypto),
    sandbox: undefined,
  });
  return { ...net, logs, nodes, decide: (key) => decide.decide("test", utf8(key), new AbortController().signal) };
}

test("a decision over mirrored logs makes no request: values, absences and disagreement come from here", async () => {
  const { decide, nodes, logs, serves } = await party();
  for (const log of logs) await serves(log);
  for (const node of nodes) {
    node.calls.length = 0;
    node.down = "somebody asked";
  }
  const decided = await decide("tool");
  expect(decided.decision).toMatchObject({ value: utf8("good"), confidence: 75 });
  expect((await decide("random")).reason).toMatch(/^1 of 4 agree, 3 needed/);
  expect((await decide("nothing")).votes.map(({ outcome }) => outcome)).toEqual(Array(4).fill("absent"));
  expect(nodes.flatMap(({ calls }) => calls)).toEqual([]);
});

test("a copy that is not complete claims nothing, says how far it is, and nobody is asked instead", async () => {
  const { decide, nodes, status, logs, clock, serves } = await party();
  for (const log of logs) await serves(log);
  const late = new FakeLog(crypto, "late");
  late.publish(["tool", "good"]);
  const node = new FakeNode("memory:late", late);
  node.tamper = (name, answer) => {
    if (name === "GetLogEntries") throw new Error("not now");
    return answer();
  };
  const net = await mirrored([late], [node]);
  await until(() => net.told.some(({ kind }) => kind === "failed"));
  const other = createDecide({
    crypto,
    clock,
    policies: [
      {
        ...POLICY_DEFAULTS,
        protocol: TEST,
        rules: [{ engine: "quorum", threshold: 1, voters: undefined }],
        voters: [{ logId: late.info.id, name: "late" }],
      },
    ],
    follower: net.follower,
    mirror: net.mirror,
    builders: NO_STANDING,
    own: [],
    values: openAllValues(net.store, crypto),
    sandbox: undefined,
  });
  const report = await other.decide("test", utf8("tool"), new AbortController().signal);
  expect(report.votes[0]).toMatchObject({ outcome: "unreachable", digest: undefined });
  expect(report.votes[0]!.reason).toMatch(/^0 of 1 entries are copied, none counts before all are here/);
  expect(node.calls).not.toContain("GetMapValue");
  expect(status(logs[0]!).why).toBeUndefined();
  expect((await decide("tool")).decision).toBeDefined();
  expect(nodes.flatMap(({ calls }) => calls)).not.toContain("GetMapValue");
});

test.each<[string, RegExp]>([
  ["GetHead", /^memory:saturn: its head of size 2 is not signed by the log's key$/],
  ["GetLogEntries", /^0 of 2 entries are copied, none counts before all are here: memory:saturn: LogLeaf: LeafDigest/],
])(
  "a log of which nothing comes but what does not check is unverifiable, not unreachable (%s)",
  async (method, reason) => {
    const garbled: FakeNode["tamper"] = (name, answer) => {
      const bytes = answer();
      return name === method ? bytes.with(25, bytes[25]! ^ 1) : bytes;
    };
    const { decide, logs, serves, status } = await party({}, garbled);
    for (const log of logs.filter((_, i) => i !== 2)) await serves(log);
    await until(() => status(logs[2]!).why !== undefined || method === "GetHead");
    const { votes } = await decide("tool");
    expect(votes[2]).toMatchObject({ outcome: "unverifiable", reason: expect.stringMatching(reason) as string });
  },
);

test("a claim that is being copied is waited for", async () => {
  const { decide, logs, follower, serves } = await party();
  for (const log of logs) await serves(log);
  for (const log of logs) log.publish(["fresh", "out"]);
  await follower.pollNow();
  expect((await decide("fresh")).decision).toMatchObject({ value: utf8("out"), confidence: 100 });
});

test("a log caught lying is excluded, whatever its copy holds", async () => {
  const { decide, logs, follower, nodes, serves } = await party();
  for (const log of logs) await serves(log);
  const fork = new FakeLog(crypto, "mercury");
  fork.publish(["tool", "evil"], ["random", "evil"]);
  nodes[0]!.logs.set(fork.info.id, fork);
  await follower.pollNow();
  const report = await decide("tool");
  expect(report.votes.map(({ outcome }) => outcome)).toEqual(["excluded", "claims", "claims", "claims"]);
  expect(report.decision).toBeUndefined();
});

test("with values on demand a decision asks those who claim it, for the value only", async () => {
  const { decide, logs, nodes, serves } = await party({ eager: false });
  for (const log of logs) await serves(log);
  for (const node of nodes) node.calls.length = 0;
  expect((await decide("tool")).decision).toMatchObject({ value: utf8("good") });
  expect(new Set(nodes.flatMap(({ calls }) => calls))).toEqual(new Set(["GetValue"]));
});
