import { fromHex, toBase64, toHex, utf8, utf8Text } from "@trustix/crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mapEntryBytes, MAX_MAP_ENTRY_BYTES, parseMapEntry, ProtocolError } from "../src/index.ts";
import { mapEntry } from "./arbitraries.ts";
import { mapEntries } from "./vectors.ts";

describe("the vectors of the existing program", () => {
  test.each(mapEntries.encode)(
    "entry $index ($digest) is written byte for byte, and read back if it is usable",
    (v) => {
      const digest = fromHex(v.digest);
      if (digest.length !== 32) {
        // The existing program writes these; no log can hold one, so ours has no form for them.
        expect(() => mapEntryBytes(digest, BigInt(v.index))).toThrow(/Digest: .* 32 wanted/);
        expect(() => parseMapEntry(fromHex(v.hex))).toThrow(ProtocolError);
        return;
      }
      const bytes = mapEntryBytes(digest, BigInt(v.index));
      expect(toHex(bytes)).toBe(v.hex);
      if (BigInt(v.index) > BigInt(Number.MAX_SAFE_INTEGER)) expect(() => parseMapEntry(bytes)).toThrow(/Index/);
      else expect(parseMapEntry(bytes)).toEqual({ digest, index: Number(v.index) });
    },
  );

  // Their digests have two bytes; ours must have 32, so the texts are read with one of 32 in its place.
  const stretch = (text: string) =>
    text
      .replaceAll('"AQI="', JSON.stringify(toBase64(fill("0102"))))
      .replaceAll('"AQM="', JSON.stringify(toBase64(fill("0103"))))
      .replaceAll("[1,2]", JSON.stringify([...fill("0102")]));
  const fill = (hex: string) => Uint8Array.from({ length: 32 }, (_, i) => fromHex(hex)[i % 2]!);

  test.each(mapEntries.decode)("$json is read as existing readers do", ({ json, digest, index, error }) => {
    const bytes = utf8(stretch(json));
    // What they read as "no digest" or "no index" means nothing as an entry; ours has no word for an index over 2^53.
    const unusable = error !== "" || digest === "" || index === null || BigInt(index) > BigInt(Number.MAX_SAFE_INTEGER);
    if (unusable) expect(() => parseMapEntry(bytes)).toThrow(ProtocolError);
    else expect(parseMapEntry(bytes)).toEqual({ digest: fill(digest), index: Number(index) });
  });
});

test("an entry reads back as written, also with spaces and keys in another order", () => {
  fc.assert(
    fc.property(mapEntry, (entry) => {
      const bytes = mapEntryBytes(entry.digest, entry.index);
      expect(parseMapEntry(bytes)).toEqual(entry);
      const { Digest, Index } = JSON.parse(utf8Text(bytes)) as { Digest: string; Index: number };
      expect(parseMapEntry(utf8(JSON.stringify({ Index, Digest }, null, 2)))).toEqual(entry);
    }),
  );
});

test.each([
  ["too long", utf8(" ".repeat(MAX_MAP_ENTRY_BYTES + 1)), /1025 bytes came, at most 1024/],
  ["not UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), /not UTF-8/],
  ["an exponent", utf8(`{"Digest":"${"A".repeat(43)}=","Index":1e3}`), /decimal digits/],
  ["nested too deep", utf8("[".repeat(1000)), /not JSON/],
  ["a digest of 31 bytes", utf8(`{"Digest":"${toBase64(new Uint8Array(31))}","Index":0}`), /31 bytes came, 32 wanted/],
])("%s is refused", (_what, bytes, message) => {
  expect(() => parseMapEntry(bytes)).toThrow(message);
});

test("any bytes are an entry or a ProtocolError, nothing else", () => {
  const nearly = fc.tuple(mapEntry, fc.nat(100), fc.uint8Array({ maxLength: 3 })).map(([entry, at, noise]) => {
    const bytes = mapEntryBytes(entry.digest, entry.index);
    bytes.set(noise, Math.min(at, bytes.length - noise.length));
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), nearly, fc.json().map(utf8)), (bytes) => {
      try {
        expect(parseMapEntry(bytes).digest.length).toBe(32);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
  );
});
