import { utf8, utf8Text } from "@trustix/crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  canonicalNixValue,
  encodeNixValue,
  MAX_NIX_VALUE_BYTES,
  parseNixValue,
  ProtocolError,
  type NixValue,
} from "../src/index.ts";
import { nixValue } from "./arbitraries.ts";

const A = `/nix/store/${"a".repeat(32)}-one`;
const B = `/nix/store/${"b".repeat(32)}-two`;
const SRI = `sha256-${"A".repeat(43)}=`;
const VALUE: NixValue = { path: A, narHash: SRI, narSize: 120, references: [A, B] };

test("a value has one form: fixed order, no spaces, references sorted and each once", () => {
  const wanted = `{"path":"${A}","narHash":"${SRI}","narSize":120,"references":["${A}","${B}"]}`;
  expect(utf8Text(encodeNixValue(VALUE))).toBe(wanted);
  expect(utf8Text(encodeNixValue({ ...VALUE, references: [B, A, B] }))).toBe(wanted);
  expect(utf8Text(encodeNixValue({ ...VALUE, references: [] }))).toMatch(/"references":\[\]\}$/);
});

test("a value reads back as written, in whatever order its fields came", () => {
  fc.assert(
    fc.property(nixValue, (value) => {
      const bytes = encodeNixValue(value);
      expect(parseNixValue(bytes)).toEqual(value);
      expect(encodeNixValue(parseNixValue(bytes))).toEqual(bytes);
      const shuffled = {
        references: [...value.references].reverse(),
        narSize: value.narSize,
        extra: [1],
        narHash: value.narHash,
        path: value.path,
      };
      const otherwise = utf8(JSON.stringify(shuffled, null, 1));
      expect(parseNixValue(otherwise)).toEqual(value);
      expect(canonicalNixValue(otherwise)).toEqual({ value, canonical: bytes });
      expect(canonicalNixValue(bytes).canonical).toBe(bytes);
    }),
  );
});

test.each([
  [
    "null, as existing publishers write no references",
    `{"path":"${A}","narHash":"${SRI}","narSize":1,"references":null}`,
  ],
  ["an absent list of references", `{"path":"${A}","narHash":"${SRI}","narSize":1}`],
])("%s is read as none", (_what, text) => {
  expect(parseNixValue(utf8(text)).references).toEqual([]);
});

test.each([
  ["nothing", "", /not JSON/],
  ["a list", "[]", /object wanted/],
  ["null", "null", /object wanted/],
  ["another store", { path: A.replace("/nix/", "/gnu/") }, /path: "\/gnu/],
  ["a path with a slash at its end", { path: `${A}/` }, /path/],
  ["a path with ..", { path: `${A}/../x` }, /path/],
  ["a path with a newline", { path: `${A}\n` }, /path/],
  ["a path with a digit that nix32 lacks", { path: `/nix/store/${"e".repeat(32)}-x` }, /path/],
  ["a number for the path", { path: 1 }, /path: 1 came/],
  ["no hash", { narHash: undefined }, /narHash/],
  ["a hash in another spelling", { narHash: `sha256:${"0".repeat(52)}` }, /narHash/],
  ["a hash of another kind", { narHash: SRI.replace("sha256", "sha512") }, /narHash/],
  ["a hash with bits after its end", { narHash: `sha256-${"A".repeat(42)}B=` }, /narHash/],
  ["a negative size", { narSize: -1 }, /narSize: -1 came/],
  ["half a byte", { narSize: 1.5 }, /narSize/],
  ["a size over 2^53", { narSize: 2 ** 53 }, /narSize/],
  ["a size as text", { narSize: "1" }, /narSize/],
  ["references as text", { references: A }, /references/],
  ["a reference by base name", { references: [A.slice(11)] }, /references/],
  ["a reference that is a number", { references: [7] }, /references: 7 came/],
])("%s is refused by name", (_what, change, message) => {
  const text = typeof change === "string" ? change : JSON.stringify({ ...VALUE, ...change });
  expect(() => parseNixValue(utf8(text))).toThrow(message);
});

test("an oversized value is refused before it is parsed", () => {
  expect(() => parseNixValue(new Uint8Array(MAX_NIX_VALUE_BYTES + 1))).toThrow(/1048577 bytes came/);
});

test("a wrong value is never written", () => {
  expect(() => encodeNixValue({ ...VALUE, path: "/tmp/x" })).toThrow(ProtocolError);
  expect(() => encodeNixValue({ ...VALUE, narSize: Number.NaN })).toThrow(/narSize/);
});

test("any bytes are a value or a ProtocolError, nothing else", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json().map(utf8)), (bytes) => {
      expect(() => parseNixValue(bytes)).toThrow(ProtocolError);
    }),
  );
});
