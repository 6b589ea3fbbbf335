/** Golden data of the existing program: every step, root and proof of `c-smt.json`. */
import { readFileSync } from "node:fs";
import { fromHex, toHex } from "@trustix/crypto";
import { expect, test } from "vitest";
import {
  EMPTY_MAP_ROOT,
  MapProofError,
  SparseMap,
  absenceBeside,
  mapLeafHash,
  verifyAbsence,
  verifyPresence,
} from "../../src/index.ts";
import type { MapProof, MapProofReason, MapVersion, SparseMapOptions } from "../../src/index.ts";
import { Records } from "./records.ts";
import { ReferenceMap } from "./reference.ts";
import { BARE, crypto, PREFIX } from "./world.ts";

interface ProofData {
  bitMask: string;
  nonMembershipLeafData: string | null;
  numSideNodes: number;
  sideNodes: string[];
}
interface Vectors {
  steps: { step: number; op: string; path: string; root: string; valueHex: string }[];
  stepsBeforeDeletes: number;
  emptyTreeProof: ProofData & { root: string };
  proofs: (ProofData & { afterStep: number; key: string; member: boolean; root: string; value: string })[];
  malformed: (ProofData & { case: string; key: string; root: string; value: string; result: boolean })[];
}

const url = new URL("../vectors/c-smt.json", import.meta.url);
const vectors = JSON.parse(readFileSync(url, "utf8")) as Vectors;
const text = new TextEncoder();
const steps = vectors.steps.slice(0, vectors.stepsBeforeDeletes);
const inserts = steps.filter(({ op }) => op === "insert");
const CONFIGURATIONS: readonly SparseMapOptions[] = [
  {},
  BARE,
  { leavesPerSubtree: 1 },
  { ...BARE, leavesPerSubtree: 1 },
  { ...BARE, leavesPerSubtree: 8 },
];

function proofOf(data: ProofData): MapProof {
  return {
    sideNodes: data.sideNodes.map(fromHex),
    nonMembershipLeafData: data.nonMembershipLeafData === null ? undefined : fromHex(data.nonMembershipLeafData),
    bitMask: fromHex(data.bitMask),
    numSideNodes: data.numSideNodes,
  };
}

function dataOf(proof: MapProof): ProofData {
  const leaf = proof.nonMembershipLeafData;
  return {
    sideNodes: proof.sideNodes.map(toHex),
    nonMembershipLeafData: leaf === undefined ? null : toHex(leaf),
    bitMask: toHex(proof.bitMask),
    numSideNodes: proof.numSideNodes,
  };
}

/** Value hashes by path, in the order in which paths came, after so many steps. */
function contentsAfter(count: number): Map<string, Uint8Array> {
  const contents = new Map<string, Uint8Array>();
  for (const { path, op, valueHex } of vectors.steps.slice(0, count)) {
    if (op.startsWith("delete")) contents.delete(path);
    else contents.set(path, crypto.sha256(fromHex(valueHex)));
  }
  return contents;
}

interface Built {
  records: Records;
  map: SparseMap;
  versions: MapVersion[];
}

/** A map of these leaves, one a version or all at once. */
function build(contents: Map<string, Uint8Array>, options: SparseMapOptions, batch: number): Built {
  const records = new Records();
  const map = records.run(SparseMap.open(crypto, PREFIX, undefined, options));
  const versions = [records.run(map.apply([], 0)).at];
  const leaves = [...contents].map(([path, valueHash], index) => {
    return { path: fromHex(path), leafHash: mapLeafHash(crypto, fromHex(path), valueHash), index };
  });
  for (let from = 0; from < leaves.length; from += batch) {
    const { changes, at } = records.run(map.apply(leaves.slice(from, from + batch), versions.length));
    records.write(changes);
    map.committed(at.version);
    versions.push(at);
  }
  return { records, map, versions };
}

test("the reference has the root of every step, updates and deletes included", () => {
  const reference = new ReferenceMap(crypto);
  for (const { op, path, valueHex, root } of vectors.steps) {
    if (op.startsWith("delete")) reference.remove(fromHex(path));
    else reference.set({ path: fromHex(path), valueHash: crypto.sha256(fromHex(valueHex)) });
    expect(toHex(reference.root())).toBe(root);
  }
  expect(vectors.steps).toHaveLength(229);
});

