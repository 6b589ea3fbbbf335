/** Heads of one log that exclude each other: what two of them show by themselves, and what hashes show between them. */
import type { Crypto } from "@trustix/crypto";
import { equalBytes } from "@trustix/crypto";
import {
  LogProofError,
  LogTree,
  drive,
  inclusionFromConsistency,
  leafHash,
  leafInDetour,
  rewriteDetour,
  rootShownBy,
  verifyInclusion,
} from "@trustix/merkle";
import type { Hash, LogHead } from "@trustix/protocol";
import { verifyHead } from "@trustix/protocol";
import type { HeadContradiction } from "./evidence.ts";

/** Up to this size the map-head log is read whole: shorter than its proofs, and a proof from 1 leaves leaf 0 out. */
export const WHOLE_MAP_HEADS = 3;

/** What two validly signed heads of one log show by themselves; `undefined` if nothing. Order does not matter. */
export function headsContradict(a: LogHead, b: LogHead): HeadContradiction | undefined {
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

/** Why this shows nothing against the holder of `publicKey`; `undefined`: it convicts. */
export function whyHeadsAgree(crypto: Crypto, publicKey: Uint8Array, evidence: HeadContradiction): string | undefined {
  const { kind, first } = evidence;
  if (!verifyHead(crypto, publicKey, first)) return "its first head is not signed by the key";
  if (kind === "map_root") {
    const leaf = lastMapHead(crypto, first, evidence.proof);
    if (leaf === undefined) return "its hashes do not lead to the root of the head's map heads";
    return equalBytes(leaf, leafHash(crypto, first.mapRoot)) ? "the last map head is the head's own" : undefined;
  }
  const { second } = evidence;
  if (!verifyHead(crypto, publicKey, second)) return "its second head is not signed by the key";
  if (kind === "same_size" || kind === "map_heads_missing") {
    return headsContradict(first, second)?.kind === kind ? undefined : "its two heads do not exclude each other so";
  }
  const [size, wanted, largerSize, largerRoot] =
    kind === "log_rewritten"
      ? [first.treeSize, first.logRoot, second.treeSize, second.logRoot]
      : [first.mhTreeSize, first.mhRoot, second.mhTreeSize, second.mhRoot];
  if (size === 0 || size >= largerSize) return "its second tree is not larger than its first";
  const { proof, leafZero } = evidence;
  const { needsLeafZero } = rewriteDetour(size, largerSize);
  if ((leafZero !== undefined) !== needsLeafZero) return `it ${needsLeafZero ? "lacks" : "does not need"} leaf 0`;
  const shown = rootShownBy(crypto, { first: size, second: largerSize, secondRoot: largerRoot, proof, leafZero });
  if (shown === undefined) return "its hashes do not lead to the root of the larger tree";
  return equalBytes(shown, wanted) ? "the larger tree begins with the smaller one" : undefined;
}
