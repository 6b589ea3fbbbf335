/**
 * Whether a claim that the map shows is also in the log tree, where the map says. Works with every server: the path is
 * taken out of a consistency proof, because the existing program's audit proofs do not work.
 */
import {
  LogProofError,
  entryLeafHash,
  inclusionDetour,
  inclusionFromConsistency,
  verifyInclusion,
} from "@trustix/merkle";
import type { LogHead, MapEntry } from "@trustix/protocol";
import { leafFromWire, proofFromWire } from "@trustix/protocol";
import { LogAPI } from "@trustix/proto";
import type { LogAtRemote } from "./log-client.ts";
import type { CallOptions } from "./transport.ts";
import { troubleOf } from "./trouble.ts";
import type { Trouble } from "./trouble.ts";

export type InclusionResult = { readonly kind: "included" } | Trouble;

export async function checkInclusion(
  at: LogAtRemote,
  key: Uint8Array,
  entry: MapEntry,
  head: LogHead,
  options?: CallOptions,
): Promise<InclusionResult> {
  const { index } = entry;
  const size = head.treeSize;
  if (index >= size) {
    return { kind: "unverifiable", why: `its map names entry ${index}, its log has ${size}` };
  }
  const leaf = entryLeafHash(at.crypto, key, entry.digest);
  const { first, needsLeafZero } = inclusionDetour(index, size);
  try {
    const [proof, leafZero] = await Promise.all([
      first === undefined ? [] : consistency(at, first, size, options),
      needsLeafZero ? leafAtZero(at, options) : undefined,
    ]);
    const path = inclusionFromConsistency(at.crypto, { index, size, leaf, proof, leafZero });
    verifyInclusion(at.crypto, { index, size, leaf, root: head.logRoot, proof: path });
    return { kind: "included" };
  } catch (error) {
    if (error instanceof LogProofError) {
      return { kind: "unverifiable", why: `entry ${index} of its log is not shown to be the claim: ${error.message}` };
    }
    return troubleOf(error);
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

async function leafAtZero(at: LogAtRemote, options?: CallOptions): Promise<Uint8Array | undefined> {
  const request = { LogID: at.log.id, Start: 0n, Finish: 0n };
  const { Leaves } = await at.transport.unary(LogAPI.method.getLogEntries, request, options);
  return Leaves[0] === undefined ? undefined : leafFromWire(at.crypto, Leaves[0]).leafDigest;
}