test.each(CONFIGURATIONS)("the map has the root of every insert, one at a time, with %o", (options) => {
  const { versions } = build(contentsAfter(inserts.length), options, 1);
  expect(versions.map(({ root }) => toHex(root))).toEqual([toHex(EMPTY_MAP_ROOT), ...inserts.map(({ root }) => root)]);
  expect(inserts).toHaveLength(200);
});

test("the map of the contents after any step has that step's root", () => {
  for (const [i, { root }] of vectors.steps.entries()) {
    const contents = contentsAfter(i + 1);
    expect(toHex(build(contents, { leavesPerSubtree: 8 }, contents.size).versions.at(-1)!.root)).toBe(root);
  }
});

test.each(CONFIGURATIONS)("every proof is made byte for byte, also under old roots, with %o", (options) => {
  const grown = build(contentsAfter(inserts.length), options, 1);
  for (const wanted of vectors.proofs) {
    const contents = contentsAfter(wanted.afterStep);
    const { records, map, versions } = wanted.afterStep <= 200 ? grown : build(contents, options, contents.size);
    const at = wanted.afterStep <= 200 ? versions[wanted.afterStep]! : versions.at(-1)!;
    const answer = records.run(map.prove(crypto.sha256(fromHex(wanted.key)), at));
    const other = answer.kind === "beside" ? contents.get(toHex(answer.other.path))! : undefined;
    const proof = answer.kind === "beside" ? absenceBeside(crypto, answer, other!) : answer.proof;
    const { bitMask, nonMembershipLeafData, numSideNodes, sideNodes } = wanted;
    expect(dataOf(proof)).toEqual({ bitMask, nonMembershipLeafData, numSideNodes, sideNodes });
    expect(answer.kind === "present").toBe(wanted.member);
    expect(toHex(at.root)).toBe(wanted.root);
  }
  expect(vectors.proofs).toHaveLength(117);
});

test("every proof verifies for what it says and for nothing else", () => {
  for (const { key, member, root, value, ...data } of vectors.proofs) {
    const path = crypto.sha256(fromHex(key));
    const presence = (): void =>
      verifyPresence(crypto, fromHex(root), path, crypto.sha256(fromHex(value)), proofOf(data));
    const absence = (): void => verifyAbsence(crypto, fromHex(root), path, proofOf(data));
    const bogus = (): void =>
      verifyPresence(crypto, fromHex(root), path, crypto.sha256(text.encode("bogus")), proofOf(data));
    (member ? presence : absence)();
    expect(member ? absence : presence).toThrow(MapProofError);
    expect(bogus).toThrow(MapProofError);
  }
});

test("the map without leaves proves any absence", () => {
  const { records, map, versions } = build(new Map(), {}, 1);
  const path = crypto.sha256(text.encode("anything"));
  const answer = records.run(map.prove(path, versions[0]!));
  const { root, bitMask, nonMembershipLeafData, numSideNodes, sideNodes } = vectors.emptyTreeProof;
  expect(answer.kind === "absent" && dataOf(answer.proof)).toEqual({
    bitMask,
    nonMembershipLeafData,
    numSideNodes,
    sideNodes,
  });
  verifyAbsence(crypto, fromHex(root), path, proofOf(vectors.emptyTreeProof));
});

const REASONS: Record<string, MapProofReason> = {
  "numSideNodes+1": "bad_mask",
  "numSideNodes 257": "too_deep",
  "numSideNodes -1": "bad_shape",
  "numSideNodes 0 with side nodes": "bad_mask",
  "missing side node": "bad_mask",
  "long bitmask": "bad_mask",
  "bit set beyond numSideNodes / extra placeholder": "bad_mask",
  "short side node": "bad_shape",
  "short nonMembershipLeafData": "unwanted_leaf_data",
  "empty non-nil nonMembershipLeafData": "unwanted_leaf_data",
  "empty value for a member": "wrong_root",
  "wrong key": "wrong_root",
  "empty root": "bad_shape",
};

test.each(vectors.malformed)("malformed: $case", ({ key, root, value, result, case: name, ...data }) => {
  const path = crypto.sha256(fromHex(key));
  // In these vectors an empty value asks for a proof of absence.
  const verify = (): void => {
    if (value === "") verifyAbsence(crypto, fromHex(root), path, proofOf(data));
    else verifyPresence(crypto, fromHex(root), path, crypto.sha256(fromHex(value)), proofOf(data));
  };
  if (result) return verify();
  expect(verify).toThrow(expect.objectContaining({ name: "MapProofError", reason: REASONS[name] }));
});
