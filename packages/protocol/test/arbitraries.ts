/** fast-check arbitraries of this package's types, for its own tests and for those of packages above. */
import fc from "fast-check";
import type { MapProof } from "@trustix/merkle";
import { nodeCrypto } from "@trustix/node-crypto";
import {
  keyPairOfSeed,
  logIdOf,
  logLeafDigest,
  PROTOCOLS,
  type KeyPair,
  type LogHead,
  type LogInfo,
  type LogLeaf,
  type MapEntry,
  type NixValue,
  type SignedCall,
  type Vote,
} from "../src/index.ts";

const crypto = nodeCrypto();

const size = fc.maxSafeNat();
export const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });

export const logHead: fc.Arbitrary<LogHead> = fc.record({
  logRoot: hash,
  treeSize: size,
  mapRoot: hash,
  mhRoot: hash,
  mhTreeSize: size,
  signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
});

export const keyPair: fc.Arbitrary<KeyPair> = hash.map((seed) => keyPairOfSeed(crypto, seed));

export const logInfo: fc.Arbitrary<LogInfo> = fc
  .record({
    protocol: fc.constantFrom(...PROTOCOLS),
    keys: keyPair,
    meta: fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { noNullPrototype: true }),
  })
  .map(({ protocol, keys, meta }) => ({
    id: logIdOf(crypto, { protocol, publicKey: keys.publicKey }),
    protocol,
    publicKey: keys.publicKey,
    meta,
  }));

export const logId = logInfo.map((info) => info.id);

export const mapEntry: fc.Arbitrary<MapEntry> = fc.record({ digest: hash, index: size });

/** A leaf of a log, or one of a map-head log. */
export const logLeaf: fc.Arbitrary<LogLeaf> = fc.oneof(
  fc
    .record({ key: fc.uint8Array({ maxLength: 100 }), valueDigest: hash })
    .map(({ key, valueDigest }) => ({ key, valueDigest, leafDigest: logLeafDigest(crypto, key, valueDigest) })),
  hash.map((leafDigest) => ({ key: undefined, valueDigest: undefined, leafDigest })),
);

/** Bounded as a map proof must be, and nothing more. */
export const mapProof: fc.Arbitrary<MapProof> = fc.record({
  sideNodes: fc.array(hash, { maxLength: 5 }),
  nonMembershipLeafData: fc.option(fc.uint8Array({ maxLength: 70 }), { nil: undefined }),
  bitMask: fc.uint8Array({ maxLength: 32 }),
  numSideNodes: fc.nat(256),
});

export const storePath: fc.Arbitrary<string> = fc
  .record({
    digits: fc.stringMatching(/^[0-9a-df-np-sv-z]{32}$/),
    name: fc.stringMatching(/^[0-9A-Za-z+\-._?=]{1,40}$/),
  })
  .map(({ digits, name }) => `/nix/store/${digits}-${name}`);

export const nixValue: fc.Arbitrary<NixValue> = fc.record({
  path: storePath,
  narHash: hash.map((bytes) => `sha256-${Buffer.from(bytes).toString("base64")}`),
  narSize: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  references: fc.uniqueArray(storePath, { maxLength: 5 }).map((paths) => paths.sort()),
});

// names without control characters
export const tokenName = fc.stringMatching(/^[^:\u0000-\u001f\u007f]{1,40}$/u);

export const vote: fc.Arbitrary<Vote> = fc
  .record({
    logId,
    outcome: fc.constantFrom("claims", "absent", "unreachable", "unverifiable", "stale", "excluded"),
    digest: hash,
    reason: fc.string(),
  })
  .map(({ outcome, digest, ...rest }) => ({ ...rest, outcome, digest: outcome === "claims" ? digest : undefined }));

/** A call that a token's holder might make. */
export const callToSign: fc.Arbitrary<Omit<SignedCall, "name">> = fc.record({
  procedure: fc.stringMatching(/^\/[a-z_]{1,20}\.v1\.[A-Za-z]{1,20}\/[A-Za-z]{1,20}$/),
  audience: fc.oneof(
    fc.constant("local"),
    fc.tuple(fc.domain(), fc.nat(65_535)).map(([host, port]) => `${host}:${port}`),
  ),
  time: fc.nat(999_999_999_999_999),
  nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  bodyDigest: hash,
});
