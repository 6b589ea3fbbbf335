/**
 * Decisions about many keys, each made as a single one is: votes from copies cost a read, votes of others a call each, so a
 * few keys are under way at a time. Others are let in between, and the end is where time ends.
 */
import { toHex } from "@trustix/crypto";
import type { Policy } from "@trustix/decider";
import type { Vote } from "@trustix/protocol";
import type { KeyDecision, ManyDecisions } from "../model.ts";
import { type DecisionParts, type MadeDecision, makeDecision } from "./make-decision.ts";

/** Keys under way: enough to hide the way to other voters, and not so many that they feel it. */
const AT_ONCE = 16;

/** The first of `keys`, at least one if there is one. Throws `deadline` when `signal` is aborted. */
export async function decideMany(
  parts: DecisionParts,
  policy: Policy,
  keys: readonly Uint8Array[],
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<ManyDecisions> {
  const end = parts.clock.now() + withinMs;
  const decisions: KeyDecision[] = [];
  let next = 0;
  // What is begun is finished, so that no key is missing between two others.
  const work = async (): Promise<void> => {
    while (next < keys.length && (next === 0 || parts.clock.now() < end)) {
      const at = next++;
      decisions[at] = concise(await makeDecision(parts, policy, keys[at]!, { every: true, signal }));
      // A copy is read without waiting for anything, and would keep everybody else out.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { policy, decisions };
}

function concise({ outcome, votes, opinions }: MadeDecision): KeyDecision {
  return { outcome, votes: votes.map((vote) => asOpinion(vote, opinions)), values: opinions.values };
}

function asOpinion(vote: Vote, { opinions }: MadeDecision["opinions"]): Vote {
  const opinion = vote.digest === undefined ? undefined : opinions.get(toHex(vote.digest));
  return opinion === undefined ? vote : { ...vote, digest: opinion };
}
