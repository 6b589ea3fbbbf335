/**
 * Proving inclusion in a log whose audit proofs do not work (the existing Go program's never do): a consistency proof
 * from an odd size has that size's last leaf as its first node, and the rest is its audit path.
 *
 * The result is an ordinary audit path for `verifyInclusion`; nothing is believed here that the check does not show.
 */
import type { Crypto } from "@trustix/crypto";
import { equalBytes } from "@trustix/crypto";
import { LogProofError } from "./errors.ts";
import { HASH_BYTES, nodeHash } from "./hashes.ts";
import { consistencyRanges } from "./ranges.ts";

/** What to ask a log for: a consistency proof from `first` to the tree's size, and perhaps the hash of leaf 0. */
export interface InclusionDetour {
  /** `undefined`: no proof is needed, the tree is its one leaf. */
  readonly first: number | undefined;
  /** A proof from size 1 leaves leaf 0 out; where the path needs it, it must be fetched. */
  readonly needsLeafZero: boolean;
}

/** Which consistency proof shows leaf `index` of a tree of `size` leaves; `index < size`. */
export function inclusionDetour(index: number, size: number): InclusionDetour {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new LogProofError("bad_range", `leaf ${index} cannot be in a tree of ${size} leaves`);
  }
  if (size === 1) return { first: undefined, needsLeafZero: false };
  if (index % 2 === 1) return { first: index, needsLeafZero: index === 1 };
  if (index + 1 < size) return { first: index + 1, needsLeafZero: false };
  return { first: index - 1, needsLeafZero: index === 2 };
}

/**
 * The audit path of `leaf` (leaf `index` of `size`) out of the consistency proof that `inclusionDetour` names.
 * `leafZero` is given where the detour says it is needed. Throws `LogProofError`.
 */
export function inclusionFromConsistency(
  crypto: Crypto,
  input: {
    readonly index: number;
    readonly size: number;
    readonly leaf: Uint8Array;
    readonly proof: readonly Uint8Array[];
    readonly leafZero?: Uint8Array | undefined;
  },
): Uint8Array[] {
  const { index, size, leaf, proof, leafZero } = input;
  const { first, needsLeafZero } = inclusionDetour(index, size);
  const ranges = first === undefined ? { seed: undefined, rest: [] } : consistencyRanges(first, size);
  const wanted = ranges.rest.length + (ranges.seed === undefined ? 0 : 1);
  if (proof.length !== wanted) {
    throw new LogProofError(
      "wrong_length",
      `the proof from ${first} to ${size} has ${proof.length} nodes, not ${wanted}`,
    );
  }
  for (const node of [...proof, ...(leafZero === undefined ? [] : [leafZero])]) {
    if (node.length !== HASH_BYTES) throw new LogProofError("bad_hash", `a node has ${node.length} bytes, wanted 32`);
  }
  if (first === undefined) return [];
  const seed = first === 1 ? leafZero : proof[0];
  const rest = first === 1 ? [...proof] : proof.slice(1);
  if (needsLeafZero && seed === undefined) {
    throw new LogProofError("wrong_length", `leaf 0 is needed to show leaf ${index} of ${size}`);
  }
  const same = (node: Uint8Array | undefined): void => {
    if (node === undefined || !equalBytes(node, leaf)) {
      throw new LogProofError("wrong_leaf", `the proof from ${first} to ${size} has another leaf at ${index}`);
    }
  };

  if (first === index + 1) {
    if (first !== 1) same(seed);
    return rest;
  }
  if (first === index) {
    same(rest[0]);
    return [seed!, ...rest.slice(1)];
  }
  // The last leaf of an odd tree: below its place in the proof lies the path that makes its left neighbour.
  const at = ranges.rest.findIndex((range) => range.from === index);
  same(rest[at]);
  let neighbour = seed!;
  for (let i = 0; i < at; i++) {
    neighbour =
      ranges.rest[i]!.from >= first ? nodeHash(crypto, neighbour, rest[i]!) : nodeHash(crypto, rest[i]!, neighbour);
  }
  return [neighbour, ...rest.slice(at + 1)];
}

/**
 * The hash that a detour's proof has in the place of leaf `index`; `undefined` for a proof of the wrong length and for
 * one from size 1 that leaves the leaf out. It shows nothing until the audit path made with it verifies.
 */
export function leafInDetour(index: number, size: number, proof: readonly Uint8Array[]): Uint8Array | undefined {
  const { first } = inclusionDetour(index, size);
  if (first === undefined) return undefined;
  const { seed, rest } = consistencyRanges(first, size);
  const ranges = seed === undefined ? rest : [seed, ...rest];
  if (proof.length !== ranges.length) return undefined;
  return proof[ranges.findIndex((range) => range.from === index && range.to === index + 1)];
}
