/**
 * Proof that a log's operator signed things that cannot both be true. Only what the accused signed counts: every kind
 * here is checked from the log's public key, its signed heads and hashes that verify under them, by anybody, offline.
 * An answer that merely does not verify is never evidence: anyone on the wire could have made it.
 */
import type { Crypto } from "@trustix/crypto";
import { equalBytes, toHex } from "@trustix/crypto";
import {
  LogProofError,
  LogTree,
  drive,
  inclusionFromConsistency,
  leafHash,
  leafInDetour,
  rootShownBy,
  verifyInclusion,
} from "@trustix/merkle";
import type { Hash, LogHead } from "@trustix/protocol";
import { verifyHead } from "@trustix/protocol";

export type Contradiction =
  /** Two heads of one size that differ. */
  | { readonly kind: "same_size"; readonly first: LogHead; readonly second: LogHead }
  /** Every signing appends a map head, yet the larger tree has no more of them. */
  | { readonly kind: "map_heads_missing"; readonly first: LogHead; readonly second: LogHead }
  /** The larger log tree (or map-head log) does not begin with the smaller one; `proof` as `rewriteDetour` says. */
  | {
      readonly kind: "log_rewritten" | "map_heads_rewritten";
      readonly first: LogHead;
      readonly second: LogHead;
      readonly proof: readonly Hash[];
      readonly leafZero: Hash | undefined;
    }
  /** The last leaf of the map-head log is not the head's map root; `proof` as `lastMapHead` reads it. */
  | { readonly kind: "map_root"; readonly first: LogHead; readonly proof: readonly Hash[] };

/** Up to this size the map-head log is read whole: shorter than its proofs, and a proof from 1 leaves leaf 0 out. */
export const WHOLE_MAP_HEADS = 3;

/** What two validly signed heads of one log show by themselves; `undefined` if nothing. Order does not matter. */
export function headsContradict(a: LogHead, b: LogHead): Contradiction | undefined {
  const [first, second] = a.treeSize <= b.treeSize ? [a, b] : [b, a];
  if (first.treeSize === second.treeSize) {
    return sameHead(first, second) ? undefined : { kind: "same_size", first, second };
  }
  return second.mhTreeSize > first.mhTreeSize ? undefined : { kind: "map_heads_missing", first, second };
}

/** Whether two heads say the same; signatures may differ. */
export function sameHead(a: LogHead, b: LogHead): boolean {
  return (
    a.treeSize === b.treeSize &&
    a.mhTreeSize === b.mhTreeSize &&
    equalBytes(a.logRoot, b.logRoot) &&
    equalBytes(a.mapRoot, b.mapRoot) &&
    equalBytes(a.mhRoot, b.mhRoot)
  );
}

/**
 * The leaf that these hashes prove to be the last of the head's map-head log; `undefined` if they prove none. `proof`
 * is all its leaves up to `WHOLE_MAP_HEADS`, above that the consistency proof that `inclusionDetour` names.
 */
export function lastMapHead(crypto: Crypto, head: LogHead, proof: readonly Hash[]): Hash | undefined {
  const size = head.mhTreeSize;
  if (size === 0) return undefined;
  try {
    if (size <= WHOLE_MAP_HEADS) {
      if (proof.length !== size) return undefined;
      const tree = drive(LogTree.open(crypto, new Uint8Array(0), 0), () => []);
      for (const leaf of proof) tree.append(leaf);
      return tree.size === size && equalBytes(tree.root(), head.mhRoot) ? proof.at(-1) : undefined;
    }
    const index = size - 1;
    const leaf = leafInDetour(index, size, proof);
    if (leaf === undefined) return undefined;
    const path = inclusionFromConsistency(crypto, { index, size, leaf, proof });
    verifyInclusion(crypto, { index, size, leaf, root: head.mhRoot, proof: path });
    return leaf;
  } catch (error) {
    if (error instanceof LogProofError) return undefined;
    throw error;
  }
}

/** Whether `evidence` convicts the holder of `publicKey`: everything in it is checked. */
export function checkContradiction(crypto: Crypto, publicKey: Uint8Array, evidence: Contradiction): boolean {
  const { kind, first } = evidence;
  if (!verifyHead(crypto, publicKey, first)) return false;
  if (kind === "map_root") {
    const leaf = lastMapHead(crypto, first, evidence.proof);
    return leaf !== undefined && !equalBytes(leaf, leafHash(crypto, first.mapRoot));
  }
  const { second } = evidence;
  if (!verifyHead(crypto, publicKey, second)) return false;
  if (kind === "same_size" || kind === "map_heads_missing") return headsContradict(first, second)?.kind === kind;
  const [size, wanted, largerSize, largerRoot] =
    kind === "log_rewritten"
      ? [first.treeSize, first.logRoot, second.treeSize, second.logRoot]
      : [first.mhTreeSize, first.mhRoot, second.mhTreeSize, second.mhRoot];
  if (size === 0 || size >= largerSize) return false;
  const { proof, leafZero } = evidence;
  const shown = rootShownBy(crypto, { first: size, second: largerSize, secondRoot: largerRoot, proof, leafZero });
  return shown !== undefined && !equalBytes(shown, wanted);
}

/** One sentence for a person. */
export function describeContradiction(evidence: Contradiction): string {
  const { first } = evidence;
  switch (evidence.kind) {
    case "same_size":
      return `two signed heads of size ${first.treeSize} differ (${brief(first)} and ${brief(evidence.second)})`;
    case "map_heads_missing":
      return (
        `the head of size ${evidence.second.treeSize} has ${evidence.second.mhTreeSize} map heads, ` +
        `the one of size ${first.treeSize} already had ${first.mhTreeSize}`
      );
    case "log_rewritten":
      return `the log of size ${evidence.second.treeSize} does not begin with the one of size ${first.treeSize}`;
    case "map_heads_rewritten":
      return `the map heads under size ${evidence.second.treeSize} do not begin with those under size ${first.treeSize}`;
    case "map_root":
      return `the head of size ${first.treeSize} names another map root than its own list of map heads`;
  }
}

function brief(head: LogHead): string {
  return toHex(head.logRoot).slice(0, 8);
}
