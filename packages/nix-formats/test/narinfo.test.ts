import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "@trustix/node-crypto";
import { utf8 } from "@trustix/crypto";
import {
  checkNarUrl,
  formatHexHash,
  hashPartOf,
  NixFormatError,
  parseCacheInfo,
  parseNarInfo,
  parsePublicCacheKey,
  parseSecretCacheKey,
  printCacheInfo,
  printNarInfo,
  signFacts,
  verifyFacts,
} from "../src/index.ts";
import { narInfo } from "./arbitraries.ts";
import { fixture, fixturesIn, fixtureText, runs, VERSIONS } from "./fixtures.ts";

const crypto = nodeCrypto();

describe.each(fixturesIn("narinfo"))("$name", ({ name, file, bytes }) => {
  const version = name.split("/")[0]!;
  const info = parseNarInfo(bytes);

  test("prints back to nix's bytes", () => {
    expect(printNarInfo(info)).toBe(new TextDecoder().decode(bytes));
    expect(`${hashPartOf(info.storePath)}.narinfo`).toBe(file);
    expect(info.compression).toBe(name.split("/")[2]);
  });

  test("carries nix's signatures, and ours are the same", () => {
    expect(info.signatures.length).toBeGreaterThan(0);
    for (const signature of info.signatures) {
      const file = signature.name === "fixture-1" ? "first" : "second";
      const key = parsePublicCacheKey(fixtureText(version, `keys/${file}.pub`));
      expect(verifyFacts(crypto, key, info, signature)).toBe(true);
      expect(verifyFacts(crypto, key, { ...info, narSize: info.narSize + 1 }, signature)).toBe(false);
      expect(verifyFacts(crypto, { ...key, name: "other" }, info, signature)).toBe(false);
      const secret = parseSecretCacheKey(crypto, fixtureText(version, `keys/${file}.sec`));
      expect(signFacts(crypto, secret, info)).toEqual(signature);
    }
  });
});

test("any narinfo reads back from what was printed", () => {
  fc.assert(
    fc.property(narInfo, (info) => {
      expect(parseNarInfo(utf8(printNarInfo(info)))).toEqual(info);
    }),
    runs(200),
  );
});

test("bytes that are no narinfo are refused with a NixFormatError and nothing else", () => {
  const base = fixturesIn("narinfo")[0]!.bytes;
  const change = fc.tuple(fc.nat(base.length - 1), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(base.length), (changes, length) => {
      const bytes = base.slice(0, length);
      for (const [at, byte] of changes) if (at < length) bytes[at] = byte;
      try {
        const info = parseNarInfo(bytes);
        expect(parseNarInfo(utf8(printNarInfo(info)))).toEqual(info);
      } catch (error) {
        expect(error).toBeInstanceOf(NixFormatError);
      }
    }),
    runs(500),
  );
});

const MINIMAL = [
  "StorePath: /nix/store/14zmd4y3f3glkd6dd2jy6vhxp9fchzkb-hello",
  "URL: nar/x",
  "NarHash: sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa",
  "NarSize: 120",
];
const withLines = (...lines: string[]) => parseNarInfo(utf8([...MINIMAL, ...lines, ""].join("\n")));

test("what caches in the wild write is read", () => {
  const fileHash = "sha256:0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969";
  expect(withLines().compression).toBe("bzip2");
  expect(withLines("Compression: ").compression).toBe("bzip2");
  expect(withLines().references).toEqual([]);
  expect(withLines("References: ").references).toEqual([]);
  expect(withLines("Deriver: unknown-deriver").deriver).toBeUndefined();
  expect(withLines("FileSize: 0").fileSize).toBeUndefined();
  expect(withLines("System: x86_64-linux", "", "Ünknown:x", "Empty:").narSize).toBe(120);
  expect(formatHexHash(withLines(`FileHash: ${fileHash}`).fileHash!)).toBe(fileHash);
});

test("references come sorted, each once, whatever the order of the file", () => {
  const [a, b] = ["00000000000000000000000000000000-a", "00000000000000000000000000000000-b"];
  expect(withLines(`References: ${b} ${a} ${b}`).references).toEqual([`/nix/store/${a}`, `/nix/store/${b}`]);
});

test.each([
  "nar/1.nar.xz",
  "/nar/1.nar.xz",
  "https://cache.example:8443/nar/1.nar?hash=a&b=c",
  "http://[2001:db8::1]/x",
  "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
  "nar/..hidden/%20a",
])("the URL %j is accepted as it is", (url) => {
  expect(checkNarUrl(url)).toBe(url);
});

test.each(fixturesIn("").filter(({ file }) => file === "nix-cache-info"))(
  "$name reads and prints back",
  ({ bytes }) => {
    const info = parseCacheInfo(bytes);
    expect(info.storeDir).toBe("/nix/store");
    expect(utf8(printCacheInfo(info))).toEqual(bytes);
  },
);

test("a cache's own account is read as nix reads it", () => {
  const text = "StoreDir: /nix/store\nWantMassQuery: 1\nno colon\nPriority:  40 \nElse: x\n";
  expect(parseCacheInfo(utf8(text))).toEqual({ storeDir: "/nix/store", wantMassQuery: true, priority: 40 });
  const empty = { storeDir: "/nix/store", wantMassQuery: false, priority: undefined };
  expect(parseCacheInfo(utf8(""))).toEqual(empty);
});

test("keys and their text are the same thing, and a secret never stands in a message", () => {
  for (const version of VERSIONS) {
    const text = fixtureText(version, "keys/first.sec");
    const secret = parseSecretCacheKey(crypto, text);
    expect(secret.publicKey).toEqual(parsePublicCacheKey(fixtureText(version, "keys/first.pub")).publicKey);
    const swapped = text.slice(0, -4) + (text.endsWith("AA==") ? "BA==" : "AA==");
    for (const broken of [text.replace(":", ""), swapped, text.slice(0, -4), text.replace(/.==$/, "===")]) {
      const refusal = () => parseSecretCacheKey(crypto, broken);
      expect(refusal).toThrow(NixFormatError);
      expect(refusal).not.toThrow(text.slice(20, 40));
    }
  }
  expect(fixture(VERSIONS[0]!, "keys/first.sec").length).toBeGreaterThan(90);
});
