import fc from "fast-check";
import { expect, test } from "vitest";
import { fromBase64, fromHex, TextFormError, toBase64, toHex } from "../src/index.ts";

test("hex and base64 read back what they wrote, as node's Buffer writes it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(toHex(bytes)).toBe(Buffer.from(bytes).toString("hex"));
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
      expect(fromHex(toHex(bytes))).toEqual(bytes);
      expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      expect(fromBase64(toBase64(bytes))).toEqual(bytes);
    }),
  );
});

test.each([4095, 4096, 4097, 20_000])("%d bytes in hex are as node's Buffer writes them", (length) => {
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
  expect(toHex(bytes)).toBe(Buffer.from(bytes).toString("hex"));
});

test.each([
  ["0", /odd number/],
  ["0g", /position 1, got "g"/],
  ["zz", /position 0/],
  ["0x00", /position 1/],
  ["é0", /position 0/],
])("hex %j is refused", (text, why) => {
  expect(() => fromHex(text)).toThrow(why);
  expect(() => fromHex(text)).toThrow(TextFormError);
});

test.each([
  ["AAA", /multiple of 4/],
  ["AA-_", /position 2/],
  ["AB==", /bits set/],
  ["AAB=", /bits set/],
  ["A===", /position 1/],
  ["====", /position 0/],
  ["AA=A", /position 2/],
  ["AAAA\n===", /position 4/],
  ["ÄAAA", /position 0/],
])("base64 %j is refused: one text for one value", (text, why) => {
  expect(() => fromBase64(text)).toThrow(why);
  expect(() => fromBase64(text)).toThrow(TextFormError);
});

test("whatever base64 is accepted is the only spelling of its bytes", () => {
  const texts = fc.string({ unit: fc.constantFrom(..."ABcd01+/=-"), maxLength: 16 });
  fc.assert(
    fc.property(texts, (text) => {
      let bytes: Uint8Array;
      try {
        bytes = fromBase64(text);
      } catch (error) {
        expect(error).toBeInstanceOf(TextFormError);
        return;
      }
      expect(toBase64(bytes)).toBe(text);
    }),
  );
});
