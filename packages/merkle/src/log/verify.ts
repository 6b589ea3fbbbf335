/**
 * Strict checks of proofs that others made: exact length, exact sizes, nothing ignored. The work is bounded by the
 * sizes (at most 53 nodes each way), whatever comes. Every refusal is a `LogProofError`.
 *
 * @example
 * verifyConsistency(crypto, { first: 7, second: 20, firstRoot, secondRoot, proof }); // throws unless it holds
 */
import type { Crypto } from "@trustix/crypto";
import { equalBytes, toHex } from "@trustix/crypto";
import { LogProofError } from "./errors.ts";
import { EMPTY_ROOT, HASH_BYTES, NodeHasher } from "./hashes.ts";
import { auditRanges, consistencyRanges } from "./ranges.ts";

export interface InclusionClaim {
  readonly index: number;
  /** Leaves of the tree that `root` is of. */
  readonly size: number;
  /** The leaf's hash. */
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  /** From the leaf upwards. */
  readonly proof: readonly Uint8Array[];
}

export interface ConsistencyClaim {
  readonly first: number;
  readonly second: number;
  readonly firstRoot: Uint8Array;
  readonly secondRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Returns if `leaf` is leaf `index` of the tree; throws `LogProofError` otherwise. */
export function verifyInclusion(crypto: Crypto, claim: InclusionClaim): void {
  const { index, size, leaf, root, proof } = claim;
  checkCount(index, "leaf index");
  checkCount(size, "tree size");
  if (index >= size) throw new LogProofError("bad_range", `leaf ${index} cannot be in a tree of ${size} leaves`);
  checkHash(leaf, "the leaf");
  checkHash(root, "the root");
  const siblings = auditRanges(index, size);
  checkLength(proof, siblings.length, `leaf ${index} in ${size}`);
  const hasher = new NodeHasher(crypto);
  const hash = leaf.slice();
  for (const [i, range] of siblings.entries()) {
    if (range.from > index) hasher.into(hash, 0, proof[i]!, 0, hash, 0);
    else hasher.into(proof[i]!, 0, hash, 0, hash, 0);
  }
  checkRoot(hash, root, `the path of leaf ${index} in a tree of ${size}`);
}

/** Returns if the tree of `second` leaves begins with that of `first`; throws `LogProofError` otherwise. */
export function verifyConsistency(crypto: Crypto, claim: ConsistencyClaim): void {
  const { first, second, firstRoot, secondRoot, proof } = claim;
  checkCount(first, "first size");
  checkCount(second, "second size");
  checkHash(firstRoot, "the first root");
  checkHash(secondRoot, "the second root");
  if (first > second) throw new LogProofError("bad_range", `a tree does not shrink: from ${first} to ${second} leaves`);
  if (first === 0) checkRoot(EMPTY_ROOT(crypto), firstRoot, "a tree of no leaves");
  if (first === second) checkRoot(firstRoot, secondRoot, `the same tree of ${first} leaves`);
  if (first === 0 || first === second) return checkLength(proof, 0, `${first} to ${second}`);

  const { seed, rest } = consistencyRanges(first, second);
  checkLength(proof, rest.length + (seed === undefined ? 0 : 1), `${first} to ${second}`);
  const nodes = seed === undefined ? proof : proof.slice(1);
  const hasher = new NodeHasher(crypto);
  const older = (seed === undefined ? firstRoot : proof[0]!).slice();
  const newer = older.slice();
  for (const [i, range] of rest.entries()) {
    const node = nodes[i]!;
    if (range.from >= first) {
      hasher.into(newer, 0, node, 0, newer, 0);
    } else {
      hasher.into(node, 0, older, 0, older, 0);
      hasher.into(node, 0, newer, 0, newer, 0);
    }
  }
  checkRoot(older, firstRoot, `the proof's tree of ${first} leaves`);
  checkRoot(newer, secondRoot, `the proof's tree of ${second} leaves`);
}

function checkCount(count: number, what: string): void {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new LogProofError("bad_range", `${what} is an integer from 0 to 2^53 - 1, got ${count}`);
  }
}

function checkHash(hash: Uint8Array, what: string): void {
  if (hash.length !== HASH_BYTES) {
    throw new LogProofError("bad_hash", `${what} has ${hash.length} bytes, wanted ${HASH_BYTES}`);
  }
}

/** Length first, so that a giant proof costs nothing. */
function checkLength(proof: readonly Uint8Array[], wanted: number, what: string): void {
  if (proof.length !== wanted) {
    throw new LogProofError("wrong_length", `the proof of ${what} has ${proof.length} nodes, wanted ${wanted}`);
  }
  for (const [i, node] of proof.entries()) checkHash(node, `node ${i} of the proof of ${what}`);
}

function checkRoot(got: Uint8Array, wanted: Uint8Array, what: string): void {
  if (!equalBytes(got, wanted)) {
    throw new LogProofError("wrong_root", `${what} has root ${toHex(got)}, wanted ${toHex(wanted)}`);
  }
}
