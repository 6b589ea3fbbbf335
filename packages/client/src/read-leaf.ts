/**
 * Which leaf stands at an index of a log tree, proved under a signed head. Works with every server: leaf and audit path
 * are taken out of a consistency proof, because the existing program's audit proofs do not work.
 *
 * Costs one call; a second for leaf 0 where the proof leaves it out (indices 0, 1 and 2 at the edge); none in a log of
 * one entry.
 */
import {
  LogProofError,
  inclusionDetour,
  inclusionFromConsistency,
  leafInDetour,
  verifyInclusion,
} from "@trustix/merkle";
import type { Hash, LogHead } from "@trustix/protocol";
import { leafFromWire, proofFromWire } from "@trustix/protocol";
import { LogAPI } from "@trustix/proto";
import type { LogAtRemote } from "./log-client.ts";
import type { CallOptions } from "./transport.ts";
import { troubleOf } from "./trouble.ts";
import type { Trouble } from "./trouble.ts";

export type LeafResult =
  | { readonly kind: "leaf"; readonly leaf: Hash; /** Its audit path. */ readonly logProof: readonly Hash[] }
  | Trouble;

/** `index` is below `head.treeSize`. `expected`, if it is the leaf, saves the call for leaf 0. */
export async function readLeaf(
  at: LogAtRemote,
  index: number,
  head: LogHead,
  expected: Hash,
  options?: CallOptions,
): Promise<LeafResult> {
  const size = head.treeSize;
  const { first, needsLeafZero } = inclusionDetour(index, size);
  // The root of a tree of one leaf is that leaf.
  if (first === undefined) return { kind: "leaf", leaf: head.logRoot, logProof: [] };
  try {
    const [proof, leafZero] = await Promise.all([
      consistency(at, first, size, options),
      needsLeafZero ? leafAtZero(at, options) : undefined,
    ]);
    const shownBy = (leaf: Hash): LeafResult => {
      const logProof = inclusionFromConsistency(at.crypto, { index, size, leaf, proof, leafZero });
      verifyInclusion(at.crypto, { index, size, leaf, root: head.logRoot, proof: logProof });
      return { kind: "leaf", leaf, logProof };
    };
    const named = leafInDetour(index, size, proof);
    if (named !== undefined) return shownBy(named);
    try {
      return shownBy(expected);
    } catch (error) {
      const other = error instanceof LogProofError && index === 0 ? await leafAtZero(at, options) : undefined;
      if (other === undefined) throw error;
      return shownBy(other);
    }
  } catch (error) {
    if (!(error instanceof LogProofError)) return troubleOf(error);
    return { kind: "unverifiable", why: `it does not show entry ${index} of its log: ${error.message}` };
  }
}

async function consistency(
  at: LogAtRemote,
  first: number,
  second: number,
  options?: CallOptions,
): Promise<Uint8Array[]> {
  const request = { LogID: at.log.id, FirstSize: BigInt(first), SecondSize: BigInt(second) };
  return proofFromWire(await at.transport.unary(LogAPI.method.getLogConsistencyProof, request, options));
}

async function leafAtZero(at: LogAtRemote, options?: CallOptions): Promise<Hash | undefined> {
  const request = { LogID: at.log.id, Start: 0n, Finish: 0n };
  const { Leaves } = await at.transport.unary(LogAPI.method.getLogEntries, request, options);
  return Leaves[0] === undefined ? undefined : leafFromWire(at.crypto, Leaves[0]).leafDigest;
}
