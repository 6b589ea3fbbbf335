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
    expect(cache.get("k", 0)).toBeUndefined();
    cache.keep("k", decided(10), cache.under, Infinity);
    cache.enter({ ...next });
    expect(cache.get("k", 0)).toBeDefined();
  }
});

test("what was decided under heads that have changed meanwhile is not kept", () => {
  const cache = new DecidedCache();
  cache.enter({ revision: 1, ownHeads: [] });
  const { under } = cache;
  cache.enter({ revision: 2, ownHeads: [] });
  cache.keep("k", decided(10), under, Infinity);
  expect(cache.get("k", 0)).toBeUndefined();
});

test("undecided answers and large values are not kept; beyond 32 MiB the oldest go", () => {
  const cache = new DecidedCache();
  cache.keep("undecided", { decision: undefined, votes: [], reason: "" }, cache.under, Infinity);
  cache.keep("large", decided(70_000), cache.under, Infinity);
  expect(cache.get("undecided", 0)).toBeUndefined();
  expect(cache.get("large", 0)).toBeUndefined();
  for (let i = 0; i < 600; i++) cache.keep(`k${i}`, decided(64 << 10), cache.under, Infinity);
  expect(cache.get("k0", 0)).toBeUndefined();
  expect(cache.get("k599", 0)).toBeDefined();
  const kept = Array.from({ length: 600 }, (_, i) => cache.get(`k${i}`, 0)).filter((report) => report !== undefined);
  expect(kept.length).toBeGreaterThan(400);
  expect(kept.length * (64 << 10)).toBeLessThan(32 << 20);
});

test("a decision that time undoes is kept until then, and replaced by the next one", () => {
  const cache = new DecidedCache();
  cache.keep("k", decided(10), cache.under, 1000);
  expect(cache.get("k", 999)).toBeDefined();
  expect(cache.get("k", 1000)).toBeUndefined();
  cache.keep("k", decided(20), cache.under, 2000);
  expect(cache.get("k", 1000)?.decision?.value).toHaveLength(20);
});
