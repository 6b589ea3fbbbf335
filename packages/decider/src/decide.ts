/**
 * The deciders. N always counts every configured log (or every named voter): a log that is down, excluded or lying
 * never makes agreement easier to reach.
 */
import { ballotsOf, campsOf, type Ballot, type Camp, type Claim } from "./count-votes.ts";
import { describeVotes, nameList, printable } from "./explain.ts";
import type { Outcome, Question, Rule } from "./question.ts";
import type { Sandbox } from "./sandbox.ts";

type Finding =
  | { readonly claim: Claim; readonly confidence: number; readonly why: string }
  | { readonly claim: undefined; readonly why: string };

/** Asks the rules in order. Never throws: what does not decide says why in `reason`. */
export function decide(question: Question): Outcome {
  const ballots = ballotsOf(question.voters, question.votes);
  const misses = ballots.filter((ballot) => ballot.claim === undefined).map((ballot) => ballot.voter.logId);
  const failures: string[] = [];
  for (const [index, rule] of question.rules.entries()) {
    const finding = apply(rule, ballots, question.sandbox);
    if (finding.claim === undefined) {
      failures.push(finding.why);
      continue;
    }
    const { claim, confidence, why } = finding;
    const agreeing = ballots.filter((ballot) => ballot.claim?.hex === claim.hex);
    const others = describeVotes(campsOf(ballots), ballots, claim.hex);
    return {
      decision: {
        digest: claim.digest,
        confidence,
        logIds: agreeing.map((ballot) => ballot.voter.logId),
        rule: index,
        engine: rule.engine,
      },
      reason: others === "" ? why : `${why}; ${others}`,
      mismatches: ballots.flatMap(({ voter, claim: other }) =>
        other === undefined || other.hex === claim.hex ? [] : [{ logId: voter.logId, digest: other.digest }],
      ),
      misses,
    };
  }
  return { decision: undefined, reason: undecided(question.rules, failures, ballots), mismatches: [], misses };
}

function undecided(rules: readonly Rule[], failures: readonly string[], ballots: readonly Ballot[]): string {
  if (rules.length === 0) return "no decider is configured";
  if (ballots.length === 0) return "no log is configured";
  const why =
    failures.length === 1 ? failures[0]! : failures.map((text, i) => `${rules[i]!.engine}: ${text}`).join("; ");
  return [why, describeVotes(campsOf(ballots), ballots, undefined)].filter((part) => part !== "").join("; ");
}

function apply(rule: Rule, ballots: readonly Ballot[], sandbox: Sandbox | undefined): Finding {
  switch (rule.engine) {
    case "quorum":
      return quorum(rule.threshold, rule.voters === undefined ? ballots : chosen(rule.voters, ballots), ballots);
    case "percentage":
      return percentage(rule.minimum, ballots);
    case "logid":
      return oneLog(rule.id, ballots);
    case "javascript":
      return javascript(rule.source, ballots, sandbox);
  }
}

/** The named voters. One that is not configured stays in the count, with nothing to say. */
function chosen(ids: readonly Ballot["voter"]["logId"][], ballots: readonly Ballot[]): Ballot[] {
  const byId = new Map(ballots.map((ballot) => [ballot.voter.logId, ballot]));
  return [...new Set(ids)].map(
    (logId) => byId.get(logId) ?? { voter: { logId, name: logId }, vote: undefined, claim: undefined },
  );
}

function quorum(threshold: number, electorate: readonly Ballot[], all: readonly Ballot[]): Finding {
  const camps = campsOf(electorate);
  const n = electorate.length;
  const among = electorate.length === all.length ? "" : " named voters";
  // A threshold below 1 would let nobody decide for everybody.
  const enough = camps.filter((camp) => threshold >= 1 && camp.ballots.length >= threshold);
  if (enough.length > 1) {
    const sides = enough.map((camp) => `${nameList(camp.ballots)} for ${camp.claim.hex.slice(0, 8)}`).join(", ");
    return {
      claim: undefined,
      why: `conflict: more than one value has the ${threshold} of ${n}${among} needed (${sides})`,
    };
  }
  const best = camps[0]?.ballots.length ?? 0;
  const why = `${best} of ${n}${among} agree, ${threshold} needed`;
  return enough.length === 1
    ? { claim: enough[0]!.claim, confidence: Math.floor((100 * best) / n), why }
    : { claim: undefined, why };
}

function percentage(minimum: number, ballots: readonly Ballot[]): Finding {
  const [first, second] = campsOf(ballots) as [Camp?, Camp?];
  const n = ballots.length;
  if (first === undefined) return { claim: undefined, why: `0 of ${n} agree, at least one needed` };
  const count = first.ballots.length;
  const share = Math.floor((100 * count) / n);
  if (second?.ballots.length === count) {
    return { claim: undefined, why: `a tie: values with ${count} of ${n} logs each, and only one may lead` };
  }
  const why = `${count} of ${n} agree (${share} %), ${minimum} % needed`;
  return share >= minimum ? { claim: first.claim, confidence: share, why } : { claim: undefined, why };
}

function oneLog(id: string, ballots: readonly Ballot[]): Finding {
  const ballot = ballots.find(({ voter }) => voter.logId === id);
  if (ballot === undefined) return { claim: undefined, why: `log ${printable(id)} is not configured` };
  const { voter, claim } = ballot;
  return claim === undefined
    ? { claim: undefined, why: `${voter.name}, which decides, claims nothing` }
    : { claim, confidence: 100, why: `${voter.name} decides` };
}

function javascript(source: string, ballots: readonly Ballot[], sandbox: Sandbox | undefined): Finding {
  if (sandbox === undefined) return { claim: undefined, why: "there is no sandbox to run the function in" };
  const inputs = ballots.flatMap(({ voter, claim }) =>
    claim === undefined ? [] : [{ LogID: voter.logId, Value: claim.hex }],
  );
  const answer = sandbox.call(source, inputs);
  if (!answer.ok) return { claim: undefined, why: `the function did not decide: ${printable(answer.why)}` };
  // What the function returns is only a pointer to a claim: it cannot make up a value that nobody signed.
  const claim = ballots.find((ballot) => ballot.claim?.hex === answer.value)?.claim;
  return claim === undefined
    ? { claim: undefined, why: `the function returned ${printable(JSON.stringify(answer.value))}, which no log claims` }
    : { claim, confidence: 1, why: `the function chose ${claim.hex.slice(0, 8)}` };
}
