/** Decisions over binary caches and logs together: how caches are counted, how old their votes may be, what shows them. */
import { utf8 } from "@trustix/crypto";
import { POLICY_DEFAULTS, type Policy } from "@trustix/decider";
import {
  encodeNixValue,
  logIdOf,
  NIX,
  type CacheVote,
  type CacheVoters,
  type LogId,
  type VoteOutcome,
} from "@trustix/protocol";
import { FakeClock, FakeLog, FakeReader } from "@trustix/testkit";
import { expect, test } from "vitest";
import { createDecide } from "../../src/decide/index.ts";
import type { Decide } from "../../src/model.ts";
import { NO_MIRROR, NO_STANDING } from "../idle-parts.ts";
import { crypto } from "../subscriber/network.ts";

const PATH = "/nix/store/jhljligxal6sqbs1rh1h7gpzas9xhxy9-rocket-1.0";
const KEY = utf8(PATH);
const facts = { path: PATH, narHash: `sha256-${"A".repeat(43)}=`, narSize: 120, references: [] };
const GOOD = encodeNixValue(facts);
const EVIL = encodeNixValue({ ...facts, narSize: 666 });
/** The same facts as `GOOD` in other bytes. */
const SPELT = JSON.stringify(facts, undefined, 1);

const NAMES = ["big", "small", "tiny"];
const IDS = NAMES.map((name) => logIdOf(crypto, { protocol: NIX, publicKey: crypto.sha256(utf8(name)) }));

const unused = (): never => {
  throw new Error("nobody else is asked");
};

/** Caches that answer as the test says; one that is `undefined` never does. */
class FakeCaches implements Pick<CacheVoters, "has" | "vote"> {
  answers: (Uint8Array | VoteOutcome | undefined)[] = [];
  confirmedAt = 0;
  asked = 0;

  has(id: LogId): boolean {
    return IDS.includes(id);
  }

  async vote(key: Uint8Array, cast: (vote: CacheVote) => void, signal: AbortSignal): Promise<void> {
    this.asked++;
    expect(key).toEqual(KEY);
    for (const [i, answer] of this.answers.entries()) if (answer !== undefined) cast(this.#voteOf(IDS[i]!, answer));
    if (this.answers.includes(undefined))
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  #voteOf(logId: LogId, answer: Uint8Array | VoteOutcome): CacheVote {
    if (typeof answer === "string")
      return { vote: { logId, outcome: answer, digest: undefined, reason: "so" }, proof: undefined, claim: undefined };
    const vote = { logId, outcome: "claims", digest: crypto.sha256(answer), reason: "" } as const;
    const claim = { value: answer, firstSeen: 1234, confirmedAt: this.confirmedAt };
    return { vote, proof: { kind: "narinfo", narInfo: utf8(`narinfo of ${logId}`) }, claim };
  }
}

interface Party {
  readonly caches: FakeCaches;
  readonly clock: FakeClock;
  readonly decide: Decide;
  ask(): ReturnType<Decide["decide"]>;
}

function party(answers: FakeCaches["answers"], more: Partial<Policy> = {}, own: readonly FakeLog[] = []): Party {
  const clock = new FakeClock();
  const caches = new FakeCaches();
  Object.assign(caches, { answers, confirmedAt: clock.now() });
  const follower = { vote: unused, value: unused, against: unused, headSeenAt: () => undefined, revision: () => 0 };
  const decide = createDecide({
    crypto,
    clock,
    policies: [
      {
        ...POLICY_DEFAULTS,
        protocol: NIX,
        rules: [{ engine: "quorum", threshold: 2, voters: undefined }],
        voters: [
          ...NAMES.map((name, i) => ({ logId: IDS[i]!, name })),
          ...own.map(({ info }) => ({ logId: info.id, name: "own" })),
        ],
        ...more,
      },
    ],
    follower: { ...follower, whyNoHead: unused },
    mirror: NO_MIRROR,
    builders: NO_STANDING,
    caches,
    own: own.map((log) => new FakeReader(log)),
    values: { getMany: async (digests) => digests.map(() => undefined) },
    sandbox: undefined,
  });
  return { caches, clock, decide, ask: () => decide.decide("nix", KEY, new AbortController().signal) };
}

test("two of three caches agree: their value, which came with the votes, is decided", async () => {
  const { ask, caches } = party([GOOD, EVIL, GOOD]);
  const report = await ask();
  expect(report.decision).toEqual({
    digest: crypto.sha256(GOOD),
    value: GOOD,
    confidence: 66,
    logIds: [IDS[0]!, IDS[2]!].sort(),
  });
  expect(report.votes.map(({ outcome }) => outcome)).toEqual(["claims", "claims", "claims"]);
  await ask();
  expect(caches.asked).toBe(1);
});

test("caches and logs are counted together; a log's value that nobody can deliver is compared with nothing", async () => {
  const log = (value: Uint8Array | string): FakeLog => {
    const own = new FakeLog(crypto, "own", NIX);
    own.publish([PATH, Buffer.from(value).toString()]);
    return own;
  };
  const { decision } = await party([GOOD, "unreachable", "unverifiable"], {}, [log(GOOD)]).ask();
  expect(decision).toMatchObject({ value: GOOD, confidence: 50 });
  expect((await party([GOOD, "unreachable", "unverifiable"], {}, [log(SPELT)]).ask()).decision).toBeUndefined();
});

test("caches that answer nothing count in N, and their reasons are told", async () => {
  const report = await party([GOOD, "unreachable", "unverifiable"]).ask();
  expect(report.decision).toBeUndefined();
  expect(report.reason).toBe(
    "1 of 3 agree, 2 needed; big claims " +
      `${Buffer.from(crypto.sha256(GOOD)).toString("hex").slice(0, 8)}; small is unreachable (so); tiny could not be verified (so)`,
  );
});

test("a cache that hangs costs the budget, and the votes that were cast before count", async () => {
  const { ask, clock } = party([GOOD, undefined, GOOD]);
  const asked = ask();
  await clock.advance(2000);
  const report = await asked;
  expect(report.decision).toMatchObject({ value: GOOD });
  expect(report.votes[1]).toMatchObject({ outcome: "unreachable", reason: "no answer within 2000 ms" });
});

test("a claim that was not confirmed for longer than the policy allows is stale, and a decision ends when one becomes so", async () => {
  const { ask, caches, clock } = party([GOOD, GOOD, EVIL], { maxHeadAgeMs: 3_600_000 });
  expect((await ask()).decision).toBeDefined();
  await clock.advance(3_599_999);
  expect((await ask()).decision).toBeDefined();
  expect(caches.asked).toBe(1);
  await clock.advance(2);
  const late = await ask();
  expect(caches.asked).toBe(2);
  expect(late.decision).toBeUndefined();
  expect(late.votes[0]).toMatchObject({
    outcome: "stale",
    reason: "its narinfo last came 60 minutes ago, at most 60 minutes are allowed",
  });
  caches.confirmedAt = clock.now();
  expect((await ask()).decision).toBeDefined();
});

test("an explanation has the narinfo of each cache, and since when its claim is known", async () => {
  const { decide } = party([GOOD, EVIL, "unverifiable"]);
  const { answers } = await decide.explain("nix", KEY, { waitUntil: undefined, signal: new AbortController().signal });
  expect(answers.map(({ proof, firstSeen }) => [proof, firstSeen])).toEqual([
    [{ kind: "narinfo", narInfo: utf8(`narinfo of ${IDS[0]}`) }, 1234],
    [{ kind: "narinfo", narInfo: utf8(`narinfo of ${IDS[1]}`) }, 1234],
    [undefined, undefined],
  ]);
});
