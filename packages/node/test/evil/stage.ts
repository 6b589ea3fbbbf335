/**
 * The stage of the evil logs: four voters, three of them honest nodes in memory, and an evil server over HTTP. Two rules
 * look at each vote: three of four, which the honest reach alone for `tool`, and the same for `rare`, which one of the
 * honest has not, so that the fourth voter decides.
 *
 * The server stands in one of two places: it is the only place of saturn's log, or a replica of all four logs beside their
 * own nodes. Time stands still but where somebody waits for what will not come; then it is moved, and counted.
 */
import { checkEvidence, type Evidence, readEvidence } from "@trustix/client";
import { utf8, utf8Text } from "@trustix/crypto";
import { POLICY_DEFAULTS, type Rule } from "@trustix/decider";
import { type LogId, TEST, type Vote } from "@trustix/protocol";
import { openMemoryStore, type Store } from "@trustix/storage";
import { FakeClock, FakeLog, FakeNode } from "@trustix/testkit";
import { type AttackName, BACKDOOR, type EvilLog, GOOD, startEvilLog } from "@trustix/testkit/evil";
import { onTestFinished } from "vitest";
import { createDecide } from "../../src/decide/index.ts";
import { registerLogs } from "../../src/logs/register-logs.ts";
import { openAllValues } from "../../src/logs/values.ts";
import { type LogMirror, openMirror } from "../../src/mirror/index.ts";
import type { Decide, DecideReport } from "../../src/model.ts";
import { NO_MIRROR, NO_STANDING } from "../idle-parts.ts";
import { crypto, follow, type Network } from "../subscriber/network.ts";
import { onClock } from "./on-clock.ts";

export type Mode = "light" | "full";
/** Where the evil server stands. */
export type Place = "alone" | "beside";
/** Since when it lies. */
export type When = "start" | "later";

export const NAMES = ["mercury", "venus", "mars", "saturn"] as const;
const QUORUM_3: Rule = { engine: "quorum", threshold: 3, voters: undefined };

/** Bytes of an answer at most, here: what is larger costs time and shows nothing more. */
export const MAX_ANSWER = 1 << 20;
/** Milliseconds that a decision has for its votes, and again for the value. */
const BUDGET_MS = 2_000;
/** A poll and a copy ask some things one after the other, and each call has 20 s. */
const POLL_MS = 200_000;

export interface Stage {
  readonly net: Network;
  readonly clock: FakeClock;
  readonly evil: EvilLog;
  readonly saturn: FakeLog;
  readonly logs: readonly FakeLog[];
  /** Signs a claim more in every honest log. */
  grow(key: string): void;
  /** Polls, and lets copies catch up as far as they do. */
  poll(): Promise<void>;
  decide(key: string): Promise<DecideReport>;
  /** Kept against a log; each checked with the file and the key alone. */
  evidence(log: FakeLog): Promise<Evidence[]>;
  vote(report: DecideReport, log: FakeLog): Vote;
}

export interface StageOptions {
  readonly mode: Mode;
  readonly place: Place;
  /** From the start. */
  readonly attacks?: readonly AttackName[];
  /** Logs have few heads yet. */
  readonly young?: boolean;
}

function honestLog(name: string, young: boolean): FakeLog {
  const log = new FakeLog(crypto, name);
  const first = [
    ["first", `of ${name}`],
    ["tool", GOOD],
    ["other", `of ${name}`],
  ] as const;
  const rare = name === "mars" ? [] : [["rare", GOOD] as const];
  const more = [
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
    ["d", "4"],
  ] as const;
  for (const claims of [first, rare, more, [["e", "5"] as const]]) {
    if (claims.length === 0) continue;
    if (young) log.add(...claims);
    else log.publish(...claims);
  }
  if (young) log.sign();
  return log;
}

