import { create, toBinary } from "@bufbuild/protobuf";
import { toBase64 } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import {
  FlushResponseSchema,
  LogEntriesResponseSchema,
  LogHeadRequestSchema,
  LogLeafSchema,
  LogSchema,
  MapValueResponseSchema,
  ProofResponseSchema,
  SparseCompactMerkleProofSchema,
  SubmitRequestSchema,
  UndecidedSchema,
  VoteSchema,
} from "@trustix/proto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkRequired,
  decode,
  encode,
  leafFromWire,
  leafToWire,
  logFromWire,
  logToWire,
  mapProofFromWire,
  mapProofToWire,
  MAX_KEY_BYTES,
  proofFromWire,
  ProtocolError,
  undecidedFromWire,
  undecidedToWire,
  voteFromWire,
  voteToWire,
} from "../src/index.ts";
import { logInfo, logLeaf, mapProof, vote } from "./arbitraries.ts";

const crypto = nodeCrypto();
const LIMIT = 1 << 20;

describe("required fields", () => {
  test("that are absent are named, in nested messages too", () => {
    expect(() => decode(LogHeadRequestSchema, new Uint8Array(0), LIMIT)).toThrow(
      /^LogHeadRequest: required field LogID is missing$/,
    );
    // Items: one pair with a Key and no Value.
    const submit = Uint8Array.of(0x0a, 1, 0x61, 0x12, 3, 0x0a, 1, 0x62);
    expect(() => decode(SubmitRequestSchema, submit, LIMIT)).toThrow(
      /^SubmitRequest.Items\[0\]: KeyValuePair: required field Value is missing$/,
    );
    // Value, and a Proof without BitMask.
    const mapValue = Uint8Array.of(0x0a, 0, 0x12, 2, 0x20, 0);
    expect(() => decode(MapValueResponseSchema, mapValue, LIMIT)).toThrow(
      /^MapValueResponse.Proof: SparseCompactMerkleProof: required field BitMask is missing$/,
    );
  });

  test("at their zero value are there", () => {
    expect(decode(LogHeadRequestSchema, Uint8Array.of(0x0a, 0), LIMIT).LogID).toBe("");
    expect(decode(FlushResponseSchema, new Uint8Array(0), LIMIT)).toBeDefined();
  });

  test("that are not set are not written", () => {
    expect(() => encode(LogHeadRequestSchema, create(LogHeadRequestSchema))).toThrow(/LogID is missing/);
    expect(() => checkRequired(LogLeafSchema, create(LogLeafSchema))).toThrow(/LeafDigest is missing/);
  });

  test("of an unknown enum value count as absent", () => {
    // Log with Mode 5.
    const bytes = Uint8Array.of(0x0a, 1, 0x61, 0x10, 5, 0x1a, 1, 0x62, 0x22, 4, 0x08, 0, 0x12, 0);
    expect(() => decode(LogSchema, bytes, LIMIT)).toThrow(/^Log: required field Mode is missing$/);
  });
});

test("a message over its limit is refused before it is parsed; unknown fields are ignored", () => {
  expect(() => decode(LogHeadRequestSchema, new Uint8Array(11), 10)).toThrow(/11 bytes came, at most 10 wanted/);
  const bytes = Uint8Array.of(0x0a, 1, 0x61, 0xa0, 0x06, 1);
  expect(decode(LogHeadRequestSchema, bytes, LIMIT).LogID).toBe("a");
});

test("any bytes are a message or a ProtocolError, nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      for (const schema of [LogEntriesResponseSchema, LogSchema, MapValueResponseSchema, SubmitRequestSchema]) {
        try {
          decode(schema, bytes, LIMIT);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }
    }),
  );
});

describe("logs", () => {
  test("survive the wire", () => {
    fc.assert(
      fc.property(logInfo, (info) => {
        const wire = decode(LogSchema, encode(LogSchema, logToWire(info)), LIMIT);
        expect(logFromWire(crypto, wire)).toEqual(info);
      }),
      { numRuns: 30 },
    );
  });

  test("whose id is not that of their key and protocol are refused", () => {
    const [one, two] = fc.sample(logInfo, 2);
    const wire = logToWire(one!);
    wire.Signer!.Public = toBase64(two!.publicKey);
    expect(() => logFromWire(crypto, wire)).toThrow(/its key and protocol give/);
    expect(() => logFromWire(crypto, { ...logToWire(one!), Protocol: "nix" })).toThrow(/UUID wanted/);
  });
});

