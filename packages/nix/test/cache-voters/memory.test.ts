/** What is remembered of caches, and when they are asked again. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hang, reset, status } from "../proxy/fake-upstream.ts";
import { narInfoTarget, packageOf } from "../proxy/world.ts";
import { Caches, until } from "./caches.ts";

const { facts } = packageOf("hello", 500, [packageOf("dep").facts.storePath]);
const other = packageOf("other").facts;
const target = narInfoTarget(facts);

let caches: Caches;
beforeEach(() => {
  caches = new Caches();
});
afterEach(() => caches.stop());

describe("what is remembered", () => {
  test("an answer is asked for once, also after a restart and while the cache is down", async () => {
    await caches.add("a");
    caches.serve("a", facts);
    await caches.votes(facts);
    caches.open();
    caches.cache("a").server.on(target, reset);
    expect(await caches.claimants(facts)).toEqual(["a"]);
    expect(caches.requests().length).toBe(1);
    expect(caches.memory.updates.length).toBe(1);
  });

  test("that a cache has none is remembered for as long as it says, and not over a restart", async () => {
    await caches.add("a");
    await caches.votes(facts);
    await caches.clock.advance(29_999);
    await caches.votes(facts);
    expect(caches.requests().length).toBe(1);
    caches.serve("a", facts);
    await caches.clock.advance(1);
    expect(await caches.claimants(facts)).toEqual(["a"]);
    caches.cache("a").server.on(narInfoTarget(other), status(404));
    await caches.votes(other);
    caches.open();
    await caches.votes(other);
    expect(caches.requests().length).toBe(4);
  });

  test("after a day the next decision has the answer, and it is asked for again behind it", async () => {
    await caches.add("a");
    caches.serve("a", facts);
    await caches.votes(facts);
    const first = caches.clock.now();
    await caches.clock.advance(86_400_000 * 0.89);
    expect(await caches.claimants(facts)).toEqual(["a"]);
    expect(caches.requests().length).toBe(1);
    await caches.clock.advance(86_400_000 * 0.22);
    const { claim } = (await caches.votes(facts)).get("a")!;
    expect(claim!.confirmedAt).toBe(first);
    await until(() => caches.memory.updates.length === 2);
    expect((await caches.votes(facts)).get("a")!.claim!.confirmedAt).toBe(caches.clock.now());
    expect(caches.requests().length).toBe(2);
  });

  test("a cache that is down when it is asked again keeps its claim, and is not asked with every decision", async () => {
    await caches.add("a");
    caches.serve("a", facts);
    await caches.votes(facts);
    caches.cache("a").server.on(target, reset);
    await caches.clock.advance(86_400_000 * 1.2);
    for (let i = 0; i < 5; i++) expect(await caches.claimants(facts)).toEqual(["a"]);
    await until(() => caches.requests().length > 1);
    for (let i = 0; i < 5; i++) expect(await caches.claimants(facts)).toEqual(["a"]);
    expect(caches.requests().length).toBe(2);
    expect((await caches.votes(facts)).get("a")!.claim!.confirmedAt).toBe(caches.clock.now() - 86_400_000 * 1.2);
  });

  test("a cache that threw it away keeps its claim, and is asked again after another day", async () => {
    await caches.add("a");
    caches.serve("a", facts);
    await caches.votes(facts);
    caches.cache("a").server.on(target, status(404));
    await caches.clock.advance(86_400_000 * 1.2);
    await caches.votes(facts);
    await until(() => caches.memory.updates.length === 2);
    await caches.clock.advance(3_600_000);
    expect(await caches.claimants(facts)).toEqual(["a"]);
    expect(caches.requests().length).toBe(2);
  });

  test("an answer older than the policy allows is asked for before it is given", async () => {
    await caches.add("a");
    caches.serve("a", facts);
    caches.open({ maxAgeMs: 1000 });
    await caches.votes(facts);
    await caches.clock.advance(1001);
    expect((await caches.votes(facts)).get("a")!.claim!.confirmedAt).toBe(caches.clock.now());
    caches.cache("a").server.on(target, status(404));
    await caches.clock.advance(1001);
    const { vote, claim } = (await caches.votes(facts)).get("a")!;
    expect([vote.outcome, claim!.confirmedAt]).toEqual(["claims", caches.clock.now() - 1001]);
  });

  test("a memory that is gone makes every vote unverifiable, and is told", async () => {
    await caches.add("a");
    caches.serve("a", facts);
    caches.memory.broken = true;
    const { vote } = (await caches.votes(facts)).get("a")!;
    expect(vote).toMatchObject({
      outcome: "unverifiable",
      reason: "this node cannot use what it remembers: disk gone",
    });
    expect(caches.faults.length).toBe(1);
  });

  test("asking again never piles up: what waits is bounded, and asked for two at a time", async () => {
    await caches.add("a");
    const many = Array.from({ length: 12 }, (_, i) => packageOf(`many-${i}`, 100).facts);
    for (const one of many) caches.serve("a", one);
    for (const one of many) await caches.votes(one);
    const { server } = caches.cache("a");
    for (const one of many) server.on(narInfoTarget(one), hang);
    await caches.clock.advance(86_400_000 * 1.2);
    for (let i = 0; i < 3; i++) for (const one of many) await caches.votes(one);
    await until(() => caches.requests().length === 14);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(caches.requests().length).toBe(14);
  });
});