/** Opens everything and lets first polls and copies end. Closed when the test ends. */
export async function stage({ mode, place, attacks = [], young = false }: StageOptions): Promise<Stage> {
  const clock = new FakeClock();
  const logs = NAMES.map((name) => honestLog(name, young));
  const saturn = logs[3]!;
  const evil = await startEvilLog({ crypto, logs: place === "alone" ? [saturn] : logs, owned: [saturn] });
  onTestFinished(() => evil[Symbol.asyncDispose]());
  evil.turnOn(...attacks);
  const honest = (place === "alone" ? logs.slice(0, 3) : logs).map((log) => new FakeNode(`memory:${log.name}`, log));
  const remotes = [onClock(evil.url, clock, MAX_ANSWER), ...honest.map((node) => node.transport())];
  const store = openMemoryStore();
  const net = await follow(logs, [], { clock, store, remotes, voteTimeoutMs: BUDGET_MS });
  const mirror = mode === "full" ? await copyAll(logs, store, clock, net) : undefined;
  const voters = logs.map(({ info, name }) => ({ logId: info.id, name }));
  const decide = createDecide({
    crypto,
    clock,
    policies: [{ ...POLICY_DEFAULTS, protocol: TEST, rules: [QUORUM_3], voters }],
    follower: net.follower,
    mirror: mirror ?? NO_MIRROR,
    builders: NO_STANDING,
    own: [],
    values: openAllValues(store, crypto),
    sandbox: undefined,
    budgetMs: BUDGET_MS,
  });
  const moved = mover(evil, clock);
  const poll = async (): Promise<void> => {
    await moved(net.follower.pollNow(), POLL_MS);
    if (mirror !== undefined) await moved(settled(mirror, logs), POLL_MS);
  };
  await poll();
  return {
    net,
    clock,
    evil,
    saturn,
    logs,
    grow: (key) => logs.forEach((log) => log.publish([key, GOOD])),
    poll,
    // Votes, then values.
    decide: (key) => moved(asked(decide, key), 2 * BUDGET_MS),
    evidence: (log) => evidenceAgainst(net, log),
    vote: (report, log) => report.votes.find(({ logId }) => logId === log.info.id)!,
  };
}

async function copyAll(
  logs: readonly FakeLog[],
  store: Store,
  clock: FakeClock,
  { follower }: Network,
): Promise<LogMirror> {
  const infos = logs.map(({ info }) => info);
  const keys = await registerLogs(store, infos);
  const copied = infos.map((info) => ({ info, keys: keys.get(info.id)!, eager: true }));
  const mirror = await openMirror({ crypto, store, clock, follower, logs: copied });
  onTestFinished(() => mirror.close());
  mirror.start();
  return mirror;
}

/** Resolves when each copy is at the held head, or says why not. */
async function settled(mirror: LogMirror, logs: readonly FakeLog[]): Promise<void> {
  const ids = logs.map(({ info }) => info.id);
  const isSettled = (id: LogId): boolean => {
    const { served, target, why } = mirror.status(id)!;
    return target === undefined || served?.treeSize === target || why !== undefined;
  };
  do await mirror.caughtUp(ids, new AbortController().signal);
  while (!(await soon(() => ids.every(isSettled))));
}

function asked(decide: Decide, key: string): Promise<DecideReport> {
  return decide.decide(TEST.id, utf8(key), new AbortController().signal);
}

/** What is kept against a log's key. Of each, file and key alone convict. */
async function evidenceAgainst({ evidence }: Network, { info }: FakeLog): Promise<Evidence[]> {
  const kept = await evidence.against(info.publicKey);
  return Promise.all(
    kept.map(async ({ id }) => {
      const read = readEvidence((await evidence.file(id))!);
      checkEvidence(crypto, read, info.publicKey);
      return read;
    }),
  );
}

/** Waits for work, and moves time while the evil server lets it wait; more than `mostMs` of it is a failure. */
function mover(evil: EvilLog, clock: FakeClock) {
  return async <T>(work: Promise<T>, mostMs: number): Promise<T> => {
    let done = false;
    const end = (): void => void (done = true);
    work.then(end, end);
    for (let ms = 0; !done; ms += 250) {
      await until(() => done || evil.stalled() > 0);
      if (done) break;
      if (ms > mostMs) throw new Error(`it waited for more than ${mostMs} ms`);
      await clock.advance(250);
    }
    return work;
  };
}

async function soon(holds: () => boolean): Promise<boolean> {
  if (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
  return holds();
}

/** Real time, for what has no other sign of its end. */
export async function until(holds: () => boolean | Promise<boolean>, mostMs = 30_000): Promise<void> {
  const end = Date.now() + mostMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`it did not come to that within ${mostMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** What a decision is; never the attacker's. */
export function decided({ decision }: DecideReport): typeof GOOD | "nothing" {
  if (decision === undefined) return "nothing";
  const value = utf8Text(decision.value);
  if (value !== GOOD) throw new Error(`the attacker's value was decided: ${value === BACKDOOR ? BACKDOOR : value}`);
  return GOOD;
}