describe("leaves", () => {
  test("survive the wire, with and without key", () => {
    fc.assert(
      fc.property(logLeaf, (leaf) => {
        const wire = decode(LogLeafSchema, encode(LogLeafSchema, leafToWire(leaf)), LIMIT);
        expect(leafFromWire(crypto, wire)).toEqual(leaf);
      }),
    );
  });

  test("whose digest is not that of key and value are refused, as are halves of one", () => {
    const leaf = { key: Uint8Array.of(1), valueDigest: new Uint8Array(32), leafDigest: new Uint8Array(32) };
    expect(() => leafFromWire(crypto, leafToWire(leaf))).toThrow(/LeafDigest is not the digest/);
    expect(() => leafFromWire(crypto, leafToWire({ ...leaf, valueDigest: undefined }))).toThrow(
      /without a ValueDigest/,
    );
    expect(() => leafFromWire(crypto, leafToWire({ ...leaf, key: new Uint8Array(MAX_KEY_BYTES + 1) }))).toThrow(
      /65503/,
    );
  });
});

test("a proof's hashes have 32 bytes and are at most 128", () => {
  const proof = (hashes: Uint8Array[]) => create(ProofResponseSchema, { Proof: hashes });
  expect(proofFromWire(proof([new Uint8Array(32)]))).toEqual([new Uint8Array(32)]);
  expect(() => proofFromWire(proof([new Uint8Array(32), new Uint8Array(31)]))).toThrow(/^Proof\[1\]: 31 bytes came/);
  expect(() => proofFromWire(proof(Array.from({ length: 129 }, () => new Uint8Array(32))))).toThrow(/129 hashes/);
});

describe("map proofs", () => {
  test("reach the verifier as they came, an empty leaf told apart from none", () => {
    fc.assert(
      fc.property(mapProof, (given) => {
        const bytes = encode(SparseCompactMerkleProofSchema, mapProofToWire(given));
        expect(mapProofFromWire(decode(SparseCompactMerkleProofSchema, bytes, LIMIT))).toEqual(given);
      }),
    );
  });

  test("of more than 256 levels are refused", () => {
    const wire = mapProofToWire({
      sideNodes: [],
      nonMembershipLeafData: undefined,
      bitMask: new Uint8Array(0),
      numSideNodes: 257,
    });
    expect(() => mapProofFromWire(wire)).toThrow(/257 side nodes came/);
  });
});

describe("votes", () => {
  test("survive the wire, alone and as the detail of an undecided answer", () => {
    fc.assert(
      fc.property(fc.array(vote, { maxLength: 4 }), fc.string(), (votes, reason) => {
        for (const one of votes) {
          const wire = decode(VoteSchema, toBinary(VoteSchema, voteToWire(one)), LIMIT);
          expect(voteFromWire(wire)).toEqual(one);
        }
        const bytes = encode(UndecidedSchema, undecidedToWire({ votes, reason }));
        expect(undecidedFromWire(decode(UndecidedSchema, bytes, LIMIT))).toEqual({ votes, reason });
      }),
      { numRuns: 30 },
    );
  });

  test("that claim nothing, or claim while absent, are refused", () => {
    const LogID = "0".repeat(64);
    expect(() => voteFromWire(create(VoteSchema, { LogID, Outcome: 1 }))).toThrow(/claims came without a Digest/);
    expect(() => voteFromWire(create(VoteSchema, { LogID, Outcome: 2, Digest: new Uint8Array(32) }))).toThrow(
      /absent came with/,
    );
    expect(() => voteFromWire(create(VoteSchema, { LogID }))).toThrow(/Outcome 0 is not known/);
    expect(() => voteFromWire(create(VoteSchema, { LogID, Outcome: 1, Digest: new Uint8Array(3) }))).toThrow(
      /3 bytes came/,
    );
  });
});
