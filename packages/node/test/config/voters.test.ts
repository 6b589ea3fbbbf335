/** Binary caches as voters: known by a key, with one vote for each, and none that a log has too. */
import { fromBase64 } from "@trustix/crypto";
import { logIdOf, NIX } from "@trustix/protocol";
import { describe, expect, test } from "vitest";
import { NodeError } from "../../src/errors.ts";
import { cache, crypto, keyOf, load, subscriber } from "./files.ts";

const idOf = (n: number) => logIdOf(crypto, { protocol: NIX, publicKey: fromBase64(keyOf(n).publicText) });
const quorum = (threshold: number, voters = ""): string =>
  `[[decider.nix]]\nengine = "quorum"\n[decider.nix.quorum]\nthreshold = ${threshold}\n${voters}`;

test("a cache is known by its first key and called by that key's name; the defaults are filled in", async () => {
  const config = await load(cache([1, 2]));
  expect(config.voters).toMatchObject([
    {
      info: { id: idOf(1), protocol: NIX },
      name: "c-1",
      operator: undefined,
      urls: ["https://c1.example"],
      publicKeys: [{ name: "c-1" }, { name: "c-2" }],
      countCopies: false,
      recheckAfterMs: 86_400_000,
      negativeMs: 30_000,
    },
  ]);
  expect(config.warnings).toEqual([]);
});

test("everything that can be said of a cache", async () => {
  const more = `name = "big one"
operator = "acme"
mirrors = ["http://m.example/nix/", "https://c1.example"]
count-copies = true
recheck-after = 3600
negative-cache = 0.5`;
  expect((await load(cache([1], more))).voters[0]).toMatchObject({
    name: "big one",
    operator: "acme",
    urls: ["https://c1.example", "http://m.example/nix"],
    countCopies: true,
    recheckAfterMs: 3_600_000,
    negativeMs: 500,
  });
});

test("logs and caches vote together: rules name both, by name or id", async () => {
  const config = await load(
    subscriber(1, 'name = "mars"\nsyncmode = "light"') +
      cache([2]) +
      cache([3]) +
      quorum(2, `voters = ["mars", "c-2", "${idOf(3)}"]`),
  );
  expect(config.deciders[0]!.voters.map(({ name }) => name)).toEqual(["mars", "c-2", "c-3"]);
  expect(config.deciders[0]!.rules).toEqual([
    { engine: "quorum", threshold: 2, voters: [config.subscribers[0]!.info.id, idOf(2), idOf(3)] },
  ]);
});

test("two voters at one place are allowed, with a warning", async () => {
  const { warnings } = await load(cache([1], "", "http://same") + cache([2], "", "http://same/"));
  expect(warnings).toEqual(['voters[1]: "c-2" and "c-1" are asked at one place: what both keys signed counts once']);
});

describe("what is refused", () => {
  const table: [name: string, text: string, wanted: RegExp][] = [
    [
      "one key in two entries",
      cache([1]) + cache([2, 1]),
      /voters\[1\]\.public-keys\[1\]: "c-1" is a key of voter "c-1" too\nhint: caches with one key are one voter: list their URLs as mirrors/,
    ],
    [
      "one key under two names in two entries",
      cache([1]) + cache([1], 'name = "other"').replace('"c-1:', '"d-1:'),
      /voters\[1\]\.public-keys\[0\]: "d-1" is a key of voter "c-1" too/,
    ],
    ["one key twice in one entry", cache([1, 1]), /voters\[0\]\.public-keys\[1\]: the same key again/],
    [
      "the key of a log",
      subscriber(1, 'name = "mars"') + cache([2, 1]),
      /voters\[0\]\.public-keys\[1\]: "c-1" is the key of log "mars"\nhint: a log's key signs its log only/,
    ],
    [
      "the name of a log",
      subscriber(1, 'name = "mars"') + cache([2], 'name = "mars"'),
      /name: "mars" is the name of two voters/,
    ],
    ["no key", cache([]).replace("cundefined", "c"), /voters\[0\]\.public-keys: /],
    [
      "a key that is none",
      cache([1]).replace(/"c-1:.*"/, '"c-1:AAAA"'),
      /voters\[0\]\.public-keys\[0\]: something else came, "name:base64"/,
    ],
    [
      "a key with a name that Nix refuses",
      cache([1]).replace("c-1", "c 1"),
      /voters\[0\]\.public-keys\[0\]: "c 1" is no name of a key/,
    ],
    ["no URL", cache([1]).replace(/url = .*/, ""), /voters\[0\]\.url: /],
    ["a URL of another scheme", cache([1], "", "s3://bucket"), /voters\[0\]\.url: "s3:\/\/bucket" came/],
    ["a mirror that is no URL", cache([1], 'mirrors = ["c.example"]'), /voters\[0\]\.mirrors\[0\]: "c\.example" came/],
    [
      "another kind",
      cache([1]).replace("binary-cache", "witness"),
      /voters\[0\]\.kind: "witness" came, "binary-cache" wanted/,
    ],
    ["a re-check without end", cache([1], "recheck-after = 1"), /voters\[0\]\.recheck-after: 1 came, seconds, 60 to/],
    ["a misspelt key", cache([1], "mirror = []"), /voters\[0\]\.mirror: .*\n?.*did you mean mirrors\?/],
  ];
  for (const [name, text, wanted] of table) {
    test(name, async () => {
      const error = await load(text).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(NodeError);
      const { message, hint, code } = error as NodeError;
      expect(code).toBe("bad_config");
      expect(`${message}\nhint: ${hint}`).toMatch(wanted);
    });
  }
});
