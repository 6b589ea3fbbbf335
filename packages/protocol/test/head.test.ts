import { fromBase64, fromHex, toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { LogHeadSchema } from "@trustix/proto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decode,
  encode,
  headDigest,
  headFromWire,
  headPreimage,
  headToWire,
  logIdOf,
  parsePrivateKey,
  parseProtocol,
  signHead,
  verifyHead,
} from "../src/index.ts";
import { hash, logHead } from "./arbitraries.ts";
import { logHeads } from "./vectors.ts";

const crypto = nodeCrypto();

for (const log of logHeads.logs) {
  test(`every head of the ${log.protocol} log ${log.logID.slice(0, 8)} is read, checked and signed as the existing program does`, () => {
    const keys = parsePrivateKey(crypto, log.privKeyBase64);
    expect(toHex(keys.publicKey)).toBe(log.publicKey);
    expect(logIdOf(crypto, { protocol: parseProtocol(log.protocol), publicKey: keys.publicKey })).toBe(log.logID);
    expect(log.heads.length).toBe(8);
    for (const vector of log.heads) {
      const head = headFromWire(decode(LogHeadSchema, fromHex(vector.protobuf), 1000));
      expect(head.treeSize).toBe(vector.treeSize);
      expect(head.mhTreeSize).toBe(vector.mhTreeSize);
      expect(toHex(head.logRoot)).toBe(vector.logRoot);
      expect(toHex(head.mapRoot)).toBe(vector.mapRoot);
      expect(toHex(head.mhRoot)).toBe(vector.mhRoot);
      expect(toHex(headPreimage(head))).toBe(vector.preimage);
      expect(toHex(headDigest(crypto, head))).toBe(vector.signedDigest);
      expect(verifyHead(crypto, keys.publicKey, head)).toBe(vector.verify);
      expect(toHex(signHead(crypto, keys.seed, head).signature)).toBe(vector.signature);
      expect(toHex(encode(LogHeadSchema, headToWire(head)))).toBe(vector.protobuf);
    }
  });
}

test("a head survives the wire, whatever is in it", () => {
  fc.assert(
    fc.property(logHead, (head) => {
      expect(headFromWire(decode(LogHeadSchema, encode(LogHeadSchema, headToWire(head)), 1000))).toEqual(head);
    }),
  );
});

test("a signature stands for one head: a bit changed anywhere in head, key or signature and it is not verified", () => {
  const seed = crypto.sha256(fromBase64("AAAA"));
  const publicKey = crypto.ed25519PublicKey(seed);
  fc.assert(
    fc.property(logHead, fc.nat(), fc.nat(), (unsigned, which, bit) => {
      const head = signHead(crypto, seed, unsigned);
      expect(verifyHead(crypto, publicKey, head)).toBe(true);
      const flip = (bytes: Uint8Array) => {
        const out = Uint8Array.from(bytes);
        const at = bit % (8 * out.length);
        out[at >> 3]! ^= 1 << (at & 7);
        return out;
      };
      const other = [
        { ...head, logRoot: flip(head.logRoot) },
        { ...head, mapRoot: flip(head.mapRoot) },
        { ...head, mhRoot: flip(head.mhRoot) },
        { ...head, signature: flip(head.signature) },
        { ...head, treeSize: head.treeSize === 0 ? 1 : head.treeSize - 1 },
        { ...head, mhTreeSize: head.mhTreeSize === 0 ? 1 : head.mhTreeSize - 1 },
      ][which % 6]!;
      expect(verifyHead(crypto, publicKey, other)).toBe(false);
      expect(verifyHead(crypto, flip(publicKey), head)).toBe(false);
    }),
  );
});

test.each([
  ["LogRoot", { LogRoot: new Uint8Array(31) }, /^LogRoot: 31 bytes came, 32 wanted/],
  ["MapRoot", { MapRoot: new Uint8Array(33) }, /^MapRoot: 33 bytes came/],
  ["MHRoot", { MHRoot: new Uint8Array(0) }, /^MHRoot: 0 bytes came/],
  ["Signature", { Signature: new Uint8Array(63) }, /^Signature: 63 bytes came, 64 wanted/],
  ["TreeSize", { TreeSize: 2n ** 53n }, /^TreeSize: 9007199254740992 came, at most 9007199254740991 wanted/],
  ["MHTreeSize", { MHTreeSize: 2n ** 64n - 1n }, /^MHTreeSize: 18446744073709551615 came/],
])("a head with a wrong %s is refused by name", (_field, change, message) => {
  const [head] = fc.sample(logHead, 1);
  const wire = Object.assign(headToWire(head!), change);
  expect(() => headFromWire(decode(LogHeadSchema, encode(LogHeadSchema, wire), 1000))).toThrow(message);
});

test("a root of a wrong length is never signed", () => {
  const [head] = fc.sample(logHead, 1);
  fc.assert(
    fc.property(hash, (seed) => {
      expect(() => signHead(crypto, seed, { ...head!, mapRoot: new Uint8Array(20) })).toThrow(/^MapRoot: 20 bytes/);
    }),
    { numRuns: 3 },
  );
});
