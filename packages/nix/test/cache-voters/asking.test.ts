/** How caches are asked: all at once, each once, none for long. */
import { utf8 } from "@trustix/crypto";
import { formatPublicCacheKey, parsePublicCacheKey } from "@trustix/nix-formats";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hang, reset, status, type Answer } from "../proxy/fake-upstream.ts";
import { keyNamed, narInfoTarget, packageOf } from "../proxy/world.ts";
import { body, Caches, narInfoOf, realClock, until } from "./caches.ts";

const { facts } = packageOf("hello", 500, [packageOf("dep").facts.storePath]);
const other = packageOf("other").facts;
const target = narInfoTarget(facts);

let caches: Caches;
beforeEach(() => {
  caches = new Caches();
});
afterEach(() => caches.stop());

describe("how a cache is asked", () => {
  test("the mirrors of a key are asked at once: one vote, the first good answer, whatever the others say", async () => {
    const mirrors = [await caches.server(), await caches.server(), await caches.server()];
    const [down, wrong, good] = mirrors;
    const { key, server, config } = await caches.add("a");
    server.on(target, status(404));
    down!.on(target, reset);
    wrong!.file(target, narInfoOf(facts, [keyNamed("evil")]));
    good!.on(target, (_request, response) => {
      void until(() => mirrors.every(({ requests }) => requests.length > 0)).then(() => {
        response.writeHead(200).end(narInfoOf(facts, [key]));
      });
    });
    caches.cache("a").config = { ...config, urls: [server.url, ...mirrors.map(({ url }) => url)] };
    expect(await caches.claimants(facts)).toEqual(["a"]);
    expect((await caches.votes(facts)).size).toBe(1);
  });

  test("what most tells is the reason: a wrong answer before silence, silence before none", async () => {
    const mirror = await caches.server();
    const { server, config } = await caches.add("a", { negativeMs: 0 });
    caches.cache("a").config = { ...config, urls: [server.url, mirror.url] };
    const said = async (one: Answer, two: Answer) => {
      server.on(target, one);
      mirror.on(target, two);
      caches.open({ clock: realClock });
      const { outcome, reason } = (await caches.votes(facts)).get("a")!.vote;
      return `${outcome}: ${reason}`;
    };
    expect(await said(status(404), status(403))).toMatch(/^unverifiable: it says that it has none/);
    expect(await said(status(404), reset)).toMatch(/^unreachable: /);
    expect(await said(body("x\n"), reset)).toMatch(/^unverifiable: .*Field: value/);
    expect(await said(body("x\n"), status(404))).toMatch(/^unverifiable: .*Field: value/);
  });

  test("a key counts by itself, whatever the signature calls it, and all keys of a voter are its", async () => {
    const { key, config } = await caches.add("a");
    const second = keyNamed("a-2");
    const keys = [parsePublicCacheKey(formatPublicCacheKey({ ...key, name: "called-otherwise" }))];
    caches.cache("a").config = { ...config, publicKeys: [...keys, second] };
    caches.serve("a", facts);
    expect(await caches.claimants(facts)).toEqual(["a"]);
    caches.serve("a", other, ["a-2"]);
    expect(await caches.claimants(other)).toEqual(["a"]);
  });

  test("who asks for one path at the same time shares the request", async () => {
    await caches.add("a");
    caches.serve("a", facts);
    const all = await Promise.all(Array.from({ length: 20 }, () => caches.claimants(facts)));
    expect(all).toEqual(Array.from({ length: 20 }, () => ["a"]));
    expect(caches.requests().length).toBe(1);
  });

  test("a slow drip costs the budget, and afterwards the cache is left alone", async () => {
    await caches.add("drip");
    await caches.add("b");
    caches.serve("b", facts);
    const { server } = caches.cache("drip");
    server.on(target, (_request, response) => {
      response.writeHead(200, { "content-length": 1000 });
      const drip = setInterval(() => response.write("S"), 1);
      response.on("close", () => clearInterval(drip));
    });
    const voting = caches.votes(facts);
    await until(() => server.requests.length === 1);
    await caches.clock.advance(1800);
    const votes = await voting;
    expect(votes.get("drip")!.vote).toMatchObject({ outcome: "unreachable", reason: expect.stringMatching(/1800 ms/) });
    expect(votes.get("b")!.vote.outcome).toBe("claims");
    const again = await caches.votes(facts);
    expect(again.get("drip")!.vote.reason).toMatch(/is left alone after it failed$/);
    expect([server.requests.length, caches.states]).toEqual([1, ["drip rests"]]);
    expect(caches.voters.places(caches.cache("drip").id)).toEqual([{ url: `${server.url}/`, resting: true }]);
  });

  test("a vote that cannot change is cast before the slow ones have answered", async () => {
    await caches.add("a");
    await caches.add("slow");
    caches.serve("a", facts);
    expect(await caches.claimants(facts)).toEqual(["a"]);
    caches.cache("slow").server.on(narInfoTarget(facts), hang);
    await caches.clock.advance(30_001);
    const cast: string[] = [];
    const stop = new AbortController();
    const voting = caches.voters.vote(utf8(facts.storePath), ({ vote }) => cast.push(vote.outcome), stop.signal);
    await until(() => caches.cache("slow").server.requests.length === 2);
    expect(cast).toEqual(["claims"]);
    stop.abort(new Error("enough"));
    await voting;
    expect(cast).toEqual(["claims"]);
  });

  test("what is no store path is asked of nobody", async () => {
    await caches.add("a");
    for (const key of [utf8("/nix/store/x"), utf8("../../etc/passwd"), Uint8Array.of(0xff)]) {
      const cast: unknown[] = [];
      await caches.voters.vote(key, ({ vote }) => cast.push(vote), new AbortController().signal);
      expect(cast).toMatchObject([{ outcome: "unverifiable", reason: "this is no store path" }]);
    }
    expect([caches.requests(), caches.faults]).toEqual([[], []]);
  });

  test("a user name and password go to the cache, and stand in no reason", async () => {
    const { server, config } = await caches.add("a");
    server.on(target, status(500));
    caches.cache("a").config = { ...config, urls: [server.url.replace("://", "://me:secret@")] };
    caches.open({ clock: realClock });
    const { reason } = (await caches.votes(facts)).get("a")!.vote;
    expect(server.headers[0]!.authorization).toBe(`Basic ${Buffer.from("me:secret").toString("base64")}`);
    expect(reason).toContain(new URL(server.url).host);
    expect(reason).not.toContain("secret");
  });
});
