/** The node's answer to `NodeExt.Explain` as an explanation for people and programs. */
import { isFieldSet } from "@bufbuild/protobuf";
import { toHex } from "@trustix/crypto";
import { comparesFacts, explainPolicy, readReceipt } from "@trustix/decider";
import type { ExplainedClaim, ExplainedVoter, Explanation, ShownBy } from "@trustix/nix/explanation";
import { nodeCrypto } from "@trustix/node-crypto";
import {
  ExplainResponse_Modes,
  ExplainResponseSchema,
  VoterAnswer_Shown,
  VoterAnswerSchema,
  type ExplainResponse,
  type VoterAnswer,
} from "@trustix/proto";
import { canonicalNixValue, ProtocolError, voteFromWire, type Protocol } from "@trustix/protocol";

const MODES = {
  [ExplainResponse_Modes.ENFORCE]: "enforce",
  [ExplainResponse_Modes.WARN]: "warn",
  [ExplainResponse_Modes.OBSERVE]: "observe",
} as const;

/** What was asked about, as a person writes it, and in which protocol. */
interface Asked {
  readonly key: string;
  readonly protocol: Protocol;
}

/** `withPolicy`: the policy is told as well, as the receipt has it; that costs a signature check. */
export function explanationOf(asked: Asked, response: ExplainResponse, withPolicy: boolean): Explanation {
  const { Decided, Digest, Value, Confidence, Conflict, Reason, Answers, Mode, LetThrough, Time, Until } = response;
  const receipt = isFieldSet(response, ExplainResponseSchema.field.Receipt) ? response.Receipt : undefined;
  return {
    key: asked.key,
    time: Number(Time),
    decision: Decided
      ? {
          ...claimOf(asked, Digest, isFieldSet(response, ExplainResponseSchema.field.Value) ? Value : undefined),
          confidence: Confidence,
        }
      : undefined,
    conflict: Conflict,
    reason: Reason,
    mode: MODES[Mode],
    letThrough: LetThrough,
    until: Decided && isFieldSet(response, ExplainResponseSchema.field.Until) ? Number(Until) : undefined,
    voters: Answers.map((answer) => voterOf(asked, answer)),
    policy: withPolicy && receipt !== undefined ? policyIn(receipt) : [],
    receipt,
  };
}

function voterOf(asked: Asked, answer: VoterAnswer): ExplainedVoter {
  const has = (field: keyof typeof VoterAnswerSchema.field): boolean =>
    isFieldSet(answer, VoterAnswerSchema.field[field]);
  const { logId, outcome, digest, reason } = voteFromWire(answer.Vote!);
  const claimed = digest ?? (has("Uncounted") ? answer.Uncounted : undefined);
  return {
    id: logId,
    name: answer.Name,
    operator: has("Operator") ? answer.Operator : undefined,
    outcome,
    reason,
    claim: claimed === undefined ? undefined : claimOf(asked, claimed, has("Value") ? answer.Value : undefined),
    since: has("Since") ? Number(answer.Since) : undefined,
    shownBy: shownBy(answer, has("Index")),
  };
}

function shownBy({ ShownBy, TreeSize, Index, NarInfo }: VoterAnswer, hasIndex: boolean): ShownBy {
  switch (ShownBy) {
    case VoterAnswer_Shown.ASSERTED:
      return { kind: "asserted" };
    case VoterAnswer_Shown.BY_LOG:
      return { kind: "log", entries: Number(TreeSize), index: hasIndex ? Number(Index) : undefined };
    case VoterAnswer_Shown.BY_NARINFO:
      return { kind: "narinfo", narInfo: NarInfo };
  }
}

/** As it is counted: facts of Nix as what they say of this very path, anything else by its digest alone. */
function claimOf({ key, protocol }: Asked, claimed: Uint8Array, value: Uint8Array | undefined): ExplainedClaim {
  const digest = toHex(claimed);
  const bare = (flaw: string | undefined): ExplainedClaim => ({
    digest,
    opinion: digest,
    value,
    facts: undefined,
    flaw,
  });
  if (!comparesFacts(protocol)) return bare(undefined);
  if (value === undefined) return bare("its value could not be had");
  try {
    const { value: facts, canonical } = canonicalNixValue(value);
    if (facts.path !== key) return bare(`its value states facts about another path, ${facts.path}`);
    const opinion = canonical === value ? digest : toHex(nodeCrypto().sha256(canonical));
    return { digest, opinion, value, facts, flaw: undefined };
  } catch (error) {
    if (error instanceof ProtocolError) return bare(`its value states no facts (${error.message})`);
    throw error;
  }
}

/** As the node signed it: what it decided by, whatever the configuration file says by now. */
function policyIn(receipt: Uint8Array): string[] {
  const { policy, time } = readReceipt(nodeCrypto(), receipt).receipt;
  return explainPolicy(policy, time);
}
