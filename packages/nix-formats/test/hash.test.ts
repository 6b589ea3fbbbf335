import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatContentAddress,
  formatHexHash,
  formatNix32Hash,
  formatSriHash,
  fromNix32,
  NixFormatError,
  parseContentAddress,
  parseHash,
  parseSha256,
  toNix32,
} from "../src/index.ts";
import { contentAddress, nixHash } from "./arbitraries.ts";
import { runs } from "./fixtures.ts";

test("nix32 reads back what it wrote, for every length", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      expect(fromNix32(toNix32(bytes), bytes.length)).toEqual(bytes);
    }),
    runs(300),
  );
});

test("of all texts of one length, exactly those that are written are read: no two spellings of one value", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9a-z]{13}$/), (text) => {
      let bytes: Uint8Array;
      try {
        bytes = fromNix32(text, 8);
      } catch (error) {
        expect(error).toBeInstanceOf(NixFormatError);
        return;
      }
      expect(toNix32(bytes)).toBe(text);
    }),
    runs(500),
  );
  expect(() => fromNix32("h000000000000", 8)).toThrow("nix32: character 0: bits are set after the last byte");
  expect(() => fromNix32("0e00000000000", 8)).toThrow('nix32: character 1: "e" is not in the alphabet');
  expect(() => fromNix32("0é00000000000", 8)).toThrow('"é" is not in the alphabet');
});

test("a hash is the same in every form", () => {
  fc.assert(
    fc.property(nixHash, (hash) => {
      for (const text of [formatNix32Hash(hash), formatSriHash(hash), formatHexHash(hash)]) {
        expect(parseHash(text)).toEqual(hash);
      }
      const base64 = formatSriHash(hash).replace("-", ":");
      expect(parseHash(base64)).toEqual(hash);
    }),
    runs(200),
  );
});

test("the forms are those that nix prints for one hash", () => {
  const hash = parseHash("sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa");
  expect(formatHexHash(hash)).toBe("sha256:0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969");
  expect(formatSriHash(hash)).toBe("sha256-CkMIecJm+LV/QJKg+TXPP6zUi7zN5XYNR0jKQFFx6Wk=");
});

describe.each([
  ["", 'hash: "" came, "sha256:..." or "sha256-..." wanted'],
  ["sha256", 'hash: "sha256" came'],
  ["0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa", 'came, "sha256:..." or "sha256-..." wanted'],
  ["sha3:00", 'hash: algorithm "sha3" came'],
  ["toString:00", 'hash: algorithm "toString" came'],
  ["sha256:00", "hash: a sha256 digest of 2 characters came, 32 bytes wanted"],
  [`sha256:${"g".repeat(64)}`, "hash: hex: hex digit wanted at position 0"],
  [`sha256:${"z".repeat(52)}`, "bits are set after the last byte"],
  [`sha256-${"A".repeat(44)}`, "hash: a sha256 digest of 33 bytes came, 32 wanted"],
  [`sha256-${"A".repeat(42)}==`, "hash: a sha256 digest of 31 bytes came, 32 wanted"],
  [`sha256-${"A".repeat(42)}B=`, "hash: base64: base64 has bits set after its last byte"],
  [`sha256:${"0".repeat(100_000)}`, "came"],
])("the hash %j", (text, why) => {
  test(`is refused: ${why}`, () => {
    expect(() => parseHash(text)).toThrow(NixFormatError);
    expect(() => parseHash(text)).toThrow(why);
  });
});

test("only SHA-256 is a NAR hash", () => {
  expect(() => parseSha256(`sha1:${"0".repeat(40)}`)).toThrow("hash: sha1 came, sha256 wanted");
});

test("a content address reads back what it wrote", () => {
  fc.assert(
    fc.property(contentAddress, (address) => {
      expect(parseContentAddress(formatContentAddress(address))).toEqual(address);
    }),
    runs(100),
  );
  expect(() => parseContentAddress("recursive:sha256:00")).toThrow('content address: "recursive:sha256:00" came');
});
