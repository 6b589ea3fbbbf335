/** Waiting for a copy that is about to serve a newer head ends with whoever asked. */
import { utf8 } from "@trustix/crypto";
import { FakeClock, FakeLog } from "@trustix/testkit";
import { expect, test } from "vitest";
import { gatherVotes } from "../../src/decide/gather-votes.ts";
import type { Mirror, MirrorStatus } from "../../src/model.ts";
import { NO_MIRROR } from "../idle-parts.ts";
import { crypto } from "../subscriber/network.ts";

const log = new FakeLog(crypto, "mercury");
log.publish(["tool", "good"]);

const BEHIND: MirrorStatus = {
  served: log.head(),
  servedAt: 0,
  entries: 1,
  valued: 1,
  missing: 0,
  target: 2,
  behindSince: 0,
  rate: 0,
  why: undefined,
  isWrong: false,
  isLie: false,
};

/** A copy that never gets there: who waits for it goes when told to. */
const MIRROR: Mirror = {
  ...NO_MIRROR,
  has: () => true,
  claims: (_, ids) => Promise.resolve(ids.map(() => undefined)),
  status: () => BEHIND,
  caughtUp: (_, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve());
    }),
};

function votes(signal: AbortSignal, clock: FakeClock) {
  const none = (): never => {
    throw new Error("nobody else is asked");
  };
  const follower = { vote: none, against: () => undefined, whyNoHead: none };
  const voters = { crypto, ids: [log.info.id], own: new Map(), mirror: MIRROR, follower, caches: undefined };
  return gatherVotes(voters, utf8("other"), { budgetMs: 2000, clock }, signal);
}

test.each([
  ["before it began", true],
  ["while it waits", false],
])("a decision given up %s waits for no copy", async (_when, early) => {
  const stop = new AbortController();
  if (early) stop.abort();
  const pending = votes(stop.signal, new FakeClock());
  stop.abort();
  expect((await pending).map(({ vote }) => vote.outcome)).toEqual(["absent"]);
});

test("half the budget is waited for a copy, and what it has is a vote then", async () => {
  const clock = new FakeClock();
  const pending = votes(new AbortController().signal, clock);
  await clock.advance(1000);
  expect((await pending).map(({ vote }) => vote)).toMatchObject([
    { outcome: "absent", reason: "as of its first 1 entries, 2 are to be copied" },
  ]);
});
