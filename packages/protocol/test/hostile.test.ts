/** Everything of this package that reads outside bytes, against its corpus and whatever fast-check makes of good bytes. */
import { join } from "node:path";
import { utf8 } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import {
  LogHeadSchema,
  LogLeafSchema,
  LogSchema,
  ProofResponseSchema,
  SparseCompactMerkleProofSchema,
  UndecidedSchema,
  VoteSchema,
} from "@trustix/proto";
import { create } from "@bufbuild/protobuf";
import { describeParsers, parser } from "@trustix/testkit/fuzz";
import fc from "fast-check";
import {
  decode,
  encode,
  encodeNixValue,
  formatPrivateKey,
  formatPrivateToken,
  formatPublicKey,
  formatPublicToken,
  headFromWire,
  headToWire,
  leafFromWire,
  leafToWire,
  logFromWire,
  logToWire,
  mapEntryBytes,
  mapProofFromWire,
  mapProofToWire,
  openSignedCall,
  parseLogId,
  parseMapEntry,
  parseNixValue,
  parsePrivateKey,
  parsePrivateToken,
  parsePublicKey,
  parsePublicToken,
  proofFromWire,
  ProtocolError,
  signCall,
  tokenHeader,
  undecidedFromWire,
  undecidedToWire,
  verifyTokenHeader,
  voteFromWire,
  voteToWire,
} from "../src/index.ts";
import {
  callToSign,
  hash,
  keyPair,
  logHead,
  logId,
  logInfo,
  logLeaf,
  mapEntry,
  mapProof,
  nixValue,
  tokenName,
  vote,
} from "./arbitraries.ts";

const crypto = nodeCrypto();
const MESSAGE_BYTES = 1 << 20;
const PROCEDURE = "/trustix_api.v1.NodeAPI/Submit";
const seed = new Uint8Array(32).fill(3);
const token = { name: "default", seed, publicKey: crypto.ed25519PublicKey(seed) };

const isRefusal = (error: unknown): boolean => error instanceof ProtocolError;
/** What a file or a header that is not checked for UTF-8 hands over: one character a byte. */
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

describeParsers(join(import.meta.dirname, "corpus"), {
  head: parser({
    read: (bytes) => headFromWire(decode(LogHeadSchema, bytes, MESSAGE_BYTES)),
    print: (head) => encode(LogHeadSchema, headToWire(head)),
    good: logHead.map((head) => encode(LogHeadSchema, headToWire(head))),
    isRefusal,
  }),
  log: parser({
    read: (bytes) => logFromWire(crypto, decode(LogSchema, bytes, MESSAGE_BYTES)),
    print: (info) => encode(LogSchema, logToWire(info)),
    good: logInfo.map((info) => encode(LogSchema, logToWire(info))),
    isRefusal,
  }),
  leaf: parser({
    read: (bytes) => leafFromWire(crypto, decode(LogLeafSchema, bytes, MESSAGE_BYTES)),
    print: (leaf) => encode(LogLeafSchema, leafToWire(leaf)),
    good: logLeaf.map((leaf) => encode(LogLeafSchema, leafToWire(leaf))),
    isRefusal,
  }),
  proof: parser({
    read: (bytes) => proofFromWire(decode(ProofResponseSchema, bytes, MESSAGE_BYTES)),
    print: (proof) => encode(ProofResponseSchema, create(ProofResponseSchema, { Proof: proof })),
    good: fc
      .array(hash, { maxLength: 4 })
      .map((proof) => encode(ProofResponseSchema, create(ProofResponseSchema, { Proof: proof }))),
    isRefusal,
  }),
  "map-proof": parser({
    read: (bytes) => mapProofFromWire(decode(SparseCompactMerkleProofSchema, bytes, MESSAGE_BYTES)),
    print: (proof) => encode(SparseCompactMerkleProofSchema, mapProofToWire(proof)),
    good: mapProof.map((proof) => encode(SparseCompactMerkleProofSchema, mapProofToWire(proof))),
    isRefusal,
  }),
  vote: parser({
    read: (bytes) => voteFromWire(decode(VoteSchema, bytes, MESSAGE_BYTES)),
    print: (given) => encode(VoteSchema, voteToWire(given)),
    good: vote.map((given) => encode(VoteSchema, voteToWire(given))),
    isRefusal,
  }),
  undecided: parser({
    read: (bytes) => undecidedFromWire(decode(UndecidedSchema, bytes, MESSAGE_BYTES)),
    print: (undecided) => encode(UndecidedSchema, undecidedToWire(undecided)),
    good: fc
      .record({ votes: fc.array(vote, { maxLength: 3 }), reason: fc.string() })
      .map((undecided) => encode(UndecidedSchema, undecidedToWire(undecided))),
    isRefusal,
  }),
  "map-entry": parser({
    read: parseMapEntry,
    print: ({ digest, index }) => mapEntryBytes(digest, index),
    good: mapEntry.map(({ digest, index }) => mapEntryBytes(digest, index)),
    isRefusal,
  }),
  "nix-value": parser({
    read: parseNixValue,
    print: encodeNixValue,
    good: nixValue.map(encodeNixValue),
    isRefusal,
  }),
  "log-id": parser({ read: (bytes) => parseLogId(text(bytes)), print: utf8, good: logId.map(utf8), isRefusal }),
  "public-key": parser({
    read: (bytes) => parsePublicKey(text(bytes)),
    print: (key) => utf8(formatPublicKey(key)),
    good: hash.map((key) => utf8(formatPublicKey(key))),
    isRefusal,
  }),
  "private-key": parser({
    read: (bytes) => parsePrivateKey(crypto, text(bytes)),
    print: (keys) => utf8(formatPrivateKey(keys)),
    good: keyPair.map((keys) => utf8(formatPrivateKey(keys))),
    isRefusal,
  }),
  "public-token": parser({
    read: (bytes) => parsePublicToken(new TextDecoder().decode(bytes)),
    print: (given) => utf8(formatPublicToken(given)),
    good: fc.record({ name: tokenName, publicKey: hash }).map((given) => utf8(formatPublicToken(given))),
    isRefusal,
  }),
  "private-token": parser({
    read: (bytes) => parsePrivateToken(crypto, new TextDecoder().decode(bytes)),
    print: (given) => utf8(formatPrivateToken(given)),
    good: fc
      .record({ name: tokenName, keys: keyPair })
      .map(({ name, keys }) => utf8(formatPrivateToken({ name, ...keys }))),
    isRefusal,
  }),
  "token-header": parser({
    read: (bytes) => verifyTokenHeader(crypto, new Map([[token.name, token]]), text(bytes), PROCEDURE),
    good: fc.constant(new Uint8Array(Buffer.from(tokenHeader(crypto, token, PROCEDURE), "latin1"))),
    isRefusal,
  }),
  "signed-call": parser({
    read: (bytes) => openSignedCall(crypto, new Map([[token.name, token]]), text(bytes)),
    print: (call) => utf8(signCall(crypto, token, call)),
    good: callToSign.map((call) => utf8(signCall(crypto, token, call))),
    isRefusal,
  }),
});
