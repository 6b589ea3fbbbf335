/** An explanation as a receipt: what counted, what shows it, what came out. */
import type { Receipt, Verdict } from "@trustix/decider";
import type { Testimony } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { Explanation, VoterAnswer } from "../model.ts";

/** Throws `unavailable` when a claim that counted cannot be shown now: the same call may go through in a moment. */
export function receiptOf({ policy, key, time, outcome, answers, values }: Explanation): Receipt {
  const votes = answers.map(testimonyOf).sort((a, b) => (a.vote.logId < b.vote.logId ? -1 : 1));
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  const { decision, reason } = outcome;
  const verdict: Verdict =
    decision === undefined
      ? { decided: false, reason }
      : { decided: true, digest: decision.digest, confidence: decision.confidence, reason };
  return { time, policy, key, votes, values: sorted, verdict };
}

/** What did not count is not shown: the node's word is that it did not. */
function testimonyOf({ vote, cast, proof }: VoterAnswer): Testimony {
  if (vote.outcome !== cast.outcome) {
    if (vote.outcome === "claims")
      throw new NodeError("unavailable", `the claim of voter ${vote.logId} cannot be shown: ${cast.reason}`);
    return { vote, proof: undefined };
  }
  if (vote.outcome === "claims" && proof === undefined)
    throw new NodeError("unavailable", `the claim of voter ${vote.logId} cannot be shown`);
  return { vote, proof: vote.outcome === "claims" || vote.outcome === "absent" ? proof : undefined };
}
