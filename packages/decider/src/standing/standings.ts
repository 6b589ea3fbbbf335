/**
 * The standing of every voter: good, suspect, excluded, with its reasons. A pure function of what was counted, what is
 * known beside (proofs, the user's word, earlier exclusions) and the bounds.
 *
 * In this order: the user's order or a proof since the last pardon excludes; an earlier exclusion for dissent stays until
 * it is pardoned; then the figures speak. Whoever calls this keeps new exclusions for dissent in the dossier.
 */
import type { LogId } from "@trustix/protocol";
import type { StandingBounds } from "./bounds.ts";
import { describeFigures, describeJudgement } from "./describe-judgement.ts";
import { type Dossier, outrightExclusion, pardonOf, standingExclusion } from "./dossier.ts";
import { type Judgement, judgeVoter } from "./judge-voter.ts";
import { type Others, othersOf } from "./others.ts";
import type { VoterFigures } from "./tally.ts";

export interface Standing {
  readonly logId: LogId;
  readonly standing: "good" | "suspect" | "excluded";
  /** What excludes it or makes it suspect; `undefined` for good ones. */
  readonly cause: "user" | "proof" | "dissent" | undefined;
  /** Since when it is excluded: for a new exclusion, `now`. `undefined` for those that are not. */
  readonly since: number | undefined;
  /** Sentences without their subject, the weightiest first; at least one. */
  readonly reasons: readonly string[];
  /** By dissent alone, whatever else excludes it. */
  readonly judgement: Judgement;
  readonly others: Others;
  readonly figures: VoterFigures;
}

export interface Standings {
  /** From `Tally.figures`. */
  readonly figures: readonly VoterFigures[];
  /** The one that the tally was made with. */
  readonly dossier: Dossier;
  readonly bounds: StandingBounds;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** One for each voter, in their order. */
export function standingsOf({ figures, dossier, bounds, now }: Standings): Standing[] {
  const everybody = othersOf(figures, bounds);
  return figures.map((voter, i) => {
    const { logId } = voter;
    const others = everybody[i]!;
    const judgement = judgeVoter(voter, figures, bounds);
    const rest = { logId, judgement, others, figures: voter };
    const pardon = pardonOf(dossier.overrides, logId);
    const after = [describeFigures(voter, others), ...(pardon === undefined ? [] : [`pardoned: ${pardon.reason}`])];
    const outright = outrightExclusion(dossier, logId);
    if (outright !== undefined) {
      return { ...rest, standing: "excluded", ...outright, reasons: [...outright.reasons, ...after] };
    }
    const earlier = standingExclusion(dossier, logId);
    if (earlier !== undefined) {
      const reasons = [earlier.reason, ...after];
      return { ...rest, standing: "excluded", cause: "dissent", since: earlier.at, reasons };
    }
    if (judgement.level === "good") {
      return { ...rest, standing: "good", cause: undefined, since: undefined, reasons: after };
    }
    const reasons = [describeJudgement(judgement), ...after];
    const since = judgement.level === "excluded" ? now : undefined;
    return { ...rest, standing: judgement.level, cause: "dissent", since, reasons };
  });
}
