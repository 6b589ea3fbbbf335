/** The audit's questions, put to the node: what is decided and claimed of many store paths at once. */
import { toHex, utf8 } from "@trustix/crypto";
import type { Asked, PathVerdict } from "@trustix/nix/audit";
import { NodeExt, type KeyDecision } from "@trustix/proto";
import { NIX, voteFromWire } from "@trustix/protocol";
import type { Connection } from "./connect.ts";

/** Throws `RpcError`; `ProtocolError` for an answer that does not parse. */
export function askVerdicts(node: Connection): (paths: readonly string[], signal: AbortSignal) => Promise<Asked> {
  return async (paths, signal) => {
    const request = { Protocol: NIX.id, Keys: paths.map((path) => utf8(path)) };
    const { Decisions, Voters, Values } = await node.call(NodeExt.method.decideMany, request, signal);
    const values = new Map(Values.map(({ Digest, Value }) => [toHex(Digest), Value]));
    const voters = Voters.map(({ LogID, Name, Operator }) => ({
      id: LogID,
      name: Name,
      operator: Operator === "" ? undefined : Operator,
    }));
    return { voters, verdicts: Decisions.slice(0, paths.length).map((decision) => verdictOf(decision, values)) };
  };
}

function verdictOf(
  { Decided, Digest, Confidence, Reason, Votes }: KeyDecision,
  values: ReadonlyMap<string, Uint8Array>,
): PathVerdict {
  return {
    decided: Decided ? { digest: Digest, confidence: Confidence } : undefined,
    reason: Reason,
    votes: Votes.map(voteFromWire),
    values,
  };
}
