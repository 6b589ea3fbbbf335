/** Claims of the Nix protocol are compared as facts, and heads have an age. */
import { toHex, utf8 } from "@trustix/crypto";
import { POLICY_DEFAULTS, type Policy } from "@trustix/decider";
import { NIX, encodeNixValue } from "@trustix/protocol";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { expect, test } from "vitest";
import { createDecide } from "../../src/decide/index.ts";
import { openAllValues } from "../../src/logs/values.ts";
import type { DecideReport } from "../../src/model.ts";
import { mirrored, type Mirrored } from "../mirror/mirrors.ts";
import { NO_STANDING } from "../idle-parts.ts";
import { crypto } from "../subscriber/network.ts";

const PATH = "/nix/store/jhljligxal6sqbs1rh1h7gpzas9xhxy9-rocket-1.0";
const LIBC = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-libc-2";
const facts = { path: PATH, narHash: `sha256-${"A".repeat(43)}=`, narSize: 120, references: [LIBC, PATH] };
const CANONICAL = Buffer.from(encodeNixValue(facts)).toString();
const { path, narHash, narSize } = facts;
const OTHER_SPELLINGS = [
  JSON.stringify({ narSize, narHash, path, references: [PATH, LIBC] }),
  JSON.stringify({ path, narHash, narSize, references: [LIBC, PATH, LIBC] }, undefined, 2),
  JSON.stringify({ path, narHash, narSize, references: [LIBC, PATH], deriver: "/nix/store/x.drv" }),
];

interface Party extends Mirrored {
  readonly logs: FakeLog[];
  readonly nodes: FakeNode[];
  decide(): Promise<DecideReport>;
}

async function party(values: readonly string[], threshold: number, policy: Partial<Policy> = {}): Promise<Party> {
  const logs = values.map((value, i) => {
    const log = new FakeLog(crypto, `builder ${i}`, NIX);
    log.publish([PATH, value]);
    return log;
  });
  const nodes = logs.map((log, i) => new FakeNode(`memory:${i}`, log));
  const net = await mirrored(logs, nodes);
  for (const log of logs) await net.serves(log);
  const decide = createDecide({
    crypto,
    clock: net.clock,
    policies: [
      {
        ...POLICY_DEFAULTS,
        protocol: NIX,
        rules: [{ engine: "quorum", threshold, voters: undefined }],
        voters: logs.map(({ info }, i) => ({ logId: info.id, name: `builder ${i}` })),
        ...policy,
      },
    ],
    follower: net.follower,
    mirror: net.mirror,
    builders: NO_STANDING,
    own: [],
    values: openAllValues(net.store, crypto),
    sandbox: undefined,
  });
  return { ...net, logs, nodes, decide: () => decide.decide("nix", utf8(PATH), new AbortController().signal) };
}

test("spelling does not split a vote, and what is decided is the canonical form, whoever wrote it", async () => {
  for (const spellings of [
    OTHER_SPELLINGS,
    [CANONICAL, ...OTHER_SPELLINGS],
    [OTHER_SPELLINGS[1]!, OTHER_SPELLINGS[1]!],
  ]) {
    const { decide } = await party(spellings, spellings.length);
    const { decision, votes } = await decide();
    expect(decision).toMatchObject({ confidence: 100, value: utf8(CANONICAL), digest: crypto.sha256(utf8(CANONICAL)) });
    // Each vote keeps the digest that was claimed.
    expect(votes.map(({ digest }) => toHex(digest!))).toEqual(
      spellings.map((text) => toHex(crypto.sha256(utf8(text)))),
    );
  }
});

test("other facts are another opinion: hash, size, a reference more or less, another path", async () => {
  const others = [
    { ...facts, narHash: `sha256-${"B".repeat(42)}A=` },
    { ...facts, narSize: 121 },
    { ...facts, references: [PATH] },
    { ...facts, references: [] },
  ].map((value) => Buffer.from(encodeNixValue(value)).toString());
  const foreign = JSON.stringify({ ...facts, path: LIBC });
  for (const other of [...others, foreign, "no facts at all", "{}"]) {
    const { decide } = await party([CANONICAL, other], 2);
    expect((await decide()).decision).toBeUndefined();
  }
});

test("a vote under a head that is too old is stale, until a head comes again", async () => {
  const { decide, clock, nodes, follower } = await party([CANONICAL, CANONICAL], 2, { maxHeadAgeMs: 3_600_000 });
  expect((await decide()).decision).toBeDefined();
  for (const node of nodes) node.down = "power cut";
  await clock.advance(3_590_000);
  expect((await decide()).decision).toBeDefined();
  await clock.advance(20_000);
  const late = await decide();
  expect(late.votes.map(({ outcome }) => outcome)).toEqual(["stale", "stale"]);
  expect(late.votes[0]!.reason).toBe("no head came from it for 60 minutes, at most 60 minutes are allowed");
  for (const node of nodes) node.down = undefined;
  await follower.pollNow();
  expect((await decide()).decision).toBeDefined();
});
