/** Golden data of the existing program: every step, root and proof of `b-appendlog.json` and `b-kvlog.json`. */
import { readFileSync } from "node:fs";
import { fromHex, toHex, utf8 } from "@trustix/crypto";
import { expect, test } from "vitest";
import {
  EMPTY_ROOT,
  LogProofError,
  LogTree,
  LogTreeError,
  auditProof,
  consistencyProof,
  entryLeafHash,
  leafHash,
  rootAt,
  verifyConsistency,
  verifyInclusion,
} from "../../src/index.ts";
import { PREFIX, Records, crypto, packed, stored } from "./records.ts";

const load = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8"));

interface AppendLog {
  steps: { data: string; dataIsNil: boolean; index: number; leafDigest: string; root: string }[];
}
interface KvLog {
  leaves: { index: number; key: string; value: string; valueDigest: string; leafDigest: string }[];
  rootsBySize: string[];
  auditProofs: { index: number; size: number; proof: string[] }[];
  consistencyProofs: { first: number; second: number; proof: string[]; verify?: boolean | string }[];
  verifyCases: {
    case: string;
    oldSize: number;
    newSize: number;
    oldRoot: string;
    newRoot: string;
    proof: string[];
    result: boolean | string;
  }[];
}

const appendLog = load("b-appendlog.json") as AppendLog;
const kvLog = load("b-kvlog.json") as KvLog;
const kvLeaves = kvLog.leaves.map((leaf) => fromHex(leaf.leafDigest));
const kv = stored(kvLeaves);

test("leaf digests and roots of plain appends are those of the existing program", () => {
  const records = new Records();
  const tree = records.run(LogTree.open(crypto, PREFIX, 0));
  expect(appendLog.steps).toHaveLength(33);
  for (const step of appendLog.steps) {
    // Its one step with nil data hashes nothing at all; no caller of ours can ask for that leaf.
    if (!step.dataIsNil) expect(toHex(leafHash(crypto, fromHex(step.data)))).toBe(step.leafDigest);
    else expect(toHex(EMPTY_ROOT(crypto))).toBe(step.leafDigest);
    expect(tree.size).toBe(step.index);
    records.write(tree.append(fromHex(step.leafDigest)));
    expect(toHex(tree.root())).toBe(step.root);
  }
});

test("leaf digests of key and value are those of the existing program", () => {
  expect(kvLog.leaves).toHaveLength(64);
  for (const [i, leaf] of kvLog.leaves.entries()) {
    expect(fromHex(leaf.key)).toEqual(utf8(`key-${i}`));
    expect(toHex(crypto.sha256(fromHex(leaf.value)))).toBe(leaf.valueDigest);
    expect(toHex(entryLeafHash(crypto, fromHex(leaf.key), fromHex(leaf.valueDigest)))).toBe(leaf.leafDigest);
  }
});

test("roots of all sizes 0..64, from memory while growing and from tiles afterwards", () => {
  const growing = new Records();
  const tree = growing.run(LogTree.open(crypto, PREFIX, 0));
  expect(kvLog.rootsBySize).toHaveLength(65);
  for (const [size, root] of kvLog.rootsBySize.entries()) {
    if (size > 0) growing.write(tree.append(kvLeaves[size - 1]!));
    expect(toHex(tree.root())).toBe(root);
    expect(toHex(kv.records.run(rootAt(crypto, PREFIX, size)))).toBe(root);
  }
});

test("audit proofs inside the tree are equal and hold; outside the tree they are an error, not an empty proof", () => {
  let inside = 0;
  for (const { index, size, proof } of kvLog.auditProofs) {
    const ask = (): Uint8Array[] => kv.records.run(auditProof(crypto, PREFIX, index, size));
    // Its path is the whole stored tree, so the tiles answer; whoever serves the tree bounds the size asked for.
    if (index === 64 && size === 65) continue;
    if (index >= size || size > 64) {
      expect(ask).toThrow(LogTreeError);
      continue;
    }
    inside++;
    expect(ask().map(toHex)).toEqual(proof);
    verifyInclusion(crypto, {
      index,
      size,
      leaf: kvLeaves[index]!,
      root: fromHex(kvLog.rootsBySize[size]!),
      proof: proof.map(fromHex),
    });
  }
  expect(inside).toBeGreaterThan(300);
});

test("consistency proofs inside the tree are equal and hold; backwards or beyond it they are an error", () => {
  let inside = 0;
  for (const { first, second, proof } of kvLog.consistencyProofs) {
    const ask = (): Uint8Array[] => kv.records.run(consistencyProof(crypto, PREFIX, first, second));
    if (first > second) {
      expect(ask).toThrow(LogTreeError);
      continue;
    }
    if (first === 0) {
      // Asked at first contact; empty at whatever second size.
      expect(ask()).toEqual([]);
      continue;
    }
    if (second > 64) {
      expect(ask).toThrow(LogTreeError);
      continue;
    }
    inside++;
    expect(ask().map(toHex)).toEqual(proof);
    verifyConsistency(crypto, {
      first,
      second,
      firstRoot: fromHex(kvLog.rootsBySize[first]!),
      secondRoot: fromHex(kvLog.rootsBySize[second]!),
      proof: proof.map(fromHex),
    });
  }
  expect(inside).toBeGreaterThan(500);
});

test("good and bad consistency proofs: what crashed or slipped through there is refused here", () => {
  const accepted: string[] = [];
  for (const c of kvLog.verifyCases) {
    const check = (): void =>
      verifyConsistency(crypto, {
        first: c.oldSize,
        second: c.newSize,
        firstRoot: fromHex(c.oldRoot),
        secondRoot: fromHex(c.newRoot),
        proof: c.proof.map(fromHex),
      });
    try {
      check();
      accepted.push(c.case);
    } catch (error) {
      expect(error, c.case).toBeInstanceOf(LogProofError);
    }
  }
  // Two verdicts differ from the existing program's: a surplus node in front, and a first root that is not the empty
  // tree's although the first size is 0.
  expect(accepted).toEqual(
    kvLog.verifyCases
      .filter((c) => c.result === true && c.case !== "extra node at front" && c.case !== "old size 0, anything goes")
      .map((c) => c.case),
  );
});

test("packed leaves appended in one go give the same tree as one by one", () => {
  expect(toHex(kv.tree.root())).toBe(kvLog.rootsBySize[64]);
  expect(packed(kvLeaves)).toHaveLength(64 * 32);
});
