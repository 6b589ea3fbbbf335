/** Many keys at once: each decided as alone, in one answer that is bounded by time, keys and bytes. */
import { toHex, utf8 } from "@trustix/crypto";
import { POLICY_DEFAULTS, type Policy } from "@trustix/decider";
import { NIX, encodeNixValue, type LogId } from "@trustix/protocol";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import { createDecide } from "../../src/decide/index.ts";
import { openAllValues } from "../../src/logs/values.ts";
import type { Decide } from "../../src/model.ts";
import { decideManyResponse } from "../../src/server/decide-many-response.ts";
import { NO_STANDING } from "../idle-parts.ts";
import { mirrored, type Mirrored } from "../mirror/mirrors.ts";
import { crypto } from "../subscriber/network.ts";

const NAMES = ["mercury", "venus", "saturn", "pluto"];
const { signal } = new AbortController();

function pathOf(i: number): string {
  return `/nix/store/${i.toString().padStart(32, "0")}-package-${i}`;
}

function factsOf(i: number, narSize = 120): string {
  const facts = { path: pathOf(i), narHash: `sha256-${"A".repeat(43)}=`, narSize, references: [] };
  return Buffer.from(encodeNixValue(facts)).toString();
}

interface Party extends Mirrored {
  readonly decide: Decide;
  readonly policy: Policy;
  readonly nodes: readonly FakeNode[];
  readonly ids: readonly LogId[];
}

/** Three copied builders of 40 paths, and pluto, which is only asked. On every fourth path saturn differs; venus spells otherwise. */
async function party(): Promise<Party> {
  const logs = NAMES.map((name) => {
    const log = new FakeLog(crypto, name, NIX);
    const claims = Array.from({ length: 40 }, (_, i) => {
      const value = factsOf(i, name === "saturn" && i % 4 === 0 ? 666 : 120);
      return [pathOf(i), name === "venus" ? JSON.stringify(JSON.parse(value), undefined, 1) : value] as const;
    });
    log.publish(...claims);
    return log;
  });
  const nodes = logs.map((log, i) => new FakeNode(`memory:${i}`, log));
  const net = await mirrored(logs, nodes, { light: logs.slice(3) });
  for (const log of logs.slice(0, 3)) await net.serves(log);
  const policy: Policy = {
    ...POLICY_DEFAULTS,
    protocol: NIX,
    rules: [{ engine: "quorum", threshold: 4, voters: undefined }],
    voters: logs.map(({ info }, i) => ({ logId: info.id, name: NAMES[i]! })),
  };
  const decide = createDecide({
    crypto,
    clock: net.clock,
    policies: [policy],
    follower: net.follower,
    mirror: net.mirror,
    builders: NO_STANDING,
    own: [],
    values: openAllValues(net.store, crypto),
    sandbox: undefined,
  });
  return { ...net, decide, policy, nodes, ids: logs.map(({ info }) => info.id) };
}

const keys = Array.from({ length: 41 }, (_, i) => utf8(pathOf(i)));

test("each key is decided as it would be alone, copied voters and those that are asked together", async () => {
  const { decide, nodes } = await party();
  const { decisions } = await decide.decideMany("nix", keys, { withinMs: 1000, signal });
  expect(decisions).toHaveLength(keys.length);
  for (const [i, { outcome, votes, values }] of decisions.entries()) {
    const alone = await decide.decide("nix", keys[i]!, signal);
    expect(outcome.reason).toBe(alone.reason);
    expect(outcome.decision?.digest).toEqual(alone.decision?.digest);
    // What venus spells otherwise is the same opinion.
    const opinions = new Set(votes.flatMap(({ digest }) => (digest === undefined ? [] : [toHex(digest)])));
    expect(opinions.size).toBe(i === 40 ? 0 : i % 4 === 0 ? 2 : 1);
    for (const opinion of opinions) expect(toHex(crypto.sha256(values.get(opinion)!))).toBe(opinion);
  }
  expect(decisions.filter(({ outcome }) => outcome.decision !== undefined)).toHaveLength(30);
  // A voter that is down is a vote like any other, and makes none of the others less.
  for (const node of nodes) node.down = "nobody is at home";
  const later = await decide.decideMany("nix", keys.slice(1, 2), { withinMs: 1000, signal });
  expect(later.decisions[0]!.votes.map(({ outcome }) => outcome)).toEqual([
    "claims",
    "claims",
    "claims",
    "unreachable",
  ]);
});

test("when time is over there are fewer decisions and never none, the first ones first", async () => {
  const { decide } = await party();
  const { decisions } = await decide.decideMany("nix", keys, { withinMs: 0, signal });
  expect(decisions.length).toBeGreaterThan(0);
  expect(decisions.length).toBeLessThan(keys.length);
  expect(Array.from(decisions).every((one) => one !== undefined)).toBe(true);
  expect(await decide.decideMany("nix", [], { withinMs: 1000, signal })).toMatchObject({ decisions: [] });
});

test("an answer holds what fits into it, each value once, and too many keys are refused", async () => {
  const { decide, ids } = await party();
  const ask = (answerBytes: number, Keys = keys) =>
    decideManyResponse(
      { decide, limits: { ...DEFAULT_LIMITS, answerBytes } },
      { Protocol: "nix", Keys } as never,
      signal,
    );
  const whole = await ask(1 << 20, [...keys, ...keys]);
  expect(whole.Decisions).toHaveLength(82);
  expect(whole.Values).toHaveLength(50);
  expect(whole.Voters!.map(({ Name, LogID }) => [Name, LogID])).toEqual(NAMES.map((name, i) => [name, ids[i]]));
  const some = await ask(4000);
  expect(some.Decisions!.length).toBeGreaterThan(0);
  expect(some.Decisions!.length).toBeLessThan(10);
  expect((await ask(1)).Decisions).toHaveLength(1);
  await expect(
    ask(
      1 << 20,
      Array.from({ length: 1001 }, () => keys[0]!),
    ),
  ).rejects.toMatchObject({ code: "too_large" });
});
