/** `NodeExt.Explain`: a decision with everything that shows it, and a receipt of it if one is wanted. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { toHex } from "@trustix/crypto";
import type { Policy } from "@trustix/decider";
import {
  ExplainResponse_Modes,
  VoterAnswer_Shown,
  type ExplainRequest,
  type ExplainResponseSchema,
  type VoterAnswerSchema,
} from "@trustix/proto";
import { voteToWire } from "@trustix/protocol";
import type { Explanation, VoterAnswer } from "../model.ts";
import type { ServerParts } from "./parts.ts";
import type { CallContext } from "./route.ts";

type Parts = Pick<ServerParts, "decide" | "receipts">;

const MODES: Record<Policy["mode"], ExplainResponse_Modes> = {
  enforce: ExplainResponse_Modes.ENFORCE,
  warn: ExplainResponse_Modes.WARN,
  observe: ExplainResponse_Modes.OBSERVE,
};

export async function explainResponse(
  { decide, receipts }: Parts,
  { Protocol, Key, Wait, WithReceipt }: ExplainRequest,
  { signal, endsAt }: Pick<CallContext, "signal" | "endsAt">,
): Promise<MessageInitShape<typeof ExplainResponseSchema>> {
  const explanation = await decide.explain(Protocol, Key, { waitUntil: Wait ? endsAt : undefined, signal });
  const { policy, time, outcome, report, answers, values } = explanation;
  const { decision } = report;
  return {
    Decided: decision !== undefined,
    ...(decision !== undefined && {
      Digest: decision.digest,
      Value: decision.value,
      Confidence: decision.confidence,
    }),
    Conflict: outcome.conflict,
    Reason: report.reason,
    Answers: answers.map((answer) => answerToWire(answer, policy, values)),
    Mode: MODES[policy.mode],
    LetThrough: letsThrough(explanation),
    Time: BigInt(time),
    ...(Number.isFinite(explanation.until) && { Until: BigInt(explanation.until) }),
    ...(WithReceipt && { Receipt: receipts.seal(explanation) }),
  };
}

/** A conflict is no reason to believe one cache, unless the policy only looks on. */
function letsThrough({ policy, outcome }: Explanation): boolean {
  switch (policy.mode) {
    case "observe":
      return true;
    case "warn":
      return outcome.decision === undefined;
    case "enforce":
      return outcome.decision === undefined && !outcome.conflict && policy.undecided === "trust-upstream";
  }
}

function answerToWire(
  { vote, cast, proof, firstSeen }: VoterAnswer,
  { voters }: Policy,
  values: Explanation["values"],
): MessageInitShape<typeof VoterAnswerSchema> {
  const voter = voters.find(({ logId }) => logId === vote.logId);
  const value = cast.digest === undefined ? undefined : values.get(toHex(cast.digest));
  return {
    Vote: voteToWire(vote),
    Name: voter?.name ?? vote.logId,
    ...(voter?.operator !== undefined && { Operator: voter.operator }),
    ...(cast.digest !== undefined && vote.digest === undefined && { Uncounted: cast.digest }),
    ...(value !== undefined && { Value: value }),
    ...(firstSeen !== undefined && { Since: BigInt(firstSeen) }),
    ShownBy: VoterAnswer_Shown.ASSERTED,
    ...(proof?.kind === "narinfo" && { ShownBy: VoterAnswer_Shown.BY_NARINFO, NarInfo: proof.narInfo }),
    ...(proof?.kind === "log" && {
      ShownBy: VoterAnswer_Shown.BY_LOG,
      TreeSize: BigInt(proof.head.treeSize),
      ...(proof.entry !== undefined && { Index: BigInt(proof.entry.index) }),
    }),
  };
}
