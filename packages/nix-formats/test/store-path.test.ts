import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "@trustix/node-crypto";
import {
  baseNameOf,
  contentPath,
  hashPartBytes,
  hashPartOf,
  isHashPart,
  makeStorePath,
  nameOf,
  NixFormatError,
  parseContentAddress,
  parseNarInfo,
  parseSha256,
  parseStorePath,
  sortedPaths,
  storePathOfBaseName,
  textPath,
  toNix32,
} from "../src/index.ts";
import { storePath } from "./arbitraries.ts";
import { fixturesIn, runs } from "./fixtures.ts";

const HASH = "14zmd4y3f3glkd6dd2jy6vhxp9fchzkb";

test("a store path falls apart into hash part and name and comes together again", () => {
  fc.assert(
    fc.property(storePath, (path) => {
      expect(parseStorePath(path)).toBe(path);
      expect(storePathOfBaseName(baseNameOf(path))).toBe(path);
      expect(`${hashPartOf(path)}-${nameOf(path)}`).toBe(baseNameOf(path));
      expect(isHashPart(hashPartOf(path))).toBe(true);
      expect(toNix32(hashPartBytes(hashPartOf(path)))).toBe(hashPartOf(path));
    }),
    runs(100),
  );
});

test.each([
  ["", "a path below /nix/store wanted"],
  ["/nix/store/", '32 nix32 characters, "-" and a name wanted'],
  [`/nix/store/${HASH}`, '32 nix32 characters, "-" and a name wanted'],
  [`/nix/store/${HASH}-`, "name: 0 characters came, 1 to 211 wanted"],
  [`/nix/store/${HASH}-${"a".repeat(212)}`, "name: 212 characters came, 1 to 211 wanted"],
  [`/nix/store/${HASH}-a/b`, 'name: "a/b" came'],
  [`/nix/store/${HASH}-a\n`, 'name: "a\\n" came'],
  [`/nix/store/${HASH}-a\0`, "came, letters, digits"],
  [`/nix/store/${HASH}-ä`, "came, letters, digits"],
  [`/nix/store/${HASH}-..`, 'name: ".." is not allowed'],
  [`/nix/store/${HASH}-.-a`, 'name: ".-a" is not allowed'],
  [`/nix/store/${HASH}-..-a`, 'name: "..-a" is not allowed'],
  [`/nix/store/../${HASH}-a`, "32 nix32 characters"],
  [`/nix/store//${HASH}-a`, "32 nix32 characters"],
  [`/nix/store/${HASH.toUpperCase()}-a`, "32 nix32 characters"],
  [`/nix/store/e${HASH.slice(1)}-a`, "32 nix32 characters"],
  [`/gnu/store/${HASH}-a`, "a path below /nix/store wanted"],
])("the store path %j is refused", (text, why) => {
  expect(() => parseStorePath(text)).toThrow(NixFormatError);
  expect(() => parseStorePath(text)).toThrow(why);
});

test("names of up to 211 characters and with leading dots are store paths", () => {
  for (const name of ["a".repeat(211), ".hidden", "...", "?=+-._"]) {
    expect(nameOf(parseStorePath(`/nix/store/${HASH}-${name}`))).toBe(name);
  }
});

test("paths are sorted by their bytes and stand once", () => {
  const [a, b] = [parseStorePath(`/nix/store/${HASH}-a`), parseStorePath(`/nix/store/${HASH}-Z`)];
  expect(sortedPaths([a, b, a])).toEqual([b, a]);
});

test("content-addressed paths are made as nix makes them", () => {
  const crypto = nodeCrypto();
  const text = new TextEncoder().encode("a text\n");
  expect(textPath(crypto, text, [], "fixture.txt")).toBe("/nix/store/qzgd36fqfn1f24j74yawhdzjmh862zm1-fixture.txt");
  const nar = parseSha256("sha256:1l1yaiy7hg0ncsnv2fa8x98a6mc34diwhvdmhdsv450p7qjkjf1z");
  expect(makeStorePath(crypto, "source", nar, "fixture-src")).toBe(
    "/nix/store/mbsizy9awx7grvay1wrsz1gm72gzq77q-fixture-src",
  );
  expect(() => makeStorePath(crypto, "source", nar, "a/b")).toThrow(NixFormatError);
});

describe("the path of content", () => {
  const crypto = nodeCrypto();
  const named = fixturesIn("narinfo")
    .filter(({ file }) => file.endsWith(".narinfo"))
    .map(({ name, bytes }) => ({ name, info: parseNarInfo(bytes) }))
    .filter(({ info }) => info.ca !== undefined);

  test.each(named)("is the one that nix gave it: $name", ({ info }) => {
    expect(contentPath(crypto, info.ca!, info.references, nameOf(info.storePath))).toBe(info.storePath);
  });

  test("has been seen with text, flat and recursive hashes, also with another algorithm", () => {
    const kinds = named.map(({ info }) => `${info.ca!.method} ${info.ca!.hash.algorithm}`);
    expect(new Set(kinds)).toEqual(new Set(["text sha256", "flat sha256", "flat sha1", "nar sha256"]));
  });

  const other = parseStorePath(`/nix/store/${HASH}-a`);
  test.each([
    ["text:sha256:0vvfa38f9iz3083mnjyfr0qijv3pb5ympkq402m2fbc9vcgwynqh", true],
    ["fixed:r:sha256:0vvfa38f9iz3083mnjyfr0qijv3pb5ympkq402m2fbc9vcgwynqh", true],
    ["fixed:sha256:0vvfa38f9iz3083mnjyfr0qijv3pb5ympkq402m2fbc9vcgwynqh", false],
    ["fixed:r:sha1:zkamzf2n87nq9179cndkwdmg0b7rhry0", false],
    ["fixed:git:sha1:zkamzf2n87nq9179cndkwdmg0b7rhry0", false],
  ])("depends on the references, where there may be any: %s", (text, may) => {
    const address = parseContentAddress(text);
    const [without, one] = [[], [other]].map((references) => contentPath(crypto, address, references, "x"));
    expect(without).toMatch(/^\/nix\/store\/\w{32}-x$/);
    if (may) expect(one).toMatch(/^\/nix\/store\/\w{32}-x$/);
    else expect(one).toBeUndefined();
    expect(one).not.toBe(without);
  });

  test("is as nix prefetches it", () => {
    // nix-prefetch-url of nixpkgs' fetchurl for hello 2.12.1: name, SHA-256, path.
    const address = parseContentAddress("fixed:sha256:086vqwk2wl8zfs47sq2xpjc9k066ilmb8z6dn0q6ymwjzlm196cd");
    expect(contentPath(crypto, address, [], "hello-2.12.1.tar.gz")).toBe(
      "/nix/store/pa10z4ngm0g83kx9mssrqzz30s84vq7k-hello-2.12.1.tar.gz",
    );
  });
});
