/** What proves that a log rewrote its history, for every pair of sizes up to 64. */
import { expect, test } from "vitest";
import {
  consistencyProof,
  leafInDetour,
  inclusionDetour,
  rewriteDetour,
  rootAt,
  rootShownBy,
} from "../../src/index.ts";
import { PREFIX, crypto, someLeaves, stored } from "./records.ts";

const leaves = someLeaves(64);
const { records } = stored(leaves);
const root = (size: number): Uint8Array => records.run(rootAt(crypto, PREFIX, size));
const proofOf = (first: number, second: number): Uint8Array[] =>
  records.run(consistencyProof(crypto, PREFIX, first, second));

test("the nodes of an honest proof show the true smaller root, so that any other signed one is refuted", () => {
  for (let second = 2; second <= 64; second++) {
    for (let first = 1; first < second; first++) {
      const { asked, needsLeafZero } = rewriteDetour(first, second);
      const input = { first, second, secondRoot: root(second), proof: proofOf(asked, second) };
      const shown = rootShownBy(crypto, { ...input, leafZero: needsLeafZero ? leaves[0] : undefined });
      expect(shown, `${first} of ${second}`).toEqual(root(first));
    }
  }
});

test("nodes that do not lead to the signed root show nothing", () => {
  const proof = proofOf(7, 20);
  const input = { first: 7, second: 20, secondRoot: root(20), proof };
  expect(rootShownBy(crypto, { ...input, secondRoot: root(21) })).toBeUndefined();
  expect(rootShownBy(crypto, { ...input, proof: proof.slice(1) })).toBeUndefined();
  expect(rootShownBy(crypto, { ...input, proof: proof.with(0, root(3)) })).toBeUndefined();
  expect(rootShownBy(crypto, { ...input, proof: proof.with(0, new Uint8Array(31)) })).toBeUndefined();
  expect(rootShownBy(crypto, { first: 1, second: 2, secondRoot: root(2), proof: proofOf(1, 2) })).toBeUndefined();
  expect(() => rewriteDetour(3, 3)).toThrow("no tree of 3 leaves grew from one of 3");
});

test("the leaf that a detour's proof holds can be named before it is known", () => {
  for (let size = 2; size <= 64; size++) {
    for (let index = 0; index < size; index++) {
      const { first } = inclusionDetour(index, size);
      const leaf = leafInDetour(index, size, proofOf(first!, size));
      if (index === 0) expect(leaf).toBeUndefined();
      else expect(leaf).toEqual(leaves[index]);
    }
  }
  expect(leafInDetour(0, 1, [])).toBeUndefined();
  expect(leafInDetour(5, 9, [])).toBeUndefined();
});
