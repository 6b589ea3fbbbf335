/**
 * What a peer has seen of a log: heads that its key signed, and proof against it. A peer is no place to read the log from,
 * and its word counts for nothing: a head is what its signature makes it, evidence is checked by whoever takes it.
 */
import type { LogHead } from "@trustix/protocol";
import { headFromWire, verifyHead } from "@trustix/protocol";
import { NodeExt } from "@trustix/proto";
import type { LogAtRemote } from "./log-client.ts";
import type { CallOptions } from "./transport.ts";
import { troubleOf } from "./trouble.ts";
import type { Trouble } from "./trouble.ts";

/** Most that is taken from one answer. */
const MAX_HEADS = 32;
const MAX_PROOFS = 4;

export type SeenHeadsResult =
  | {
      readonly kind: "seen";
      /** Each signed by the log's key. */
      readonly heads: readonly LogHead[];
      /** Files, not looked into. */
      readonly evidence: readonly Uint8Array[];
    }
  | Trouble;

export async function readSeenHeads(at: LogAtRemote, options?: CallOptions): Promise<SeenHeadsResult> {
  try {
    const answer = await at.transport.unary(NodeExt.method.seenHeads, { LogID: at.log.id }, options);
    const heads = answer.Heads.slice(0, MAX_HEADS).map(headFromWire);
    const forged = heads.find((head) => !verifyHead(at.crypto, at.log.publicKey, head));
    if (forged !== undefined) {
      return { kind: "unverifiable", why: `its head of size ${forged.treeSize} is not signed by the log's key` };
    }
    return { kind: "seen", heads, evidence: answer.Evidence.slice(0, MAX_PROOFS) };
  } catch (error) {
    return troubleOf(error);
  }
}
