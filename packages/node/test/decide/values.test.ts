/** Where a decision's value comes from: early from the first who claims it, from memory, from others when that fails. */
import { equalBytes, utf8 } from "@trustix/crypto";
import { POLICY_DEFAULTS } from "@trustix/decider";
import { TEST } from "@trustix/protocol";
import type { Hash } from "@trustix/protocol";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { expect, test } from "vitest";
import { createDecide } from "../../src/decide/index.ts";
import { ValueSource } from "../../src/decide/value-source.ts";
import type { DecideReport, Values } from "../../src/model.ts";
import { crypto, follow } from "../subscriber/network.ts";
import type { Network } from "../subscriber/network.ts";
import { NO_MIRROR, NO_STANDING } from "../idle-parts.ts";

const NO_VALUES: Values = { getMany: (digests) => Promise.resolve(digests.map(() => undefined)) };
const { signal } = new AbortController();

interface Two {
  readonly logs: FakeLog[];
  readonly nodes: FakeNode[];
  readonly net: Network;
  decide(key: string): Promise<DecideReport>;
  valueCalls(): number[];
}

/** Two builders that agree on `tool` and not on `random`. */
async function two(): Promise<Two> {
  const logs = ["mercury", "venus"].map((name) => new FakeLog(crypto, name));
  for (const [i, log] of logs.entries()) log.publish(["tool", "good"], ["random", `of ${i}`]);
  const nodes = logs.map((log, i) => new FakeNode(`memory:${i}`, log));
  const net = await follow(logs, nodes);
  const voters = logs.map((log, i) => ({ logId: log.info.id, name: `log ${i}` }));
  const decide = createDecide({
    crypto,
    clock: net.clock,
    policies: [
      { ...POLICY_DEFAULTS, protocol: TEST, rules: [{ engine: "quorum", threshold: 2, voters: undefined }], voters },
    ],
    follower: net.follower,
    mirror: NO_MIRROR,
    builders: NO_STANDING,
    own: [],
    values: NO_VALUES,
    sandbox: undefined,
  });
  return {
    logs,
    nodes,
    net,
    decide: (key) => decide.decide("test", utf8(key), signal),
    valueCalls: () => nodes.map(({ calls }) => calls.filter((call) => call === "GetValue").length),
  };
}

test("the value is asked of the first who claims it, while others still vote", async () => {
  const { decide, nodes, net, valueCalls } = await two();
  nodes[1]!.hangs = true;
  const pending = decide("tool");
  await net.clock.advance(100);
  expect(valueCalls()).toEqual([1, 0]);
  await net.clock.advance(2000);
  expect((await pending).decision).toBeUndefined();
});

test("a value fetched once is not fetched again when heads change and the votes are asked anew", async () => {
  const { decide, logs, net, valueCalls } = await two();
  const first = await decide("tool");
  logs[0]!.publish(["more", "claims"]);
  await net.follower.pollNow();
  const again = await decide("tool");
  expect(again).not.toBe(first);
  expect(again.decision).toEqual(first.decision);
  expect(valueCalls()).toEqual([1, 0]);
});

test("a first claimant that delivers nothing, or something else, costs no decision: the others are asked", async () => {
  const { decide, nodes, valueCalls } = await two();
  nodes[0]!.tamper = (procedure, answer) => (procedure === "GetValue" ? Uint8Array.of(0x0a, 1, 0x78) : answer());
  expect((await decide("tool")).decision!.value).toEqual(utf8("good"));
  expect(valueCalls()[1]).toBe(1);
});

test("a first claimant that hangs with the value costs a moment, not the budget", async () => {
  const { decide, nodes, net } = await two();
  const [slow] = nodes;
  slow!.tamper = (procedure, answer) => {
    slow!.hangs = true; // the vote is given; whatever is asked next hangs
    return answer();
  };
  const pending = decide("tool");
  // The early request hangs; a moment later all claimants are asked, one after the other with a moment between.
  await net.clock.advance(500);
  expect((await pending).decision!.value).toEqual(utf8("good"));
});

test("a value that nobody delivers is given up after the budget", async () => {
  const { decide, nodes, net } = await two();
  for (const node of nodes) {
    node.tamper = (_procedure, answer) => {
      node.hangs = true;
      return answer();
    };
  }
  const pending = decide("tool");
  await net.clock.advance(2000);
  const report = await pending;
  expect(report.decision).toBeUndefined();
  expect(report.reason).toContain("nobody could deliver the value");
});

test("memory for values is bounded: those used longest ago go, large ones are not kept", async () => {
  const asked: string[] = [];
  const bodies = new Map<string, Uint8Array>();
  const add = (bytes: number, i: number): Hash => {
    const value = new Uint8Array(bytes)
      .fill(i & 255, 2)
      .with(0, i & 255)
      .with(1, i >> 8);
    const digest = crypto.sha256(value);
    bodies.set(digest.join(), value);
    return digest;
  };
  const source = new ValueSource({
    crypto,
    values: NO_VALUES,
    mirror: NO_MIRROR,
    follower: {
      value: async (digest) => {
        asked.push(digest.join());
        return bodies.get(digest.join());
      },
    },
  });
  const get = async (digest: Hash): Promise<void> => {
    // `toEqual` takes 4 s for 600 bodies of 64 KiB.
    const value = (await source.here(digest)) ?? (await source.ask(digest, [], signal));
    expect(equalBytes(value!, bodies.get(digest.join())!)).toBe(true);
  };
  const large = add((64 << 10) + 1, 1);
  for (const _ of [1, 2]) await get(large);
  expect(asked).toHaveLength(2);
  const small = Array.from({ length: 300 }, (_, i) => add(64 << 10, i));
  for (const digest of small) {
    await get(digest);
    await get(small[0]!);
  }
  expect(asked).toHaveLength(302);
  await get(small[0]!);
  await get(small[299]!);
  expect(asked).toHaveLength(302);
  await get(small[1]!);
  expect(asked).toHaveLength(303);
});
