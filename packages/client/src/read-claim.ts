/**
 * What a log claims for a key under one of its heads: proof of presence in the map and of the same entry in the log tree,
 * proof of absence, or why there is neither. A log that shows one thing in its map and another in its log tree signed
 * both: that is evidence.
 *
 * Servers of ours send the audit path with the map's answer when asked for it, so a claim costs one call; of the existing
 * program's it costs one more (`read-leaf.ts`). Those also prove no absence and forget a root at their next flush; both
 * come as the code `unknown`. Ours says `not_found` with a proof of absence, and `failed_precondition` for a root it no
 * longer holds.
 */
import { equalBytes } from "@trustix/crypto";
import {
  LogProofError,
  MapProofError,
  entryLeafHash,
  verifyAbsence,
  verifyInclusion,
  verifyPresence,
} from "@trustix/merkle";
import type { MapProof } from "@trustix/merkle";
import {
  mapEntryBytes,
  mapPath,
  mapProofFromWire,
  mapValueHash,
  parseMapEntry,
  proofFromWire,
} from "@trustix/protocol";
import type { Hash, LogHead, MapEntry } from "@trustix/protocol";
import { LogAPI, MapValueResponseSchema } from "@trustix/proto";
import type { MapValueResponse } from "@trustix/proto";
import { describeEvidence } from "./evidence/describe-evidence.ts";
import type { Evidence } from "./evidence/evidence.ts";
import type { LogAtRemote } from "./log-client.ts";
import { readLeaf } from "./read-leaf.ts";
import { RpcError } from "./rpc-error.ts";
import type { CallOptions } from "./transport.ts";
import { saidBy, troubleOf } from "./trouble.ts";
import type { Trouble } from "./trouble.ts";

export type ClaimResult =
  /** Proved: the map names this entry, and the log tree holds it there. */
  | {
      readonly kind: "claims";
      readonly entry: MapEntry;
      readonly mapProof: MapProof;
      /** Audit path of the entry in the log tree of the head. */
      readonly logProof: readonly Hash[];
    }
  /** Proved: the key has no claim. */
  | { readonly kind: "absent"; readonly mapProof: MapProof }
  /** Proved: map and log tree of the head exclude each other. */
  | { readonly kind: "contradiction"; readonly evidence: Evidence; readonly why: string }
  /** The log says that the key has no claim and does not prove it. */
  | { readonly kind: "says_absent"; readonly why: string }
  /** The map root is not held (`said`), or may not be, as `unknown` leaves open: ask again under a newer head. */
  | { readonly kind: "root_gone"; readonly why: string; readonly said: boolean }
  | Trouble;

/** What a server of the existing program answers for a key that its map does not hold, whatever the root. */
const GO_ABSENT = "Map value not found";

/** In a map that holds nothing. */
const NOTHING: MapProof = {
  sideNodes: [],
  nonMembershipLeafData: undefined,
  bitMask: new Uint8Array(0),
  numSideNodes: 0,
};

export async function readClaim(
  at: LogAtRemote,
  key: Uint8Array,
  head: LogHead,
  options?: CallOptions,
): Promise<ClaimResult> {
  // The roots of a log without entries were checked with its head: nothing is in it.
  if (head.treeSize === 0) return { kind: "absent", mapProof: NOTHING };
  try {
    const request = { LogID: at.log.id, Key: key, MapRoot: head.mapRoot, TreeSize: BigInt(head.treeSize) };
    const answer = await at.transport.unary(LogAPI.method.getMapValue, request, options);
    return await checkPresence(at, key, head, answer, options);
  } catch (error) {
    if (!(error instanceof RpcError) || error.origin !== "server") return troubleOf(error);
    switch (error.code) {
      case "not_found": {
        const detail = error.detail(MapValueResponseSchema);
        return detail === undefined ? troubleOf(error) : checkAbsence(at, key, head, detail);
      }
      case "failed_precondition":
        return { kind: "root_gone", why: saidBy(error), said: true };
      case "unknown":
        return error.message === GO_ABSENT
          ? { kind: "says_absent", why: "it says absent and cannot prove it" }
          : { kind: "root_gone", why: saidBy(error), said: false };
      default:
        return troubleOf(error);
    }
  }
}

async function checkPresence(
  at: LogAtRemote,
  key: Uint8Array,
  head: LogHead,
  answer: MapValueResponse,
  options?: CallOptions,
): Promise<ClaimResult> {
  const { crypto } = at;
  const mapProof = mapProofFromWire(answer.Proof!);
  const wrong = whyNot(() => {
    verifyPresence(crypto, head.mapRoot, mapPath(crypto, key), mapValueHash(crypto, answer.Value), mapProof);
  });
  if (wrong !== undefined) return { kind: "unverifiable", why: `its map proof does not hold: ${wrong}` };
  const entry = parseMapEntry(answer.Value);
  // Readers differ on other spellings: what one takes for a claim, another takes for a different one.
  if (!equalBytes(mapEntryBytes(entry.digest, entry.index), answer.Value)) {
    return { kind: "unverifiable", why: "its map entry is not spelt as the protocol says" };
  }
  const { index, digest } = entry;
  const differs = (leaf: Hash | undefined, logProof: readonly Hash[]): ClaimResult => {
    const shown = { kind: "map_entry_differs", head, key, entry: answer.Value, mapProof, leaf, logProof } as const;
    const evidence: Evidence = { publicKey: at.log.publicKey, ...shown };
    return { kind: "contradiction", evidence, why: describeEvidence(shown) };
  };
  if (index >= head.treeSize) return differs(undefined, []);
  const claimed = entryLeafHash(crypto, key, digest);
  const sent = proofFromWire({ Proof: answer.LogProof });
  if (isIncluded(at, index, head, claimed, sent)) return { kind: "claims", entry, mapProof, logProof: sent };
  const found = await readLeaf(at, index, head, claimed, options);
  if (found.kind === "refused") {
    return { ...found, why: `its map has the key; asked for entry ${index} of its log, ${found.why}` };
  }
  if (found.kind !== "leaf") return found;
  const { leaf, logProof } = found;
  return equalBytes(leaf, claimed) ? { kind: "claims", entry, mapProof, logProof } : differs(leaf, logProof);
}

function isIncluded(at: LogAtRemote, index: number, head: LogHead, leaf: Hash, proof: readonly Hash[]): boolean {
  try {
    verifyInclusion(at.crypto, { index, size: head.treeSize, leaf, root: head.logRoot, proof });
    return true;
  } catch (error) {
    if (error instanceof LogProofError) return false;
    throw error;
  }
}

function checkAbsence(at: LogAtRemote, key: Uint8Array, head: LogHead, answer: MapValueResponse): ClaimResult {
  const { crypto } = at;
  try {
    const mapProof = mapProofFromWire(answer.Proof!);
    const wrong = whyNot(() => verifyAbsence(crypto, head.mapRoot, mapPath(crypto, key), mapProof));
    if (wrong === undefined) return { kind: "absent", mapProof };
    return { kind: "unverifiable", why: `it says absent, its proof does not hold: ${wrong}` };
  } catch (error) {
    return troubleOf(error);
  }
}

function whyNot(verify: () => void): string | undefined {
  try {
    verify();
    return undefined;
  } catch (error) {
    if (error instanceof MapProofError) return error.message;
    throw error;
  }
}
