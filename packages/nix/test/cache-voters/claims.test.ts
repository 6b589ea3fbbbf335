/** Whose claim an answer is, in the midst of other answers; and a cache that changes its mind. */
import { utf8 } from "@trustix/crypto";
import { parseNixValue } from "@trustix/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { reset, status } from "../proxy/fake-upstream.ts";
import { keyNamed, narInfoTarget, packageOf } from "../proxy/world.ts";
import { altered, Caches, narInfoOf, realClock, until, withFile } from "./caches.ts";

const { facts } = packageOf("hello", 500, [packageOf("dep").facts.storePath]);
const other = packageOf("other").facts;
const target = narInfoTarget(facts);

let caches: Caches;
beforeEach(() => {
  caches = new Caches();
});
afterEach(() => caches.stop());

describe("more than one signature", () => {
  test("a copy with the source's signature is the source's claim, also while the source is down", async () => {
    await caches.add("a");
    await caches.add("b");
    caches.serve("a", facts, ["a", "b"]);
    caches.cache("b").server.on(target, reset);
    caches.open({ clock: realClock });
    const votes = await caches.votes(facts);
    expect(votes.get("a")!.vote).toMatchObject({
      outcome: "unverifiable",
      reason: "b signed the same narinfo, so it may be a copy and is no second claim",
    });
    expect(votes.get("b")!.vote).toMatchObject({
      outcome: "claims",
      reason: "shown by another cache's narinfo, which its key signed",
    });
    expect(votes.get("b")!.proof).toEqual(
      votes.get("b")!.proof && {
        kind: "narinfo",
        narInfo: utf8(narInfoOf(facts, [caches.cache("a").key, caches.cache("b").key])),
      },
    );
  });

  test("a cache that only passes on what others signed claims nothing", async () => {
    await caches.add("a");
    await caches.add("b");
    caches.serve("a", facts, ["b"]);
    const votes = await caches.votes(facts);
    expect(votes.get("a")!.vote.reason).toBe("its narinfo is signed by b and not by itself");
    expect(await caches.claimants(facts)).toEqual(["b"]);
  });

  test("with count-copies both claim", async () => {
    await caches.add("a", { countCopies: true });
    await caches.add("b");
    caches.serve("a", facts, ["a", "b"]);
    expect(await caches.claimants(facts)).toEqual(["a", "b"]);
  });

  test("a cache that is configured later takes the credit of what was copied from it, also for the past", async () => {
    await caches.add("a");
    caches.serve("a", facts, ["a", "b-1"]);
    expect(await caches.claimants(facts)).toEqual(["a"]);
    await caches.add("b");
    caches.open();
    expect(await caches.claimants(facts)).toEqual(["b"]);
    expect(caches.requests().length).toBe(1);
  });

  test("a review judges all that is kept as the configuration is now", async () => {
    await caches.add("a");
    caches.serve("a", facts, ["a", "b-1"]);
    caches.serve("a", other);
    for (const one of [facts, other]) await caches.votes(one);
    await caches.add("b");
    await caches.open().review(new AbortController().signal);
    const counted = caches.memory.updates
      .slice(2)
      .map(({ path, updates }) => [path === facts.storePath, updates.map(({ claim }) => claim?.counts)]);
    expect(counted).toEqual([
      [true, [false, true]],
      [false, [true, undefined]],
    ]);
  });

  test("the very file on two caches is a remark, and changes nothing", async () => {
    await caches.add("a");
    await caches.add("b");
    await caches.add("c");
    caches.serve("a", facts, ["a"], withFile("one"));
    caches.serve("b", facts, ["b"], withFile("one"));
    caches.serve("c", facts, ["c"], withFile("two"));
    const votes = await caches.votes(facts);
    expect([...votes.values()].map(({ vote }) => [vote.outcome, vote.reason])).toEqual([
      ["claims", "the very file that b has (URL and FileHash)"],
      ["claims", "the very file that a has (URL and FileHash)"],
      ["claims", ""],
    ]);
  });
});

describe("a cache that changes its answer", () => {
  const changed = altered(facts);

  test("the first answer stays the vote, and both narinfo files are evidence, once", async () => {
    const { key } = await caches.add("a");
    caches.serve("a", facts);
    await caches.votes(facts);
    caches.serve("a", changed);
    for (let day = 0; day < 3; day++) {
      await caches.clock.advance(86_400_000 * 1.2);
      await caches.votes(facts);
      await until(() => caches.memory.updates.length === day + 2);
    }
    const { vote, claim } = (await caches.votes(facts)).get("a")!;
    expect(parseNixValue(claim!.value).narSize).toBe(facts.narSize);
    expect(vote.reason).toMatch(/^on 2023-11-\d\d its key signed other facts for this path: the first count$/);
    expect(caches.memory.seconds).toEqual([
      {
        voter: caches.cache("a").id,
        publicKey: key.publicKey,
        narInfos: [utf8(narInfoOf(facts, [key])), utf8(narInfoOf(changed, [key]))],
      },
    ]);
  });

  test("mirrors of one key that differ are found when they are asked again", async () => {
    const mirror = await caches.server();
    const { key, server, config } = await caches.add("a");
    caches.cache("a").config = { ...config, urls: [server.url, mirror.url] };
    caches.serve("a", facts);
    mirror.on(target, status(404));
    await caches.votes(facts);
    mirror.file(target, narInfoOf(changed, [key]));
    await caches.clock.advance(86_400_000 * 1.2);
    await caches.votes(facts);
    await until(() => caches.memory.seconds.length === 1);
    expect((await caches.votes(facts)).get("a")!.claim!.confirmedAt).toBe(caches.clock.now());
  });

  test("another answer that is found at another cache counts as well, and what two keys of a voter say is no evidence", async () => {
    const { config } = await caches.add("a");
    await caches.add("b");
    caches.cache("a").config = { ...config, publicKeys: [...config.publicKeys, keyNamed("a-2")] };
    caches.serve("a", facts);
    caches.serve("b", changed, ["a-2"]);
    expect(await caches.claimants(facts)).toEqual(["a"]);
    expect(caches.memory.seconds).toMatchObject([{ voter: caches.cache("a").id, publicKey: undefined }]);
  });

  test("under a policy that wants young votes it is asked again, and not with every decision", async () => {
    await caches.add("a");
    caches.serve("a", facts);
    caches.open({ maxAgeMs: 3_600_000 });
    await caches.votes(facts);
    caches.serve("a", changed);
    await caches.clock.advance(3_600_001);
    for (let i = 0; i < 5; i++)
      expect((await caches.votes(facts)).get("a")!.claim!.confirmedAt).toBe(caches.clock.now() - 3_600_001);
    expect(caches.requests().length).toBe(2);
    await caches.clock.advance(30_000);
    await caches.votes(facts);
    expect(caches.requests().length).toBe(3);
    expect(caches.memory.seconds.length).toBe(1);
  });

  test("an answer that nobody signed is no second answer", async () => {
    await caches.add("a");
    caches.serve("a", facts);
    await caches.votes(facts);
    caches.serve("a", changed, ["evil"]);
    await caches.clock.advance(86_400_000 * 1.2);
    await caches.votes(facts);
    await until(() => caches.memory.updates.length === 2);
    expect(caches.memory.seconds).toEqual([]);
  });
});
