/** Messages of very many parts: refused before they are anything but bytes, and nothing that is sent honestly is. */
import { create, type DescMessage } from "@bufbuild/protobuf";
import {
  GetValuesResponseSchema,
  LogEntriesResponseSchema,
  MapValueResponseSchema,
  ProofResponseSchema,
  StatusResponseSchema,
  SubmitRequestSchema,
} from "@trustix/proto";
import { expect, test } from "vitest";
import { MAX_PARTS } from "../src/bound-parts.ts";
import { decode, encode } from "../src/index.ts";

const LIMIT = 16 << 20;

function repeated(unit: readonly number[], times: number): Uint8Array {
  return new Uint8Array(Buffer.alloc(unit.length * times, Uint8Array.from(unit)));
}

/** A field of this number around bytes. */
function inField(number: number, content: Uint8Array): Uint8Array {
  const length = [];
  for (let left = content.length; ; left = Math.floor(left / 128)) {
    length.push((left % 128) + (left >= 128 ? 128 : 0));
    if (left < 128) break;
  }
  return new Uint8Array(Buffer.concat([Uint8Array.from([(number << 3) | 2, ...length]), content]));
}

const EMPTY = [0x0a, 0];

test.each<[string, DescMessage, Uint8Array]>([
  ["empty hashes of a proof", ProofResponseSchema, repeated(EMPTY, MAX_PARTS + 1)],
  ["empty leaves", LogEntriesResponseSchema, repeated(EMPTY, MAX_PARTS + 1)],
  ["leaves with an empty field", LogEntriesResponseSchema, repeated([0x0a, 2, 0x1a, 0], MAX_PARTS / 2 + 1)],
  ["empty values", GetValuesResponseSchema, repeated(EMPTY, MAX_PARTS + 1)],
  ["empty items", SubmitRequestSchema, repeated([0x12, 0], MAX_PARTS + 1)],
  ["one field, written again and again", MapValueResponseSchema, repeated(EMPTY, MAX_PARTS + 1)],
  ["empty side nodes within the proof", MapValueResponseSchema, inField(2, repeated(EMPTY, MAX_PARTS + 1))],
  ["fields that nobody knows", ProofResponseSchema, repeated([0x7a, 0], MAX_PARTS + 1)],
  [
    "many fields, and garbage behind them",
    ProofResponseSchema,
    Buffer.concat([repeated(EMPTY, 4e6), repeated([7], 9)]),
  ],
])("%s: too many are refused at once", (_what, schema, bytes) => {
  const before = process.threadCpuUsage();
  expect(() => decode(schema, bytes, LIMIT)).toThrow(/over 250000 fields came$/);
  const { user, system } = process.threadCpuUsage(before);
  // Of the thread's own time: what reads them all takes seconds.
  expect((user + system) / 1000).toBeLessThan(1500);
});

test.each<[string, DescMessage, Uint8Array, RegExp]>([
  ["a length where a number is written", ProofResponseSchema, repeated([0x08, 1], 4e5), /Proof came as wire type 0$/],
  ["a group", ProofResponseSchema, repeated([0x0b, 0x0c], 4e5), /Proof came as wire type 3$/],
  ["no wire type", ProofResponseSchema, repeated([0x7f, 0], 4e5), /ProofResponse: bytes do not parse$/],
  ["a length beyond the end", LogEntriesResponseSchema, repeated([0x0a, 0x7f], 4e5 + 1), /bytes do not parse$/],
  ["groups in groups", ProofResponseSchema, repeated([0x7b], 8e5), /bytes do not parse$/],
])("%s: a large message is not read as what it is not", (_what, schema, bytes, message) => {
  expect(() => decode(schema, bytes, LIMIT)).toThrow(message);
});

test("the largest answers that are asked for are read", () => {
  const hash = new Uint8Array(32).fill(7);
  const leaf = { Key: new Uint8Array(40), ValueDigest: hash, LeafDigest: hash };
  const leaves = create(LogEntriesResponseSchema, { Leaves: Array.from({ length: 10_000 }, () => leaf) });
  expect(decode(LogEntriesResponseSchema, encode(LogEntriesResponseSchema, leaves), LIMIT).Leaves).toHaveLength(10_000);
  const log = { Name: "x".repeat(100), Mirror: { Entries: 5n, Rate: 0.5 } };
  const status = create(StatusResponseSchema, { Version: "1", Followed: Array.from({ length: 5000 }, () => log) });
  const bytes = encode(StatusResponseSchema, status);
  expect(bytes.length).toBeGreaterThan(2 * MAX_PARTS);
  expect(decode(StatusResponseSchema, bytes, LIMIT)).toEqual(status);
});
