/** What decisions are kept, until when, and within which bound. */
import type { LogHead, LogId } from "@trustix/protocol";
import { expect, test } from "vitest";
import { DecidedCache } from "../../src/decide/decided-cache.ts";
import type { DecideReport } from "../../src/model.ts";

const decided = (bytes: number): DecideReport => ({
  decision: { digest: new Uint8Array(32), value: new Uint8Array(bytes), confidence: 100, logIds: [] as LogId[] },
  votes: [],
  reason: "",
});
const head = (treeSize: number): LogHead => ({
  logRoot: new Uint8Array(32),
  treeSize,
  mapRoot: new Uint8Array(32),
  mhRoot: new Uint8Array(32),
  mhTreeSize: 1,
  signature: new Uint8Array(64),
});

test("a decision is kept while no head changes, followed or own", () => {
  const cache = new DecidedCache();
  for (const next of [
    { revision: 1, ownHeads: [head(1)] },
    { revision: 2, ownHeads: [head(1)] },
    { revision: 2, ownHeads: [head(2)] },
    { revision: 2, ownHeads: [] },
  ]) {
    cache.enter(next);
    expect(cache.get("k")).toBeUndefined();
    cache.keep("k", decided(10), cache.under);
    cache.enter({ ...next });
    expect(cache.get("k")).toBeDefined();
  }
});

test("what was decided under heads that have changed meanwhile is not kept", () => {
  const cache = new DecidedCache();
  cache.enter({ revision: 1, ownHeads: [] });
  const { under } = cache;
  cache.enter({ revision: 2, ownHeads: [] });
  cache.keep("k", decided(10), under);
  expect(cache.get("k")).toBeUndefined();
});

test("undecided answers and large values are not kept; beyond 32 MiB the oldest go", () => {
  const cache = new DecidedCache();
  cache.keep("undecided", { decision: undefined, votes: [], reason: "" }, cache.under);
  cache.keep("large", decided(70_000), cache.under);
  expect(cache.get("undecided")).toBeUndefined();
  expect(cache.get("large")).toBeUndefined();
  for (let i = 0; i < 600; i++) cache.keep(`k${i}`, decided(64 << 10), cache.under);
  expect(cache.get("k0")).toBeUndefined();
  expect(cache.get("k599")).toBeDefined();
  const kept = Array.from({ length: 600 }, (_, i) => cache.get(`k${i}`)).filter((report) => report !== undefined);
  expect(kept.length).toBeGreaterThan(400);
  expect(kept.length * (64 << 10)).toBeLessThan(32 << 20);
});
