/** The record of what a cache said: read back as it was written, and refused where it is damaged. */
import { concatBytes } from "@trustix/crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeVoice, encodeVoice } from "../../src/caches/voice-record.ts";
import { NodeError } from "../../src/errors.ts";
import { voice } from "./kept-caches.ts";

const KEY = new Uint8Array(36);
const u48 = fc.nat({ max: 2 ** 48 - 1 });
const narInfo = fc.uint8Array({ maxLength: 60 });
const answer = fc.option(fc.record({ narInfo, firstSeen: u48, confirmedAt: u48 }), { nil: undefined });
const anyVoice = fc.oneof(
  fc.record({ own: answer, claim: answer, checkedAt: u48, changedAt: u48 }),
  fc.record({ own: answer, checkedAt: u48, changedAt: u48 }).map((some) => ({ ...some, claim: some.own })),
);

test("whatever is kept is read back", () => {
  fc.assert(
    fc.property(anyVoice, (kept) => {
      expect(decodeVoice(encodeVoice(kept), KEY)).toEqual(kept);
    }),
  );
});

test("any other bytes are read as something that is written, or refused as damage", () => {
  const good = encodeVoice(voice("narinfo"));
  const changed = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => good.with(at, byte));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), changed), (bytes) => {
      try {
        expect(decodeVoice(encodeVoice(decodeVoice(bytes, KEY)), KEY)).toEqual(decodeVoice(bytes, KEY));
      } catch (error) {
        expect(error).toBeInstanceOf(NodeError);
        expect((error as NodeError).code).toBe("corrupt");
      }
    }),
    { numRuns: 500 },
  );
});

test.each<[string, Uint8Array]>([
  ["cut short", encodeVoice(voice("narinfo")).slice(0, -1)],
  ["too long", concatBytes(encodeVoice(voice("narinfo")), Uint8Array.of(0))],
  ["of another version", encodeVoice(voice("narinfo")).with(0, 2)],
  ["with a part that is not known", encodeVoice(voice("narinfo")).with(1, 8)],
  ["that names the same narinfo twice and has one", encodeVoice(voice("n", { claim: undefined })).with(1, 5)],
])("a record %s is damage", (_what, bytes) => {
  expect(() => decodeVoice(bytes, KEY)).toThrow(/^what a binary cache said \(key 00/);
});
