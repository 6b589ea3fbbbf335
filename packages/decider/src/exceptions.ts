/**
 * Exceptions: for some paths, who must still agree when no rule decided. All that match are looked at, so that their order
 * means nothing. They never decide a conflict, and make one if they would decide differently.
 */
import { compareText, type Claim, type Election } from "./count-votes.ts";
import { describeTally, exceptionName, lastDay, shortHex } from "./explain.ts";
import { matchesKey } from "./glob.ts";
import type { Exception } from "./policy.ts";
import type { Question } from "./question.ts";
import { acceptedClaims, bestOpinion } from "./quorum.ts";

export interface Excused {
  /** Which one decides, and what. */
  readonly decided: { readonly exception: Exception; readonly claim: Claim } | undefined;
  readonly conflict: boolean;
  /** What each exception that matches has to say. */
  readonly words: readonly string[];
}

/** `isConflict`: a rule found more than one value with enough behind it. */
export function askExceptions(question: Question, election: Election, isConflict: boolean): Excused {
  const { policy, key, time } = question;
  const matching = policy.exceptions.filter(({ match }) => matchesKey(match, key)).toSorted(compareExceptions);
  const answers = matching.map((exception) => ({ exception, ...ask(exception, election, time, isConflict) }));
  const words = answers.map(({ why }) => why);
  const [first, ...others] = answers.flatMap(({ exception, claims }) => claims.map((claim) => ({ exception, claim })));
  const rival = others.find(({ claim }) => claim.hex !== first!.claim.hex);
  if (rival !== undefined && rival.exception !== first!.exception) words.push("exceptions that differ decide nothing");
  return { decided: rival === undefined ? first : undefined, conflict: rival !== undefined, words };
}

/** The claims it would decide; more than one is a conflict. */
function ask(
  exception: Exception,
  election: Election,
  time: number,
  isConflict: boolean,
): { readonly claims: readonly Claim[]; readonly why: string } {
  const name = exceptionName(exception);
  // Written so that no time at all counts as over.
  if (!(time < exception.expires)) return { claims: [], why: `${name} ended with ${lastDay(exception.expires)}` };
  if (isConflict) return { claims: [], why: `${name} does not decide a conflict` };
  const { tally, claims } = acceptedClaims(exception, election);
  const count = describeTally(tally, claims[0]?.hex ?? bestOpinion(tally, election), election);
  if (claims.length === 0) return { claims, why: `${name} does not decide: ${count}` };
  if (claims.length > 1) {
    const values = claims.map(({ hex }) => shortHex(hex)).join(" and ");
    return {
      claims,
      why: `${name} does not decide: more than one value has the ${exception.threshold} needed (${values})`,
    };
  }
  const value = shortHex(claims[0]!.hex);
  return { claims, why: `${name} holds until ${lastDay(exception.expires)} and is for ${value}: ${count}` };
}

/** The one that lasts longest speaks for those that decide the same. */
export function compareExceptions(a: Exception, b: Exception): number {
  return b.expires - a.expires || compareText(a.match, b.match) || compareText(textOf(a), textOf(b));
}

function textOf({ reason, threshold, voters }: Exception): string {
  return JSON.stringify([reason, threshold, voters.toSorted()]);
}
