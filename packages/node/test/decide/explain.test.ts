/** Explanations and receipts from a node's own parts: copies, a log asked lightly, an excluded voter, the replay. */
import { toHex, utf8 } from "@trustix/crypto";
import { POLICY_DEFAULTS, type Policy, verifyReceipt, type VoterKeys, writeReceipt } from "@trustix/decider";
import { NIX, encodeNixValue, type LogId } from "@trustix/protocol";
import { FakeLog, FakeNode, FakeReader } from "@trustix/testkit";
import { expect, test } from "vitest";
import { createDecide, receiptOf } from "../../src/decide/index.ts";
import { openAllValues } from "../../src/logs/values.ts";
import type { Explanation } from "../../src/model.ts";
import { NO_MIRROR, NO_STANDING } from "../idle-parts.ts";
import { mirrored, type Mirrored } from "../mirror/mirrors.ts";
import { crypto, follow } from "../subscriber/network.ts";

const PATH = "/nix/store/jhljligxal6sqbs1rh1h7gpzas9xhxy9-rocket-1.0";
const KEY = utf8(PATH);
const facts = { path: PATH, narHash: `sha256-${"A".repeat(43)}=`, narSize: 120, references: [] };
const GOOD = Buffer.from(encodeNixValue(facts)).toString();
const SPELT = JSON.stringify(facts, undefined, 1);
const EVIL = Buffer.from(encodeNixValue({ ...facts, narSize: 666 })).toString();
const SEED = crypto.sha256(utf8("this node"));

interface Party extends Mirrored {
  readonly logs: FakeLog[];
  readonly nodes: FakeNode[];
  readonly policy: Policy;
  readonly voters: ReadonlyMap<LogId, VoterKeys>;
  explain(): Promise<Explanation>;
}

/** mercury and venus agree, saturn does not, mars has nothing; an own log agrees. */
async function party(
  more: Partial<Policy> = {},
  excluded: (id: LogId) => string | undefined = () => undefined,
): Promise<Party> {
  const claims = [GOOD, SPELT, EVIL, undefined];
  const logs = ["mercury", "venus", "saturn", "mars"].map((name, i) => {
    const log = new FakeLog(crypto, name, NIX);
    log.publish([`${name} first`, "x"], ...(claims[i] === undefined ? [] : [[PATH, claims[i]] as const]));
    return log;
  });
  const own = new FakeLog(crypto, "own", NIX);
  own.publish([PATH, GOOD]);
  const nodes = logs.map((log, i) => new FakeNode(`memory:${i}`, log));
  const net = await mirrored(logs, nodes);
  for (const log of logs) await net.serves(log);
  const all = [...logs, own];
  const policy: Policy = {
    ...POLICY_DEFAULTS,
    protocol: NIX,
    rules: [{ engine: "quorum", threshold: 3, voters: undefined }],
    voters: all.map(({ info }, i) => ({ logId: info.id, name: `builder ${i}` })),
    ...more,
  };
  const decide = createDecide({
    crypto,
    clock: net.clock,
    policies: [policy],
    follower: net.follower,
    mirror: net.mirror,
    builders: { ...NO_STANDING, excluded },
    own: [new FakeReader(own)],
    values: openAllValues(net.store, crypto),
    sandbox: undefined,
  });
  const voters = new Map(all.map(({ info }) => [info.id, { kind: "log", publicKey: info.publicKey } as const]));
  const options = { waitUntil: undefined, signal: new AbortController().signal };
  return { ...net, logs, nodes, policy, voters, explain: () => decide.explain("nix", KEY, options) };
}

test("every vote comes with its proof, and the receipt replays to the same decision", async () => {
  const { explain, policy, voters, clock } = await party();
  const explanation = await explain();
  expect(explanation.answers.map(({ vote, proof }) => [vote.outcome, proof?.kind])).toEqual([
    ["claims", "log"],
    ["claims", "log"],
    ["claims", "log"],
    ["absent", "log"],
    ["claims", "log"],
  ]);
  expect(explanation.answers.map(({ firstSeen }) => firstSeen)).toEqual([
    ...Array.from({ length: 3 }, () => clock.now()),
    undefined,
    undefined,
  ]);
  expect(explanation.values.size).toBe(3);
  const file = writeReceipt(crypto, SEED, receiptOf(explanation));
  const own = { nodeKeys: [crypto.ed25519PublicKey(SEED)], policy, voters, sandbox: undefined };
  const { outcome, shown, asserted } = verifyReceipt(crypto, file, own);
  expect(toHex(outcome.decision!.digest)).toBe(toHex(crypto.sha256(utf8(GOOD))));
  expect(outcome.decision!.confidence).toBe(60);
  expect([shown.length, asserted.length]).toEqual([5, 0]);
});

