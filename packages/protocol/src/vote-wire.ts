/** Votes to wire messages and back, alone and as the detail of an undecided answer. */
import { create, isFieldSet } from "@bufbuild/protobuf";
import {
  UndecidedSchema,
  Vote_Outcomes,
  VoteSchema,
  type Undecided as WireUndecided,
  type Vote as WireVote,
} from "@trustix/proto";
import { bytesOf } from "./bounds.ts";
import { ProtocolError } from "./errors.ts";
import { parseLogId } from "./log-id.ts";
import type { Vote, VoteOutcome } from "./types.ts";

/** Why nothing was decided, and how each log answered. */
export interface Undecided {
  readonly votes: readonly Vote[];
  /** One sentence. */
  readonly reason: string;
}

const TO_WIRE: Record<VoteOutcome, Vote_Outcomes> = {
  claims: Vote_Outcomes.CLAIMS,
  absent: Vote_Outcomes.ABSENT,
  unreachable: Vote_Outcomes.UNREACHABLE,
  unverifiable: Vote_Outcomes.UNVERIFIABLE,
  stale: Vote_Outcomes.STALE,
  excluded: Vote_Outcomes.EXCLUDED,
};
const FROM_WIRE = new Map(Object.entries(TO_WIRE).map(([outcome, wire]) => [wire, outcome as VoteOutcome]));

export function voteToWire(vote: Vote): WireVote {
  return create(VoteSchema, {
    LogID: vote.logId,
    Outcome: TO_WIRE[vote.outcome],
    ...(vote.digest !== undefined && { Digest: vote.digest }),
    Reason: vote.reason,
  });
}

/** Throws `malformed`; `unknown` for an outcome this version does not know. */
export function voteFromWire(message: WireVote): Vote {
  const outcome = FROM_WIRE.get(message.Outcome);
  if (outcome === undefined) throw new ProtocolError("unknown", `Vote: Outcome ${message.Outcome} is not known`);
  const hasDigest = isFieldSet(message, VoteSchema.field.Digest);
  if (hasDigest !== (outcome === "claims")) {
    throw new ProtocolError("malformed", `Vote: ${outcome} came ${hasDigest ? "with" : "without"} a Digest`);
  }
  return {
    logId: parseLogId(message.LogID),
    outcome,
    digest: hasDigest ? bytesOf("Vote: Digest", message.Digest, 32) : undefined,
    reason: message.Reason,
  };
}

export function undecidedToWire(undecided: Undecided): WireUndecided {
  return create(UndecidedSchema, { Votes: undecided.votes.map(voteToWire), Reason: undecided.reason });
}

/** Throws as `voteFromWire`. */
export function undecidedFromWire(message: WireUndecided): Undecided {
  return { votes: message.Votes.map(voteFromWire), reason: message.Reason };
}
