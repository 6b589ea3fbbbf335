/**
 * The deciders. N always counts every configured voter, or every named one, by operator: a voter that is down, excluded or
 * lying never makes agreement easier to reach. What is decided depends on the question alone, never on an order in it.
 */
import { compareText, countedClaim, electionOf, type Ballot, type Claim, type Election } from "./count-votes.ts";
import { askExceptions } from "./exceptions.ts";
import { describeTally, describeVotes, isWeighted, membersOf, nameList, printable, shortHex } from "./explain.ts";
import { EVERYBODY, type Quorum, type Rule } from "./policy.ts";
import type { DecidedBy, Outcome, Question } from "./question.ts";
import { acceptedClaims, bestOpinion, claimWith, leavesOf, shareOf, tallyOf } from "./quorum.ts";
import type { Sandbox } from "./sandbox.ts";

type Finding = Found | NotFound;

interface Found {
  readonly claim: Claim;
  readonly confidence: number;
  readonly why: string;
}

interface NotFound {
  readonly claim: undefined;
  readonly why: string;
  /** More than one value had enough. */
  readonly conflict?: true;
}

/** Asks the rules in order, then the exceptions. Never throws: what does not decide says why in `reason`. */
export function decide(question: Question): Outcome {
  const { rules } = question.policy;
  const election = electionOf(question);
  const failures: NotFound[] = [];
  for (const [rule, settings] of rules.entries()) {
    const finding = apply(settings, election, question.sandbox);
    if (finding.claim === undefined) failures.push(finding);
    else return decided(finding, { kind: "rule", rule, engine: settings.engine }, election);
  }
  const isConflict = failures.some(({ conflict }) => conflict === true);
  const excused = askExceptions(question, election, isConflict);
  const why = [whyNot(rules, failures, election), ...excused.words].join("; ");
  if (excused.decided !== undefined) {
    const { exception, claim } = excused.decided;
    const confidence = percent(shareOf(tallyOf(EVERYBODY, election), claim.hex));
    return decided({ claim, confidence, why }, { kind: "exception", exception }, election);
  }
  const votes = rules.length === 0 ? "" : describeVotes(election, undefined);
  return {
    decision: undefined,
    conflict: isConflict || excused.conflict,
    reason: joined(why, votes),
    mismatches: [],
    misses: byId(election)
      .filter(({ claim }) => claim === undefined)
      .map(({ voter }) => voter.logId),
  };
}

function decided({ claim, confidence, why }: Found, by: DecidedBy, election: Election): Outcome {
  const logIds: Outcome["misses"][number][] = [];
  const mismatches: Outcome["mismatches"][number][] = [];
  const misses: Outcome["misses"][number][] = [];
  for (const ballot of byId(election)) {
    const { logId } = ballot.voter;
    if (ballot.claim === undefined) misses.push(logId);
    else if (ballot.claim.hex === claim.hex) logIds.push(logId);
    else mismatches.push({ logId, digest: ballot.claim.digest });
  }
  return {
    decision: { digest: claim.opinion, confidence, logIds, by },
    conflict: false,
    reason: joined(why, describeVotes(election, claim.hex)),
    mismatches,
    misses,
  };
}

function byId({ ballots }: Election): Ballot[] {
  return ballots.toSorted((a, b) => compareText(a.voter.logId, b.voter.logId));
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("; ");
}

function percent({ agreeing, n }: { readonly agreeing: number; readonly n: number }): number {
  return Math.floor((100 * agreeing) / n);
}

function whyNot(rules: readonly Rule[], failures: readonly NotFound[], { ballots }: Election): string {
  if (rules.length === 0) return "no decider is configured";
  if (ballots.length === 0) return "no voter is configured";
  if (failures.length === 1) return failures[0]!.why;
  return failures.map(({ why }, i) => `${rules[i]!.engine}: ${why}`).join("; ");
}

function apply(rule: Rule, election: Election, sandbox: Sandbox | undefined): Finding {
  switch (rule.engine) {
    case "quorum":
      return quorum(rule, election);
    case "percentage":
      return percentage(rule.minimum, election);
    case "logid":
      return oneVoter(rule.id, election);
    case "javascript":
      return javascript(rule.source, election, sandbox);
  }
}

function quorum(rule: Quorum, election: Election): Finding {
  const { tally, claims } = acceptedClaims(rule, election);
  const [claim, second] = claims;
  const why = describeTally(tally, claim?.hex ?? bestOpinion(tally, election), election);
  if (claim === undefined) return { claim, why };
  if (second === undefined) return { claim, confidence: percent(shareOf(tally, claim.hex)), why };
  const leaves = leavesOf(tally, election);
  const sides = claims.map(({ hex }) => {
    const side = leaves.filter((ballot) => countedClaim(ballot, election)?.hex === hex);
    return `${nameList(side, election.shared)} for ${shortHex(hex)}`;
  });
  const among = tally.ballots.length === election.ballots.length ? "" : "named ";
  const needed = isWeighted(tally)
    ? `weight ${rule.threshold} of ${tally.total}`
    : `${rule.threshold} of ${tally.total}${membersOf(tally, among)}`;
  return {
    claim: undefined,
    conflict: true,
    why: `conflict: more than one value has the ${needed} needed (${sides.join(", ")})`,
  };
}

function percentage(minimum: number, election: Election): Finding {
  const { behind, total: n, units, ballots } = tallyOf(EVERYBODY, election);
  const [noun, of] = units.length < ballots.length ? ["operators", `of ${n} operators`] : ["voters", `of ${n}`];
  const [first, second] = [...behind].sort((a, b) => b[1] - a[1]);
  if (first === undefined) return { claim: undefined, why: `0 ${of} agree, at least one needed` };
  const [hex, count] = first;
  if (second?.[1] === count) {
    return { claim: undefined, why: `a tie: values with ${count} of ${n} ${noun} each, and only one may lead` };
  }
  const share = percent({ agreeing: count, n });
  const why = `${count} ${of} agree (${share} %), ${minimum} % needed`;
  return share < minimum ? { claim: undefined, why } : { claim: claimWith(hex, election)!, confidence: share, why };
}

function oneVoter(id: string, { ballots }: Election): Finding {
  const ballot = ballots.find(({ voter }) => voter.logId === id);
  if (ballot === undefined) return { claim: undefined, why: `voter ${printable(id)} is not configured` };
  const { voter, claim } = ballot;
  return claim === undefined
    ? { claim: undefined, why: `${voter.name}, which decides, claims nothing` }
    : { claim, confidence: 100, why: `${voter.name} decides` };
}

function javascript(source: string, election: Election, sandbox: Sandbox | undefined): Finding {
  if (sandbox === undefined) return { claim: undefined, why: "there is no sandbox to run the function in" };
  const inputs = byId(election).flatMap(({ voter, claim }) =>
    claim === undefined ? [] : [{ LogID: voter.logId, Value: claim.hex }],
  );
  const answer = sandbox.call(source, inputs);
  if (!answer.ok) return { claim: undefined, why: `the function did not decide: ${printable(answer.why)}` };
  // What the function returns is only a pointer to a claim: it cannot make up a value that nobody signed.
  const claim = claimWith(answer.value, election);
  return claim === undefined
    ? {
        claim,
        why: `the function returned ${printable(JSON.stringify(answer.value))}, which no voter claims`,
      }
    : { claim, confidence: 1, why: `the function chose ${shortHex(claim.hex)}` };
}
