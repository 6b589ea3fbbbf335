/** Proofs that were tampered with in any way are refused, by reason, at bounded cost. */
import { toHex } from "@trustix/crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  EMPTY_ROOT,
  LogProofError,
  auditProof,
  consistencyProof,
  inclusionDetour,
  inclusionFromConsistency,
  rootAt,
  verifyConsistency,
  verifyInclusion,
} from "../../src/index.ts";
import type { ConsistencyClaim, InclusionClaim, LogProofReason } from "../../src/index.ts";
import { PREFIX, crypto, someLeaves, stored } from "./records.ts";

const SLOW = Number(process.env["SLOW"] ?? "1");
const SIZE = 600;
const leaves = someLeaves(SIZE);
const { records } = stored(leaves);
const root = (size: number): Uint8Array => records.run(rootAt(crypto, PREFIX, size));

const flip = (hash: Uint8Array, bit: number): Uint8Array => {
  const out = hash.slice();
  out[bit >> 3]! ^= 1 << (bit & 7);
  return out;
};

/** Every way to change a list of nodes by one step. */
interface Mutation {
  kind: "flip" | "drop" | "insert" | "shorten" | "swap";
  at: number;
  bit: number;
}
const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom("flip", "drop", "insert", "shorten", "swap"),
  at: fc.nat(60),
  bit: fc.nat(255),
});

function mutate(nodes: readonly Uint8Array[], m: Mutation): Uint8Array[] {
  const out = [...nodes];
  const at = out.length === 0 ? 0 : m.at % out.length;
  if (out.length === 0 || m.kind === "insert") out.splice(at, 0, new Uint8Array(32).fill(7));
  else if (m.kind === "flip") out[at] = flip(out[at]!, m.bit);
  else if (m.kind === "drop") out.splice(at, 1);
  else if (m.kind === "shorten") out[at] = out[at]!.subarray(0, 31);
  else if (out.length === 1) out[0] = flip(out[0]!, 0);
  else [out[at], out[(at + 1) % out.length]] = [out[(at + 1) % out.length]!, out[at]!];
  return out;
}

test("a mutated inclusion proof is refused", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: SIZE }), fc.nat(), mutation, (size, pick, change) => {
      const index = pick % size;
      const proof = records.run(auditProof(crypto, PREFIX, index, size));
      const claim: InclusionClaim = { index, size, leaf: leaves[index]!, root: root(size), proof };
      verifyInclusion(crypto, claim);
      expect(() => verifyInclusion(crypto, { ...claim, proof: mutate(proof, change) })).toThrow(LogProofError);
      expect(() => verifyInclusion(crypto, { ...claim, leaf: flip(claim.leaf, 3) })).toThrow(LogProofError);
      expect(() => verifyInclusion(crypto, { ...claim, root: flip(claim.root, 3) })).toThrow(LogProofError);
    }),
    { numRuns: 300 * SLOW },
  );
});

test("a mutated consistency proof is refused", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: SIZE }), fc.nat(), mutation, (second, pick, change) => {
      const first = pick % (second + 1);
      const proof = records.run(consistencyProof(crypto, PREFIX, first, second));
      const claim: ConsistencyClaim = { first, second, firstRoot: root(first), secondRoot: root(second), proof };
      verifyConsistency(crypto, claim);
      expect(() => verifyConsistency(crypto, { ...claim, proof: mutate(proof, change) })).toThrow(LogProofError);
      expect(() => verifyConsistency(crypto, { ...claim, firstRoot: flip(claim.firstRoot, 9) })).toThrow(LogProofError);
      if (first > 0) {
        const secondRoot = flip(claim.secondRoot, 9);
        expect(() => verifyConsistency(crypto, { ...claim, secondRoot })).toThrow(LogProofError);
      }
    }),
    { numRuns: 300 * SLOW },
  );
});

const nodes = (count: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(32));

test.each<[string, Partial<ConsistencyClaim>, LogProofReason]>([
  ["backwards", { first: 8, second: 7 }, "bad_range"],
  ["a negative size", { first: -1 }, "bad_range"],
  ["a size no integer is exact for", { second: 2 ** 53 }, "bad_range"],
  ["not a number", { second: Number.NaN }, "bad_range"],
  ["a short root", { firstRoot: new Uint8Array(31) }, "bad_hash"],
  ["a million nodes", { proof: nodes(1_000_000) }, "wrong_length"],
  ["no nodes", { proof: [] }, "wrong_length"],
  ["a long node", { proof: [new Uint8Array(33), ...nodes(5)] }, "bad_hash"],
  ["an empty tree with another root", { first: 0, proof: [] }, "wrong_root"],
  ["nodes beside an empty tree", { first: 0, firstRoot: EMPTY_ROOT(crypto) }, "wrong_length"],
  ["equal sizes, other roots", { first: 20, proof: [] }, "wrong_root"],
  ["the largest sizes there are", { first: 2 ** 52 + 1, second: 2 ** 53 - 1, proof: nodes(54) }, "wrong_root"],
])("consistency with %s is refused by reason", (_, change, reason) => {
  const claim = { first: 7, second: 20, firstRoot: root(7), secondRoot: root(20), proof: nodes(6), ...change };
  expect(() => verifyConsistency(crypto, claim)).toThrow(expect.objectContaining({ reason }) as Error);
});

test("for every entry of every size 1..64 the detour over a consistency proof gives the audit path", () => {
  for (let size = 1; size <= 64; size++) {
    const signed = root(size);
    for (let index = 0; index < size; index++) {
      const detour = inclusionDetour(index, size);
      const proof = detour.first === undefined ? [] : records.run(consistencyProof(crypto, PREFIX, detour.first, size));
      const leafZero = detour.needsLeafZero ? leaves[0]! : undefined;
      const leaf = leaves[index]!;
      const path = inclusionFromConsistency(crypto, { index, size, leaf, proof, leafZero });
      expect(path.map(toHex)).toEqual(records.run(auditProof(crypto, PREFIX, index, size)).map(toHex));
      verifyInclusion(crypto, { index, size, leaf, root: signed, proof: path });
    }
  }
});

test("the detour asks for odd first sizes only, and for leaf 0 only where a proof from 1 leaves it out", () => {
  const asks: string[] = [];
  for (let size = 1; size <= 64; size++) {
    for (let index = 0; index < size; index++) {
      const { first, needsLeafZero } = inclusionDetour(index, size);
      if (first === undefined) expect(size).toBe(1);
      else expect(first % 2).toBe(1);
      if (needsLeafZero) asks.push(index === 1 ? "index 1" : `index ${index} of ${size}`);
    }
  }
  expect([...new Set(asks)]).toEqual(["index 1", "index 2 of 3"]);
});

test("the detour refuses a proof that shows another leaf, or is too short", () => {
  for (const [index, size] of [
    [4, 9],
    [5, 9],
    [8, 9],
    [2, 3],
    [1, 5],
  ] as const) {
    const { first, needsLeafZero } = inclusionDetour(index, size);
    const proof = records.run(consistencyProof(crypto, PREFIX, first!, size));
    const input = { index, size, leaf: leaves[100]!, proof, leafZero: needsLeafZero ? leaves[0]! : undefined };
    const reason = (expected: LogProofReason): Error => expect.objectContaining({ reason: expected }) as Error;
    expect(() => inclusionFromConsistency(crypto, input)).toThrow(reason("wrong_leaf"));
    expect(() => inclusionFromConsistency(crypto, { ...input, proof: proof.slice(1) })).toThrow(reason("wrong_length"));
  }
});
