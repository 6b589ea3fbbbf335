/** Entry bundles: C2SP's shape, strict reading, and the same bytes however they grew. */
import { fromHex, toHex, utf8 } from "@trustix/crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  LogTreeError,
  MAX_KEY_BYTES,
  appendToBundle,
  bundleChanges,
  bundleKey,
  decodeBundle,
  encodeBundle,
  leafHash,
  entryLeafHash,
} from "../../src/index.ts";
import type { LogEntry } from "../../src/index.ts";
import { crypto } from "./records.ts";

const entry = (key: string): LogEntry => ({ key: utf8(key), valueDigest: crypto.sha256(utf8(`value of ${key}`)) });
const someEntries = (count: number): LogEntry[] => Array.from({ length: count }, (_, i) => entry(`key ${i}`));

test("an entry is u16be length, key, colon, digest, and its leaf hash is that of those bytes", () => {
  const one = entry("k:1");
  const bytes = encodeBundle([one]);
  expect(toHex(bytes)).toBe(`0024${toHex(utf8("k:1:"))}${toHex(one.valueDigest)}`);
  expect(leafHash(crypto, bytes.subarray(2))).toEqual(entryLeafHash(crypto, one.key, one.valueDigest));
});

test("bundles decode to what was encoded; keys may be empty, hold colons, and be as long as the length allows", () => {
  const long: LogEntry = { key: new Uint8Array(MAX_KEY_BYTES).fill(0x3a), valueDigest: new Uint8Array(32) };
  const entries = [entry(""), entry(":::"), long, ...someEntries(253)];
  expect(decodeBundle(encodeBundle(entries))).toEqual(entries);
  expect(decodeBundle(new Uint8Array(0))).toEqual([]);
});

test("what is too long, too many or no digest is refused", () => {
  const tooLong = { key: new Uint8Array(MAX_KEY_BYTES + 1), valueDigest: new Uint8Array(32) };
  expect(() => encodeBundle([tooLong])).toThrow("a key has at most 65502 bytes, got 65503");
  expect(() => encodeBundle(someEntries(257))).toThrow("at most 256 entries, not 257");
  expect(() => appendToBundle(encodeBundle(someEntries(256)), [entry("one more")])).toThrow(LogTreeError);
  expect(() => encodeBundle([{ key: utf8("k"), valueDigest: new Uint8Array(31) }])).toThrow("32 bytes, got 31");
});

test.each([
  ["half a length", "00"],
  ["a length past the end", `0100${"00".repeat(35)}`],
  ["an entry too short for a digest", `0020${"00".repeat(32)}`],
  ["no colon before the digest", `00226100${"00".repeat(32)}`],
  ["a byte left over", `00213a${"00".repeat(32)}00`],
  ["257 entries", `00213a${"00".repeat(32)}`.repeat(257)],
])("%s is not a bundle", (_, hex) => {
  expect(() => decodeBundle(fromHex(hex))).toThrow(LogTreeError);
});

test("any bytes either are a bundle that encodes back to them, or are refused", () => {
  const good = encodeBundle(someEntries(3));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(good.length - 1).map((n) => good.with(n, 0)),
      ),
      (bytes) => {
        let entries: LogEntry[];
        try {
          entries = decodeBundle(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(LogTreeError);
          return;
        }
        expect(encodeBundle(entries)).toEqual(bytes);
      },
    ),
  );
});

test("the records of appends are the same however the appends were split", () => {
  const prefix = fromHex("10000162");
  fc.assert(
    fc.property(fc.array(fc.nat(400), { maxLength: 4 }), (sizes) => {
      const entries = someEntries(sizes.reduce((a, b) => a + b, 0));
      const store = new Map<string, Uint8Array>();
      let at = 0;
      for (const size of sizes) {
        const last = store.get(toHex(bundleKey(prefix, Math.floor(at / 256))));
        for (const [key, value] of bundleChanges(prefix, at, last, entries.slice(at, at + size))) {
          store.set(toHex(key), value!);
        }
        at += size;
      }
      const inOrder = [...store].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, bytes]) => bytes);
      expect(inOrder.flatMap(decodeBundle)).toEqual(entries);
      expect(inOrder.slice(0, -1).every((bytes) => decodeBundle(bytes).length === 256)).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test("a partial bundle that is missing is an error; entries of a larger log in it are left out", () => {
  const prefix = fromHex("10000162");
  expect(() => bundleChanges(prefix, 3, undefined, [entry("x")])).toThrow("has a partial bundle, none was given");
  const [change] = bundleChanges(prefix, 2, encodeBundle(someEntries(5)), [entry("x")]);
  expect(decodeBundle(change![1]!)).toEqual([...someEntries(2), entry("x")]);
});
