/** What a cache's answer is worth: only what a key signed, of the path that was asked for. */
import { gzipSync } from "node:zlib";
import { utf8 } from "@trustix/crypto";
import { signFacts } from "@trustix/nix-formats";
import { parseNixValue } from "@trustix/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cutOff, redirect, reset, status, type Answer } from "../proxy/fake-upstream.ts";
import { crypto, keyNamed, narInfoTarget, packageOf } from "../proxy/world.ts";
import { altered, body, Caches, narInfoOf, realClock } from "./caches.ts";

const { facts } = packageOf("hello", 500, [packageOf("dep").facts.storePath]);
const other = packageOf("other").facts;
const target = narInfoTarget(facts);

let caches: Caches;
beforeEach(() => {
  caches = new Caches();
});
afterEach(() => caches.stop());

test("a signed narinfo is a claim: its facts in canonical form, with the narinfo as it came", async () => {
  const { id } = await caches.add("a");
  caches.serve("a", facts);
  const { vote, proof, claim } = (await caches.votes(facts)).get("a")!;
  expect(vote).toEqual({ logId: id, outcome: "claims", digest: crypto.sha256(claim!.value), reason: "" });
  expect(parseNixValue(claim!.value)).toMatchObject({
    path: facts.storePath,
    narSize: facts.narSize,
    references: facts.references,
  });
  expect(proof).toEqual({ kind: "narinfo", narInfo: utf8(narInfoOf(facts, [caches.cache("a").key])) });
  expect(claim!.confirmedAt).toBe(caches.clock.now());
});

describe("an answer that is no claim", () => {
  const key = keyNamed("a-1");
  const good = narInfoOf(facts, [key]);
  const forged = { name: "a-1", signature: signFacts(crypto, keyNamed("somebody-else"), facts).signature };
  const table: [what: string, answer: Answer, outcome: string, reason: RegExp][] = [
    ["404", status(404), "unverifiable", /^it says that it has none, which a cache cannot prove$/],
    ["410", status(410), "unverifiable", /^it says that it has none/],
    ["403", status(403), "unverifiable", /^it says that it has none/],
    ["500", status(500), "unreachable", /HTTP status 500/],
    ["401", status(401), "unreachable", /HTTP status 401/],
    ["a closed connection", reset, "unreachable", /./],
    ["a body that breaks off", cutOff(utf8(good), 40), "unreachable", /./],
    ["another path", body(narInfoOf(other, [key])), "unverifiable", /StorePath: it is of \/nix\/store\/.*-other/],
    ["CRLF", body(good.replaceAll("\n", "\r\n")), "unverifiable", /carriage return/],
    ["no final newline", body(good.slice(0, -1)), "unverifiable", /does not end in a newline/],
    ["nothing", body(""), "unverifiable", /StorePath: the field is missing/],
    ["HTML", body("<html>sign in</html>\n"), "unverifiable", /Field: value/],
    ["no signature", body(narInfoOf(facts, [])), "unverifiable", /: it has no signature$/],
    [
      "another key with the same name",
      body(narInfoOf(facts, [], { signatures: [forged] })),
      "unverifiable",
      /no configured key made its signatures \(named a-1\)$/,
    ],
    [
      "many signatures, the right one behind them",
      body(narInfoOf(facts, [...Array.from({ length: 16 }, (_, i) => keyNamed(`junk-${i}`)), key])),
      "unverifiable",
      /\(named junk-0, junk-1, junk-2, junk-3 and 13 more\)$/,
    ],
    [
      "a signature over other facts",
      body(narInfoOf(altered(facts), [], { signatures: [signFacts(crypto, key, facts)] })),
      "unverifiable",
      /no configured key made its signatures/,
    ],
    [
      "references that were not signed",
      body(narInfoOf({ ...facts, references: [] }, [], { signatures: [signFacts(crypto, key, facts)] })),
      "unverifiable",
      /no configured key made its signatures/,
    ],
    [
      "more than half a mebibyte",
      body(`${good}X: ${"x".repeat(520 << 10)}\n`),
      "unverifiable",
      /more than 524288 bytes/,
    ],
    [
      "a gzip bomb",
      body(gzipSync(Buffer.alloc(50 << 20)), { "content-encoding": "gzip" }),
      "unverifiable",
      /more than 524288 bytes/,
    ],
    ["an encoding it is not in", body(good, { "content-encoding": "zstd" }), "unverifiable", /zstd encoding is broken/],
    [
      "a redirect to the machine's own services",
      redirect("http://127.0.0.2:1/x"),
      "unverifiable",
      /127\.0\.0\.2, which is no public address/,
    ],
    ["redirects without end", redirect(target), "unverifiable", /redirects more than 5 times/],
  ];
  test.each(table)("%s", async (_what, answer, outcome, reason) => {
    await caches.add("a");
    caches.cache("a").server.on(target, answer);
    caches.open({ clock: realClock });
    const { vote, proof, claim } = (await caches.votes(facts)).get("a")!;
    expect(vote).toMatchObject({ outcome, digest: undefined, reason: expect.stringMatching(reason) });
    expect([proof, claim]).toEqual([undefined, undefined]);
    expect(caches.memory.updates).toEqual([]);
    expect(caches.faults).toEqual([]);
  });
});
