import { expect, test } from "vitest";
import { parsePublicCacheKey } from "@trustix/nix-formats";
import { toBase64 } from "@trustix/crypto";
import { allNames, chooseCaches } from "../src/choose-caches.ts";
import { KNOWN_CACHES } from "../src/known-caches.ts";
import { TRUSTIX } from "../src/trustix-commands.ts";

test("every known cache and mirror has a name, an address, and the page and day that say so; every cache a key", () => {
  const places = KNOWN_CACHES.flatMap((cache) => [cache, ...cache.mirrors]);
  for (const { name, url, source } of places) {
    expect(name).toMatch(/^[a-z][a-z0-9-]*$/);
    for (const address of [url, source.page]) expect(URL.parse(address)?.protocol).toBe("https:");
    expect(url).not.toMatch(/\/$/);
    expect(source.on).toMatch(/^20\d\d-\d\d-\d\d$/);
  }
  const keys = KNOWN_CACHES.map(({ publicKey }) => toBase64(parsePublicCacheKey(publicKey).publicKey));
  for (const all of [places.map(({ name }) => name), places.map(({ url }) => url), keys]) {
    expect(new Set(all).size).toBe(all.length);
  }
});

test("a choice: caches are voters, mirrors places of one, and more than half must agree", () => {
  const [NIXOS, TUNA] = [KNOWN_CACHES[0]!.url, KNOWN_CACHES[0]!.mirrors[0]!.url];
  const table: [names: string, threshold: number | undefined, voters: [string, number][], needed: number][] = [
    ["nixos", undefined, [["nixos", 1]], 1],
    ["tuna", undefined, [["nixos", 1]], 1],
    ["nixos,tuna,ustc", undefined, [["nixos", 3]], 1],
    [
      "nix-community, nixos ,",
      undefined,
      [
        ["nixos", 1],
        ["nix-community", 1],
      ],
      2,
    ],
    [
      "nixos,nix-community,garnix",
      undefined,
      [
        ["nixos", 1],
        ["nix-community", 1],
        ["garnix", 1],
      ],
      2,
    ],
    [
      "nixos,nix-community,garnix",
      3,
      [
        ["nixos", 1],
        ["nix-community", 1],
        ["garnix", 1],
      ],
      3,
    ],
    ["nixos,nixos", undefined, [["nixos", 1]], 1],
  ];
  for (const [names, threshold, voters, needed] of table) {
    const chosen = chooseCaches(names, threshold);
    expect([names, chosen.voters.map(({ name, urls }) => [name, urls.length]), chosen.threshold]).toEqual([
      names,
      voters,
      needed,
    ]);
  }
  // Asked in the order in which they were named.
  expect(chooseCaches("tuna,nixos", undefined).voters[0]!.urls).toEqual([TUNA, NIXOS]);
  expect(chooseCaches("nixos,tuna", undefined).voters[0]!.urls).toEqual([NIXOS, TUNA]);
});

test("what can never be met, or names nobody, is refused", () => {
  const table: [names: string, threshold: number | undefined, why: RegExp][] = [
    ["nixos,tuna", 2, /make 1 voter: a mirror \(tuna\) has its cache's key and adds no vote/],
    ["nixos,garnix", 3, /make 2 voters$/],
    ["nixos", 1.5, /a whole number wanted/],
    ["saturn", undefined, /"saturn" is no cache that is known here/],
    [",", undefined, /names wanted/],
  ];
  for (const [names, threshold, why] of table) expect(() => chooseCaches(names, threshold)).toThrow(why);
});

test("the help of init names every known cache", () => {
  const init = TRUSTIX.commands.find(({ name }) => name === "init");
  const help = JSON.stringify(init).replaceAll(/\\n/g, " ");
  expect(help).toContain(allNames());
});
