/** The tiled tree against the literal RFC 6962, the C2SP layout, and every way of splitting an append. */
import { fromBase64, fromHex, toHex } from "@trustix/crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  LogTree,
  LogTreeError,
  auditProof,
  consistencyProof,
  leafHash,
  rootAt,
  verifyConsistency,
  verifyInclusion,
} from "../../src/index.ts";
import { PREFIX, Records, crypto, packed, rememberingCrypto, someLeaves, stored } from "./records.ts";
import { memoised, mth, path, proof } from "./reference.ts";

const SLOW = Number(process.env["SLOW"] ?? "1");

const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

test("the published RFC 6962 leaves give the published roots and proofs", () => {
  const leaves = LEAVES.map((hex) => leafHash(crypto, fromHex(hex)));
  const { records } = stored(leaves);
  for (const [size, root] of ROOTS.entries()) {
    expect(toHex(records.run(rootAt(crypto, PREFIX, size)))).toBe(root);
    expect(toHex(mth(leaves.slice(0, size)))).toBe(root);
  }
  const hashes = (...texts: string[]): Uint8Array[] => texts.map(fromBase64);
  const toRoot = hashes(
    "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
    "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
    "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
  );
  expect(records.run(auditProof(crypto, PREFIX, 0, 8))).toEqual(toRoot);
  expect(records.run(consistencyProof(crypto, PREFIX, 1, 8))).toEqual(toRoot);
  expect(records.run(auditProof(crypto, PREFIX, 2, 3))).toEqual(hashes("+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU="));
  expect(records.run(consistencyProof(crypto, PREFIX, 4, 8))).toEqual(toRoot.slice(2));
});

test(
  "roots, audit paths and consistency proofs of all sizes 0..300 are those of the RFC, and verify",
  { timeout: 120_000 },
  () => {
    const leaves = someLeaves(300);
    const { records } = stored(leaves);
    const reference = memoised(leaves);
    const quick = rememberingCrypto();
    // The remembering reference is itself the literal one.
    for (const [m, n] of [
      [1, 2],
      [5, 7],
      [128, 129],
      [6, 64],
    ] as const) {
      expect(reference.proof(m, n)).toEqual(proof(m, leaves.slice(0, n)));
      expect(reference.path(m, n)).toEqual(path(m, leaves.slice(0, n)));
    }
    for (let n = 0; n <= 300; n++) {
      const root = reference.root(n);
      expect(records.run(rootAt(quick, PREFIX, n))).toEqual(root);
      for (let m = 0; m <= n; m++) {
        const consistency = records.run(consistencyProof(quick, PREFIX, m, n));
        same(consistency, m === 0 ? [] : reference.proof(m, n), `consistency ${m} ${n}`);
        verifyConsistency(quick, {
          first: m,
          second: n,
          firstRoot: reference.root(m),
          secondRoot: root,
          proof: consistency,
        });
        if (m === n) continue;
        const audit = records.run(auditProof(quick, PREFIX, m, n));
        same(audit, reference.path(m, n), `audit ${m} ${n}`);
        verifyInclusion(quick, { index: m, size: n, leaf: leaves[m]!, root, proof: audit });
      }
    }
  },
);

/** 90 000 comparisons: `toEqual` would take a minute. */
function same(got: Uint8Array[], wanted: Uint8Array[], what: string): void {
  if (got.length !== wanted.length || got.some((hash, i) => Buffer.compare(hash, wanted[i]!) !== 0)) {
    expect(got, what).toEqual(wanted);
  }
}

test("however an append is split and reopened, the records and the root are the same", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 5 }), fc.boolean(), (sizes, reopen) => {
      const total = sizes.reduce((a, b) => a + b, 0);
      const leaves = someLeaves(total);
      const once = stored(leaves);
      const records = new Records();
      let tree = records.run(LogTree.open(crypto, PREFIX, 0));
      let at = 0;
      for (const size of sizes) {
        records.write(tree.append(packed(leaves.slice(at, at + size))));
        at += size;
        if (reopen) tree = records.run(LogTree.open(crypto, PREFIX, at));
      }
      expect(tree.size).toBe(total);
      expect(tree.root()).toEqual(once.tree.root());
      expect(records.map).toEqual(once.records.map);
    }),
    { numRuns: 30 * SLOW },
  );
});

