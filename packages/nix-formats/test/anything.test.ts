/** Whatever comes: a value, or a NixFormatError with a message of bounded length. Never another error, never a hang. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { anyText } from "@trustix/testkit/fuzz";
import {
  checkNar,
  checkNarUrl,
  fromNix32,
  NixFormatError,
  parseCacheInfo,
  parseCacheSignature,
  parseContentAddress,
  parseDerivation,
  parseHash,
  parseNarInfo,
  parsePathInfos,
  parsePublicCacheKey,
  parseSecretCacheKey,
  parseStorePath,
  storePathOfBaseName,
} from "../src/index.ts";
import { runs } from "./fixtures.ts";

const crypto = nodeCrypto();

const OF_TEXT: Readonly<Record<string, readonly [read: (text: string) => unknown, like: string]>> = {
  nix32: [(text) => fromNix32(text, 20), "14zmd4y3f3glkd6dd2jy6vhxp9fchzkb"],
  hash: [parseHash, "sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa"],
  "store path": [parseStorePath, "/nix/store/14zmd4y3f3glkd6dd2jy6vhxp9fchzkb-hello"],
  "base name": [storePathOfBaseName, "14zmd4y3f3glkd6dd2jy6vhxp9fchzkb-hello"],
  "content address": [parseContentAddress, "fixed:r:sha256:1fxpi8a4hcvfhih7f4k4a5dwgz8jswixvhnyp9aipgavla03bg1w"],
  "cache key": [parsePublicCacheKey, "fixture-1:UM1Tt422D2a1Ail9Qg0S3hmDaBCYOYzkuE2hcLIRaIc="],
  "secret key": [(text) => parseSecretCacheKey(crypto, text), `k-1:${"A".repeat(86)}==`],
  signature: [parseCacheSignature, `k-1:${"A".repeat(86)}==`],
  URL: [checkNarUrl, "https://cache.example/nar/a%20b.nar.xz?hash=1"],
};

const OF_BYTES: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  narinfo: parseNarInfo,
  NAR: (bytes) => checkNar(crypto, bytes),
  derivation: parseDerivation,
  "path-info": parsePathInfos,
  "nix-cache-info": parseCacheInfo,
};

function valueOrRefusal(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(NixFormatError);
    expect((error as Error).message.length).toBeLessThan(600);
  }
}

describe.each(Object.entries(OF_TEXT))("%s", (_name, [read, like]) => {
  test("any text, and one that is nearly right, is read or refused", () => {
    const nearly = fc
      .tuple(fc.nat(like.length), fc.nat(3), anyText({ maxLength: 3 }))
      .map(([at, length, text]) => like.slice(0, at) + text + like.slice(at + length));
    fc.assert(
      fc.property(fc.oneof(anyText(), nearly), (text) => valueOrRefusal(() => read(text))),
      runs(400),
    );
  });

  test("a very long text is refused at once", () => {
    for (const text of [like + like.at(-1)!.repeat(1_000_000), " ".repeat(1_000_000), ":".repeat(1_000_000)]) {
      // The thread's own time: other tests run beside this one.
      const before = process.threadCpuUsage();
      expect(() => read(text)).toThrow(NixFormatError);
      const { user, system } = process.threadCpuUsage(before);
      expect((user + system) / 1000).toBeLessThan(500);
    }
  });
});

test.each(Object.entries(OF_BYTES))("%s: any bytes are read or refused", (_name, read) => {
  const lines = fc.array(anyText(), { maxLength: 5 }).map((all) => utf8(`${all.join("\n")}\n`));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), lines), (bytes) => valueOrRefusal(() => read(bytes))),
    runs(300),
  );
});
