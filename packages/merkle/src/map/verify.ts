/**
 * Strict checks of compact map proofs that others made. The work is bounded (at most 256 side nodes), whatever comes,
 * and every refusal is a `MapProofError`. A proof has one form: nothing in it is ignored.
 *
 * @example
 * verifyPresence(crypto, head.mapRoot, path, crypto.sha256(entryBytes), proof); // throws unless it holds
 */
import type { Crypto } from "@trustix/crypto";
import { equalBytes, toHex } from "@trustix/crypto";
import { MapProofError } from "./errors.ts";
import { EMPTY_MAP_ROOT, HASH_BYTES, MapHasher, mapLeafHash } from "./map-hashes.ts";
import { bitAt, PATH_BITS, PATH_BYTES, sharedBits } from "./paths.ts";

/** A compact proof, of presence or of absence. */
export interface MapProof {
  /** From the leaf upwards, 32 bytes each, placeholders left out. */
  readonly sideNodes: readonly Uint8Array[];
  /** `0x00 || path || value hash` of the leaf that stands where the absent path would be; `undefined` where none does. */
  readonly nonMembershipLeafData: Uint8Array | undefined;
  /** Bit `i`, most significant first, set: side node `i` is a placeholder. `ceil(numSideNodes / 8)` bytes. */
  readonly bitMask: Uint8Array;
  /** Side nodes of both kinds: the depth at which the proof ends, 0..256. */
  readonly numSideNodes: number;
}

const LEAF_DATA_BYTES = 1 + PATH_BYTES + HASH_BYTES;

/** Returns if the map of `root` has `path` with the value whose SHA-256 is `valueHash`; throws `MapProofError` otherwise. */
export function verifyPresence(
  crypto: Crypto,
  root: Uint8Array,
  path: Uint8Array,
  valueHash: Uint8Array,
  proof: MapProof,
): void {
  checkShape(root, path, proof);
  checkHash(valueHash, "the value hash");
  if (proof.nonMembershipLeafData !== undefined) {
    throw new MapProofError("unwanted_leaf_data", "a proof of presence names another leaf");
  }
  checkRoot(crypto, root, path, mapLeafHash(crypto, path, valueHash), proof);
}

/** Returns if the map of `root` does not have `path`; throws `MapProofError` otherwise. */
export function verifyAbsence(crypto: Crypto, root: Uint8Array, path: Uint8Array, proof: MapProof): void {
  checkShape(root, path, proof);
  const data = proof.nonMembershipLeafData;
  if (data === undefined) return checkRoot(crypto, root, path, EMPTY_MAP_ROOT, proof);
  if (data.length !== LEAF_DATA_BYTES) {
    throw new MapProofError("bad_leaf_data", `the other leaf has ${data.length} bytes, wanted ${LEAF_DATA_BYTES}`);
  }
  if (data[0] !== 0) throw new MapProofError("bad_leaf_data", `the other leaf begins with ${data[0]}, wanted 0`);
  const shared = sharedBits(data, 1, path, 0);
  if (shared === PATH_BITS) throw new MapProofError("own_leaf_data", "the other leaf is the path itself");
  if (shared < proof.numSideNodes) {
    const wanted = `wanted ${proof.numSideNodes}, where the proof ends`;
    throw new MapProofError("foreign_leaf_data", `the other leaf shares ${shared} bits with the path, ${wanted}`);
  }
  checkRoot(crypto, root, path, crypto.sha256(data), proof);
}

/** Counts first, so that a giant proof costs nothing. */
function checkShape(root: Uint8Array, path: Uint8Array, proof: MapProof): void {
  const { sideNodes, bitMask, numSideNodes } = proof;
  checkHash(root, "the root");
  checkHash(path, "the path");
  if (!Number.isSafeInteger(numSideNodes) || numSideNodes < 0) {
    throw new MapProofError("bad_shape", `a number of side nodes is a count, got ${numSideNodes}`);
  }
  if (numSideNodes > PATH_BITS || sideNodes.length > PATH_BITS) {
    const most = Math.max(numSideNodes, sideNodes.length);
    throw new MapProofError("too_deep", `a proof has at most ${PATH_BITS} side nodes, got ${most}`);
  }
  const maskBytes = (numSideNodes + 7) >> 3;
  if (bitMask.length !== maskBytes) {
    const text = `the mask of ${numSideNodes} side nodes has ${bitMask.length} bytes, wanted ${maskBytes}`;
    throw new MapProofError("bad_mask", text);
  }
  let placeholders = 0;
  for (let i = 0; i < maskBytes * 8; i++) {
    if (bitAt(bitMask, 0, i) === 0) continue;
    if (i >= numSideNodes) throw new MapProofError("bad_mask", `the mask has bit ${i} set, behind its end`);
    placeholders++;
  }
  if (sideNodes.length !== numSideNodes - placeholders) {
    const wanted = `wanted ${numSideNodes} less ${placeholders} placeholders`;
    throw new MapProofError("bad_mask", `the proof has ${sideNodes.length} side nodes, ${wanted}`);
  }
  for (const [i, node] of sideNodes.entries()) {
    checkHash(node, `side node ${i}`);
    if (equalBytes(node, EMPTY_MAP_ROOT)) {
      throw new MapProofError("not_canonical", `side node ${i} is a placeholder; its bit in the mask must say so`);
    }
  }
}

function checkHash(hash: Uint8Array, what: string): void {
  if (hash.length !== HASH_BYTES) {
    throw new MapProofError("bad_shape", `${what} has ${hash.length} bytes, wanted ${HASH_BYTES}`);
  }
}

function checkRoot(crypto: Crypto, root: Uint8Array, path: Uint8Array, start: Uint8Array, proof: MapProof): void {
  const hasher = new MapHasher(crypto);
  hasher.digest.set(start);
  let next = 0;
  for (let i = 0; i < proof.numSideNodes; i++) {
    const side = bitAt(proof.bitMask, 0, i) === 1 ? EMPTY_MAP_ROOT : proof.sideNodes[next++]!;
    hasher.climb(bitAt(path, 0, proof.numSideNodes - 1 - i), side);
  }
  if (!equalBytes(hasher.digest, root)) {
    throw new MapProofError("wrong_root", `the proof leads to root ${toHex(hasher.digest)}, wanted ${toHex(root)}`);
  }
}
