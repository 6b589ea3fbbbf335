import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes, concatBytes, equalBytes, startsWith, utf8, utf8Text } from "../src/index.ts";

const bytes = fc.uint8Array({ maxLength: 40 });

test("bytes are ordered as Buffer.compare orders them", () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
      expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      expect(equalBytes(a, Uint8Array.from(a))).toBe(true);
    }),
  );
});

test("joined parts start with the first part and have the length of all", () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 5 }), (parts) => {
      const joined = concatBytes(...parts);
      expect(Buffer.from(joined).equals(Buffer.concat(parts))).toBe(true);
      expect(startsWith(joined, parts[0] ?? new Uint8Array())).toBe(true);
    }),
  );
  expect(startsWith(utf8("abc"), utf8("abd"))).toBe(false);
  expect(startsWith(utf8("ab"), utf8("abc"))).toBe(false);
});

test("bytes that are not UTF-8 are refused, a byte order mark is kept", () => {
  expect(() => utf8Text(new Uint8Array([0xff]))).toThrow(TypeError);
  expect(utf8Text(utf8("\ufeffä"))).toBe("\ufeffä");
});
