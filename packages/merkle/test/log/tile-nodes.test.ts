/** Kept nodes of tiles: proofs come out the same, and cost nothing the second time. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { TileNodes, auditProof, consistencyProof } from "../../src/log/index.ts";
import { PREFIX, crypto, packed, someLeaves, stored } from "./records.ts";

const leaves = someLeaves(1500);

test("proofs with kept nodes are those without, at any size, while the tree grows", () => {
  const { records, tree } = stored(leaves.slice(0, 300));
  const kept = new TileNodes(3);
  const sizes = fc.array(fc.record({ grow: fc.nat(150), a: fc.nat(), b: fc.nat() }), { minLength: 5, maxLength: 12 });
  fc.assert(
    fc.property(sizes, (steps) => {
      for (const { grow, a, b } of steps) {
        const more = leaves.slice(tree.size, tree.size + (grow % 40));
        if (more.length > 0) records.write(tree.append(packed(more)));
        const size = 1 + (a % tree.size);
        const other = b % size;
        expect(records.run(auditProof(crypto, PREFIX, other, size, kept))).toEqual(
          records.run(auditProof(crypto, PREFIX, other, size)),
        );
        expect(records.run(consistencyProof(crypto, PREFIX, other, size, kept))).toEqual(
          records.run(consistencyProof(crypto, PREFIX, other, size)),
        );
      }
    }),
    { numRuns: 40 },
  );
});

test("a proof out of kept tiles reads nothing, until the tree has outgrown them", () => {
  const { records, tree } = stored(leaves.slice(0, 700));
  const kept = new TileNodes();
  const reads = (index: number, size: number): number => {
    const before = records.requests;
    records.run(auditProof(crypto, PREFIX, index, size, kept));
    return records.requests - before;
  };
  expect(reads(5, 700)).toBeGreaterThan(0);
  for (const index of [0, 5, 100, 255]) expect(reads(index, 700)).toBe(0);
  expect(reads(200, 690)).toBe(0);
  records.write(tree.append(packed(leaves.slice(700, 710))));
  expect(reads(5, 710)).toBeGreaterThan(0);
  expect(reads(5, 710)).toBe(0);
});

test("the tile used longest ago goes first", () => {
  const kept = new TileNodes(2);
  const place = (tile: number) => ({ level: 0, tile, offset: 0, count: 1 });
  const isKept = (tile: number): boolean => kept.find(place(tile)) !== undefined;
  for (const tile of [0, 1]) kept.keep(crypto, place(tile), packed(leaves.slice(0, 3)));
  expect(isKept(0)).toBe(true);
  kept.keep(crypto, place(2), packed(leaves.slice(0, 3)));
  expect([0, 1, 2].filter(isKept)).toEqual([0, 2]);
});
