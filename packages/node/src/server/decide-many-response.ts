/** `NodeExt.DecideMany`: many decisions in one call, as many as a few seconds and one answer hold. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { fromHex } from "@trustix/crypto";
import type { Voter } from "@trustix/decider";
import type { DecideManyRequest, DecideManyResponseSchema, KeyDecisionSchema, NamedVoterSchema } from "@trustix/proto";
import { voteToWire } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { KeyDecision } from "../model.ts";
import type { ServerParts } from "./parts.ts";

const MOST_KEYS = 1000;
const WITHIN_MS = 3000;
/** What a vote takes beside its reason: id, digest, tags. */
const VOTE_BYTES = 120;

export async function decideManyResponse(
  { decide, limits }: Pick<ServerParts, "decide" | "limits">,
  { Protocol, Keys }: DecideManyRequest,
  signal: AbortSignal,
): Promise<MessageInitShape<typeof DecideManyResponseSchema>> {
  if (Keys.length > MOST_KEYS)
    throw new NodeError("too_large", `${Keys.length} keys came, at most ${MOST_KEYS} in one call`);
  const { policy, decisions } = await decide.decideMany(Protocol, Keys, { withinMs: WITHIN_MS, signal });
  const most = limits.answerBytes / 2;
  const values = new Map<string, Uint8Array>();
  const fitting: MessageInitShape<typeof KeyDecisionSchema>[] = [];
  let bytes = 0;
  for (const decision of decisions) {
    const added = [...decision.values].filter(([digest]) => !values.has(digest));
    const more = added.reduce((sum, [, value]) => sum + value.length + VOTE_BYTES, bytesOf(decision));
    if (fitting.length > 0 && bytes + more > most) break;
    bytes += more;
    fitting.push(keyDecision(decision));
    // Of one decision alone there can be more values than an answer holds.
    if (bytes <= most) for (const [digest, value] of added) values.set(digest, value);
  }
  return {
    Decisions: fitting,
    Voters: policy.voters.map(namedVoter),
    Values: [...values].map(([digest, Value]) => ({ Digest: fromHex(digest), Value })),
  };
}

function bytesOf({ outcome, votes }: KeyDecision): number {
  return votes.reduce((sum, { reason }) => sum + VOTE_BYTES + 3 * reason.length, 3 * outcome.reason.length);
}

function keyDecision({ outcome, votes }: KeyDecision): MessageInitShape<typeof KeyDecisionSchema> {
  const { decision, conflict, reason } = outcome;
  return {
    Decided: decision !== undefined,
    ...(decision !== undefined && { Digest: decision.digest, Confidence: decision.confidence }),
    Conflict: conflict,
    Reason: reason,
    Votes: votes.map(voteToWire),
  };
}

export function namedVoter({ logId, name, operator }: Voter): MessageInitShape<typeof NamedVoterSchema> {
  return { LogID: logId, Name: name, ...(operator !== undefined && { Operator: operator }) };
}