test("what an excluded voter claims is told and does not count, in the receipt neither", async () => {
  const bad = new FakeLog(crypto, "mercury", NIX).info.id;
  const { explain, policy, voters } = await party({}, (id) => (id === bad ? "it stood alone too often" : undefined));
  const explanation = await explain();
  expect(explanation.report.decision).toBeUndefined();
  expect(explanation.answers[0]).toMatchObject({
    vote: { outcome: "excluded", reason: "it stood alone too often" },
    cast: { outcome: "claims", digest: crypto.sha256(utf8(GOOD)) },
  });
  const file = writeReceipt(crypto, SEED, receiptOf(explanation));
  const own = { nodeKeys: [crypto.ed25519PublicKey(SEED)], policy, voters, sandbox: undefined };
  const verified = verifyReceipt(crypto, file, own);
  expect(verified.outcome.decision).toBeUndefined();
  expect(verified.asserted).toMatchObject([{ logId: bad, outcome: "excluded" }]);
});

test("logs that are only asked bring their proofs along", async () => {
  const log = new FakeLog(crypto, "mercury", NIX);
  log.publish(["first", "x"], [PATH, GOOD]);
  const net = await follow([log], [new FakeNode("memory:0", log)]);
  const policy: Policy = {
    ...POLICY_DEFAULTS,
    protocol: NIX,
    rules: [{ engine: "quorum", threshold: 1, voters: undefined }],
    voters: [{ logId: log.info.id, name: "mercury" }],
  };
  const decide = createDecide({
    crypto,
    clock: net.clock,
    policies: [policy],
    follower: net.follower,
    mirror: NO_MIRROR,
    builders: NO_STANDING,
    own: [],
    values: openAllValues(net.store, crypto),
    sandbox: undefined,
  });
  const explanation = await decide.explain("nix", KEY, { waitUntil: undefined, signal: new AbortController().signal });
  const file = writeReceipt(crypto, SEED, receiptOf(explanation));
  const voters = new Map([[log.info.id, { kind: "log", publicKey: log.info.publicKey } as const]]);
  const own = { nodeKeys: [crypto.ed25519PublicKey(SEED)], policy, voters, sandbox: undefined };
  expect(verifyReceipt(crypto, file, own).shown).toEqual([log.info.id]);
});

test("an undecided path is waited for as long as the policy says, and no longer", async () => {
  const log = new FakeLog(crypto, "slow builder", NIX);
  const node = new FakeNode("memory:0", log);
  const net = await mirrored([log], [node]);
  await net.serves(log);
  const decide = createDecide({
    crypto,
    clock: net.clock,
    policies: [
      {
        ...POLICY_DEFAULTS,
        undecided: "wait",
        waitBudgetMs: 5000,
        protocol: NIX,
        rules: [{ engine: "quorum", threshold: 1, voters: undefined }],
        voters: [{ logId: log.info.id, name: "slow builder" }],
      },
    ],
    follower: net.follower,
    mirror: net.mirror,
    builders: NO_STANDING,
    own: [],
    values: openAllValues(net.store, crypto),
    sandbox: undefined,
  });
  const { signal } = new AbortController();
  const later = net.clock.now() + 3_600_000;
  const explain = (waitUntil: number | undefined): Promise<Explanation> =>
    decide.explain("nix", KEY, { waitUntil, signal });
  expect((await explain(undefined)).report.decision).toBeUndefined();
  let late: Explanation | undefined;
  const waiting = explain(later).then((explanation) => (late = explanation));
  await net.clock.advance(1500);
  expect(late).toBeUndefined();
  log.publish([PATH, GOOD]);
  await net.follower.pollNow();
  await net.serves(log);
  await net.clock.advance(1000);
  expect((await waiting).report.decision).toBeDefined();

  const nobody = utf8(PATH.replace("rocket", "nobody"));
  const nothing = decide.explain("nix", nobody, { waitUntil: later, signal });
  for (let i = 0; i < 6; i++) await net.clock.advance(1000);
  expect((await nothing).report.decision).toBeUndefined();

  // Nor longer than the caller does: two budgets and a second before its end.
  const hurried = decide.explain("nix", nobody, { waitUntil: net.clock.now() + 7000, signal });
  await net.clock.advance(1000);
  await net.clock.advance(1000);
  expect((await hurried).report.decision).toBeUndefined();
});
