/** Proofs that were tampered with in any way are refused, by reason, and nothing else is ever thrown. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { MapProofError, verifyAbsence, verifyPresence } from "../../src/index.ts";
import type { MapProof, MapProofReason } from "../../src/index.ts";
import { checked, crypto, forkedPath, pathOf, runs, valueHashOf, World } from "./world.ts";

const world = new World();
const lonely = forkedPath(pathOf(0), 40, pathOf(500));
world.append([...Array.from({ length: 300 }, (_, i) => pathOf(i)), lonely]);
const at = world.latest;

interface Case {
  path: Uint8Array;
  proof: MapProof;
  verify: (proof: MapProof, path?: Uint8Array, root?: Uint8Array) => void;
}

const CASES: Case[] = Array.from({ length: 400 }, (_, i) => {
  const path = i === 399 ? lonely : pathOf(i);
  const answer = world.prove(path, at);
  const proof = checked(answer, path, at);
  const verify: Case["verify"] = (proof, asked = path, root = at.root) =>
    answer.kind === "present"
      ? verifyPresence(crypto, root, asked, valueHashOf(path), proof)
      : verifyAbsence(crypto, root, asked, proof);
  return { path, proof, verify };
});
const present = CASES[0]!;
const beside = CASES.find(({ proof }) => proof.nonMembershipLeafData !== undefined)!;
const nothing = CASES.slice(300, 399).find(({ proof }) => proof.nonMembershipLeafData === undefined)!;

const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
  const out = bytes.slice();
  out[(bit >> 3) % out.length]! ^= 1 << (bit & 7);
  return out;
};

test("the unchanged proofs hold, those of long shared paths with placeholders too", () => {
  for (const { proof, verify } of CASES) verify(proof);
  expect(CASES[399]!.proof.numSideNodes).toBe(41);
  expect(CASES[399]!.proof.sideNodes.length).toBeLessThan(15);
});

test("a proof with any one bit of it changed is refused", () => {
  const bits = fc.record({
    which: fc.constantFrom(present, beside, nothing, CASES[399]!),
    bit: fc.nat(),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(
      bits,
      fc.constantFrom("side", "mask", "leaf", "path", "root", "count"),
      ({ which, bit, pick }, field) => {
        const { proof, path, verify } = which;
        const { sideNodes, bitMask, nonMembershipLeafData: leaf, numSideNodes } = proof;
        const changed =
          (part: Partial<MapProof>): (() => void) =>
          () =>
            verify({ ...proof, ...part });
        const node = pick % sideNodes.length;
        const count = pick % 2 === 0 ? numSideNodes + 1 + (bit % 300) : numSideNodes - 1 - (bit % 300);
        const attempt = {
          side: changed({ sideNodes: sideNodes.with(node, flip(sideNodes[node]!, bit)) }),
          mask: changed({ bitMask: flip(bitMask, bit) }),
          leaf: changed({ nonMembershipLeafData: leaf === undefined ? new Uint8Array(65) : flip(leaf, bit) }),
          // Bits of an absent path behind the proof's end may be any: the proof is of them all.
          path: () => verify(proof, flip(path, (bit % numSideNodes) ^ 7)),
          root: () => verify(proof, path, flip(at.root, bit)),
          count: changed({ numSideNodes: count }),
        }[field];
        expect(attempt).toThrow(MapProofError);
      },
    ),
    runs(1500),
  );
});

const absent =
  (proof: MapProof): (() => void) =>
  () =>
    beside.verify(proof);
const told =
  (proof: MapProof): (() => void) =>
  () =>
    present.verify(proof);
const node = new Uint8Array(32).fill(1);
const own = Uint8Array.of(0, ...beside.path, ...node);
const far = Uint8Array.of(0, ...flip(beside.path, 7), ...node);
const REFUSALS: [string, MapProofReason, () => void][] = [
  ["257 side nodes", "too_deep", absent({ ...beside.proof, sideNodes: Array(257).fill(node) })],
  ["a count of 257", "too_deep", absent({ ...beside.proof, numSideNodes: 257 })],
  ["a negative count", "bad_shape", absent({ ...beside.proof, numSideNodes: -1 })],
  ["a fraction as count", "bad_shape", absent({ ...beside.proof, numSideNodes: 1.5 })],
  ["no number as count", "bad_shape", absent({ ...beside.proof, numSideNodes: Number.NaN })],
  [
    "a side node of 31 bytes",
    "bad_shape",
    told({ ...present.proof, sideNodes: present.proof.sideNodes.with(0, node.subarray(1)) }),
  ],
  ["a mask too short", "bad_mask", absent({ ...beside.proof, bitMask: new Uint8Array(0) })],
  ["a mask too long", "bad_mask", absent({ ...beside.proof, bitMask: Uint8Array.of(...beside.proof.bitMask, 0) })],
  ["a mask that disagrees", "bad_mask", told({ ...present.proof, sideNodes: present.proof.sideNodes.slice(1) })],
  [
    "a zero as side node",
    "not_canonical",
    told({ ...present.proof, sideNodes: present.proof.sideNodes.with(0, new Uint8Array(32)) }),
  ],
  ["leaf data of 64 bytes", "bad_leaf_data", absent({ ...beside.proof, nonMembershipLeafData: new Uint8Array(64) })],
  [
    "present but empty leaf data",
    "bad_leaf_data",
    absent({ ...beside.proof, nonMembershipLeafData: new Uint8Array(0) }),
  ],
  ["leaf data of an inner node", "bad_leaf_data", absent({ ...beside.proof, nonMembershipLeafData: far.with(0, 1) })],
  ["the path's own leaf", "own_leaf_data", absent({ ...beside.proof, nonMembershipLeafData: own })],
  ["a leaf that lies elsewhere", "foreign_leaf_data", absent({ ...beside.proof, nonMembershipLeafData: far })],
  ["leaf data for presence", "unwanted_leaf_data", told({ ...present.proof, nonMembershipLeafData: far })],
  [
    "empty leaf data for presence",
    "unwanted_leaf_data",
    told({ ...present.proof, nonMembershipLeafData: new Uint8Array(0) }),
  ],
  ["a path of 31 bytes", "bad_shape", () => present.verify(present.proof, new Uint8Array(31))],
  ["a root of no bytes", "bad_shape", () => present.verify(present.proof, present.path, new Uint8Array(0))],
  ["another's value", "wrong_root", () => verifyPresence(crypto, at.root, present.path, node, present.proof)],
  [
    "a value hash of 20 bytes",
    "bad_shape",
    () => verifyPresence(crypto, at.root, present.path, new Uint8Array(20), present.proof),
  ],
  ["absence of what is there", "wrong_root", () => verifyAbsence(crypto, at.root, present.path, present.proof)],
];
test.each(REFUSALS)("refused: %s (%s)", (_, reason, verify) => {
  expect(verify).toThrow(expect.objectContaining({ name: "MapProofError", reason }));
});

test("any bytes in any field give a MapProofError and nothing else", () => {
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ minLength: 32, maxLength: 32 }));
  const anyProof: fc.Arbitrary<MapProof> = fc.record({
    sideNodes: fc.array(bytes, { maxLength: 300 }),
    nonMembershipLeafData: fc.option(fc.oneof(bytes, fc.uint8Array({ minLength: 65, maxLength: 65 })), {
      nil: undefined,
    }),
    bitMask: bytes,
    numSideNodes: fc.oneof(fc.nat(300), fc.double(), fc.integer()),
  });
  fc.assert(
    fc.property(bytes, bytes, bytes, anyProof, (root, path, value, proof) => {
      expect(() => verifyPresence(crypto, root, path, value, proof)).toThrow(MapProofError);
      expect(() => verifyAbsence(crypto, root, path, proof)).toThrow(MapProofError);
    }),
    runs(500),
  );
});
