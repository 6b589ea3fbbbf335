/**
 * A decision with what shows it. Proofs of logs that are here are made now, because most decisions need none; those of
 * others came with their votes.
 */
import { equalBytes } from "@trustix/crypto";
import { type LogId, type Testimony, type VoteProof, mapPath } from "@trustix/protocol";
import type { Explanation, MirrorReader, VoterAnswer } from "../model.ts";
import type { DecisionParts, MadeDecision } from "./make-decision.ts";

export async function explain(parts: DecisionParts, made: MadeDecision): Promise<Explanation> {
  const { policy, key, time, outcome, values, report, until } = made;
  const since = await firstSeen(parts, made);
  const answers = await Promise.all(
    made.cast.map(async (cast, i): Promise<VoterAnswer> => {
      const vote = made.votes[i]!;
      const shown = await withProof(parts, key, cast);
      const firstSeen = cast.claim?.firstSeen ?? since.get(vote.logId);
      return { vote, cast: shown.vote, proof: shown.proof, firstSeen };
    }),
  );
  return { policy, key, time, outcome, values, report, answers, until };
}

/** What is known of when claims came to be known here. */
async function firstSeen({ crypto, mirror }: DecisionParts, { key, votes }: MadeDecision): Promise<Map<LogId, number>> {
  const ids = votes.map(({ logId }) => logId).filter((id) => mirror.has(id));
  const claims = await mirror.claims(mapPath(crypto, key), ids);
  return new Map(claims.flatMap((claim, i) => (claim === undefined ? [] : [[ids[i]!, claim.firstSeen] as const])));
}

/** A vote of a log that is here says nothing that its proof does not. */
async function withProof({ own, mirror }: DecisionParts, key: Uint8Array, testimony: Testimony): Promise<Testimony> {
  const { vote, proof } = testimony;
  const reader = own.get(vote.logId) ?? mirror.reader(vote.logId);
  if (proof !== undefined || reader === undefined || (vote.outcome !== "claims" && vote.outcome !== "absent")) {
    return testimony;
  }
  try {
    // A head that is replaced between two reads takes its root with it: once more under the next one.
    const made = await proofFrom(reader, key).catch(() => proofFrom(reader, key));
    // The head moved on: what was absent a moment ago is claimed now.
    const isSame = vote.digest === undefined ? made.entry === undefined : sameDigest(made.entry?.digest, vote.digest);
    if (isSame) return { vote, proof: made };
    return {
      vote: { ...vote, outcome: "unverifiable", digest: undefined, reason: "its head changed meanwhile" },
      proof,
    };
  } catch (error) {
    const reason = `this node cannot prove it: ${error instanceof Error ? error.message : String(error)}`;
    return { vote: { ...vote, outcome: "unverifiable", digest: undefined, reason }, proof: undefined };
  }
}

async function proofFrom(
  reader: Pick<MirrorReader, "head" | "mapValue" | "auditProof">,
  key: Uint8Array,
): Promise<Extract<VoteProof, { kind: "log" }>> {
  const head = await reader.head();
  const { entry, proof: mapProof } = await reader.mapValue(key, head.mapRoot);
  const logProof = entry === undefined ? [] : await reader.auditProof(entry.index, head.treeSize);
  return { kind: "log", head, entry, mapProof, logProof };
}

function sameDigest(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && equalBytes(a, b);
}
