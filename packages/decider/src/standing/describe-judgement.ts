/** The sentences of a standing, for people. */
import type { Judgement } from "./judge-voter.ts";
import { isComparable, type Others } from "./others.ts";
import type { VoterFigures } from "./tally.ts";

/** `alone on 36 packages in 2 740 compared paths (1.3 %, 0.61 % allowed): by chance less than once in 1 000 000`. */
export function describeJudgement(judgement: Judgement): string {
  const { alone, compared, secondAnswers, days, allowed, surprise } = judgement;
  const period = days === Infinity ? "" : ` of the last ${amount(days)} days`;
  const what = [
    alone > 0 || secondAnswers === 0
      ? `alone on ${things(alone, "package")} in ${things(compared, "compared path")}${period} ` +
        `(${percent(alone / Math.max(1, compared))}, ${percent(allowed)} allowed)`
      : "",
    secondAnswers > 0 ? `a second, different answer for ${things(secondAnswers, "package")}${period}` : "",
  ];
  return `${what.filter((part) => part !== "").join("; ")}: by chance less than once in ${odds(surprise)}`;
}

/** `agreed on 19 918 of 20 000 compared paths, alone on 82`. `others`: of this voter. */
export function describeFigures({ agreed, alone, forgiven, claims }: VoterFigures, others: Others): string {
  const compared = agreed + alone;
  if (compared === 0 && !isComparable(others)) return `not compared: ${describeLack(others)}`;
  if (compared === 0) return `never compared: too few others claim something for its ${things(claims, "path")}`;
  const before = forgiven > 0 ? ` (${amount(forgiven)} before the pardon)` : "";
  return `agreed on ${amount(agreed)} of ${things(compared, "compared path")}, alone on ${amount(alone)}${before}`;
}

/** `1 of 2 others is excluded, and 2 that agree are needed`. */
function describeLack({ judging, excluded, needed }: Others): string {
  const all = judging + excluded;
  const who =
    excluded === 0
      ? `there ${all === 1 ? "is 1 other" : `are ${amount(all)} others`}`
      : `${amount(excluded)} of ${all === 1 ? "1 other" : `${amount(all)} others`} ${excluded === 1 ? "is" : "are"} excluded`;
  return `${who}, and ${amount(needed)} that agree are needed`;
}

function things(count: number, name: string): string {
  return `${amount(count)} ${name}${count === 1 ? "" : "s"}`;
}

function amount(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+(?!\d))/g, " ");
}

/** Two significant digits. */
function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}

/** The power of ten below, at most a million millions: beyond that the model is wrong sooner than the builder. */
function odds(surprise: number): string {
  return amount(10 ** Math.min(12, Math.floor(surprise / Math.LN10 + 1e-9)));
}
