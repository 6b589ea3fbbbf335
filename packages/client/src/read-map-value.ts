/**
 * A key's claim under a head's map root: proof of presence, proof of absence, or why there is neither.
 *
 * Servers of the existing program prove no absence and forget a root at their next flush; both come as the code
 * `unknown`. Ours says `not_found` with a proof of absence, and `failed_precondition` for a root it no longer holds.
 */
import { MapProofError, verifyAbsence, verifyPresence } from "@trustix/merkle";
import { mapPath, mapProofFromWire, mapValueHash, parseMapEntry } from "@trustix/protocol";
import type { LogHead, MapEntry } from "@trustix/protocol";
import { LogAPI, MapValueResponseSchema } from "@trustix/proto";
import type { MapValueResponse } from "@trustix/proto";
import type { LogAtRemote } from "./log-client.ts";
import { RpcError } from "./rpc-error.ts";
import type { CallOptions } from "./transport.ts";
import { troubleOf } from "./trouble.ts";
import type { Trouble } from "./trouble.ts";

export type MapValueResult =
  /** The claim, proved. */
  | { readonly kind: "present"; readonly entry: MapEntry }
  /** Proved: the key has no claim. */
  | { readonly kind: "absent" }
  /** The log says that the key has no claim and does not prove it. */
  | { readonly kind: "says_absent"; readonly why: string }
  /** The map root is not held (`said`), or may not be, as `unknown` leaves open: ask again under a newer head. */
  | { readonly kind: "root_gone"; readonly why: string; readonly said: boolean }
  | Trouble;

/** What a server of the existing program answers for a key that its map does not hold, whatever the root. */
const GO_ABSENT = "Map value not found";

export async function readMapValue(
  at: LogAtRemote,
  key: Uint8Array,
  head: LogHead,
  options?: CallOptions,
): Promise<MapValueResult> {
  // The roots of a log without entries were checked with its head: nothing is in it.
  if (head.treeSize === 0) return { kind: "absent" };
  try {
    const request = { LogID: at.log.id, Key: key, MapRoot: head.mapRoot };
    return checkAnswer(at, key, head, await at.transport.unary(LogAPI.method.getMapValue, request, options));
  } catch (error) {
    if (!(error instanceof RpcError) || error.origin !== "server") return troubleOf(error);
    switch (error.code) {
      case "not_found": {
        const detail = error.detail(MapValueResponseSchema);
        return detail === undefined ? troubleOf(error) : checkAbsence(at, key, head, detail);
      }
      case "failed_precondition":
        return { kind: "root_gone", why: error.message, said: true };
      case "unknown":
        return error.message === GO_ABSENT
          ? { kind: "says_absent", why: "it says absent and cannot prove it" }
          : { kind: "root_gone", why: error.message, said: false };
      default:
        return troubleOf(error);
    }
  }
}

function checkAnswer(at: LogAtRemote, key: Uint8Array, head: LogHead, answer: MapValueResponse): MapValueResult {
  const { crypto } = at;
  const wrong = whyNot(() => {
    const valueHash = mapValueHash(crypto, answer.Value);
    verifyPresence(crypto, head.mapRoot, mapPath(crypto, key), valueHash, mapProofFromWire(answer.Proof!));
  });
  if (wrong !== undefined) return { kind: "unverifiable", why: `its map proof does not hold: ${wrong}` };
  const entry = parseMapEntry(answer.Value);
  if (entry.index >= head.treeSize) {
    return { kind: "unverifiable", why: `its map names entry ${entry.index}, its log has ${head.treeSize}` };
  }
  return { kind: "present", entry };
}

function checkAbsence(at: LogAtRemote, key: Uint8Array, head: LogHead, answer: MapValueResponse): MapValueResult {
  const { crypto } = at;
  try {
    const wrong = whyNot(() => {
      verifyAbsence(crypto, head.mapRoot, mapPath(crypto, key), mapProofFromWire(answer.Proof!));
    });
    if (wrong === undefined) return { kind: "absent" };
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