test("tiles lie as C2SP says: 70 000 leaves are 273 full tiles and 112 hashes, 1 full and 17, and 1", () => {
  const leaves = someLeaves(70_000);
  const { records } = stored(leaves);
  const widths = (level: number): number[] =>
    [...records.map]
      .filter(([key]) => key.startsWith(toHex(PREFIX) + level.toString(16).padStart(2, "0")))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, tile]) => tile.length / 32);
  expect(widths(0)).toEqual([...Array.from({ length: 273 }, () => 256), 112]);
  expect(widths(1)).toEqual([256, 17]);
  expect(widths(2)).toEqual([1]);
  expect(widths(3)).toEqual([]);
  const second = records.map.get(`${toHex(PREFIX)}00000000000001`)!;
  expect(second.subarray(0, 32)).toEqual(leaves[256]);
  const above = records.map.get(`${toHex(PREFIX)}01000000000000`)!;
  expect(above.subarray(32, 64)).toEqual(mth(leaves.slice(256, 512)));
  const top = records.map.get(`${toHex(PREFIX)}02000000000000`)!;
  expect(top).toEqual(mth(leaves.slice(0, 65_536)));
});

test("a full tree of 256 has one full tile and one hash above it; no empty tile is ever written", () => {
  const { records } = stored(someLeaves(256));
  expect([...records.map.values()].map((tile) => tile.length).toSorted((a, b) => a - b)).toEqual([32, 8192]);
});

test("an append changes only the right edge", () => {
  const { tree } = stored(someLeaves(600));
  const changed = tree.append(packed(someLeaves(1))).map(([key]) => toHex(key).slice(toHex(PREFIX).length));
  expect(changed).toEqual(["00000000000002"]);
});

test("tiles of a larger tree open and prove a smaller one", () => {
  const leaves = someLeaves(1000);
  const { records } = stored(leaves);
  const tree = records.run(LogTree.open(crypto, PREFIX, 517));
  expect(tree.root()).toEqual(mth(leaves.slice(0, 517)));
});

test("every operation reads in one request", () => {
  const { records } = stored(someLeaves(70_000));
  for (const operation of [
    rootAt(crypto, PREFIX, 69_999),
    auditProof(crypto, PREFIX, 12_345, 69_999),
    consistencyProof(crypto, PREFIX, 12_345, 69_999),
    LogTree.open(crypto, PREFIX, 69_999),
  ]) {
    records.requests = 0;
    records.run<unknown>(operation);
    expect(records.requests).toBe(1);
  }
});

test.each([
  ["a negative size", () => rootAt(crypto, PREFIX, -1), "out_of_range"],
  ["half a leaf", () => auditProof(crypto, PREFIX, 0.5, 4), "out_of_range"],
  ["an index outside", () => auditProof(crypto, PREFIX, 4, 4), "out_of_range"],
  ["backwards", () => consistencyProof(crypto, PREFIX, 4, 3), "out_of_range"],
  ["a size above the stored one", () => rootAt(crypto, PREFIX, 11), "bad_record"],
  ["a tile that is not there", () => rootAt(crypto, PREFIX, 300), "missing_record"],
  ["opening above the stored size", () => LogTree.open(crypto, PREFIX, 11), "bad_record"],
  ["opening what is not there", () => LogTree.open(crypto, PREFIX, 300), "missing_record"],
] as const)("%s is refused by code", (_, operation, code) => {
  const { records } = stored(someLeaves(10));
  let caught: unknown;
  try {
    records.run<unknown>(operation());
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(LogTreeError);
  expect((caught as LogTreeError).code).toBe(code);
});

test("leaf hashes that are not whole are refused", () => {
  const { tree } = stored([]);
  expect(() => tree.append(new Uint8Array(33))).toThrow("leaf hashes are 32 bytes each, got 33 bytes");
});
