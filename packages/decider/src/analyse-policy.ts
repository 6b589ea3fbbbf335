/**
 * What a policy is worth and what is odd about it. A *problem* makes it useless: it can never decide, or somebody can decide
 * alone. A *warning* is what its author may not have meant. Pure, so that it can be shown wherever a policy is.
 */
import { votersByName } from "./count-votes.ts";
import { lastDay, printable, wordList } from "./explain.ts";
import { fewestForQuorum, fewestForRule, type FewestOperators } from "./fewest-operators.ts";
import { matchesEverything } from "./glob.ts";
import { EVERYBODY, type Exception, type Policy, type Quorum, type Rule, type Voter } from "./policy.ts";
import { canConflict, membersOfQuorum } from "./weigh-quorum.ts";

export interface PolicyAnalysis {
  /** Who can decide any path together, the others being silent: the smallest set. `undefined`: nobody, or it cannot be counted. */
  readonly fewest: FewestOperators | undefined;
  /** Problems first. */
  readonly findings: readonly PolicyFinding[];
}

export interface PolicyFinding {
  readonly severity: "problem" | "warning";
  readonly code: PolicyFindingCode;
  /** One sentence, no full stop. */
  readonly text: string;
}

export type PolicyFindingCode =
  /** There are no rules. */
  | "no_rules"
  /** No rule can ever decide. */
  | "never_decides"
  /** One rule can never decide. */
  | "rule_never_decides"
  /** One operator is enough for a rule, or for an exception for everything. */
  | "one_operator"
  /** Weights or operators in several groups make fewer enough than there seem to be. */
  | "fewer_than_written"
  /** Two values can both have enough, or a minority decides while others are silent. */
  | "no_majority"
  /** What a function decides cannot be counted. */
  | "function_decides"
  | "exception_ended"
  | "exception_ends_soon"
  /** One operator decides what an exception means. */
  | "exception_one_operator"
  /** An exception that can never decide. */
  | "exception_never_decides"
  /** The mode lets undecided paths through. */
  | "not_enforced"
  /** The rule for undecided paths trusts an upstream. */
  | "trusts_upstream";

type Note = (severity: PolicyFinding["severity"], code: PolicyFindingCode, text: string) => void;

/** Milliseconds before its end from which on an exception is spoken of. */
const SOON = 14 * 86_400_000;

/** `time`: milliseconds since 1970. */
export function analysePolicy(policy: Policy, time: number): PolicyAnalysis {
  const findings: PolicyFinding[] = [];
  const note: Note = (severity, code, text) => void findings.push({ severity, code, text });
  const voters = votersByName(policy);
  const sets = policy.rules.map((rule, i) => analyseRule(rule, ruleName(policy.rules, i), voters, note));
  if (policy.rules.length === 0) note("problem", "no_rules", "there is no rule: nothing is ever decided");
  else if (sets.every((set) => set === "never")) note("problem", "never_decides", "nothing can ever be decided");
  for (const exception of policy.exceptions) sets.push(analyseException(exception, voters, time, note));
  analyseServing(policy, note);
  const counted = sets.filter((set) => typeof set === "object");
  counted.sort((a, b) => a.operators.length - b.operators.length);
  return {
    fewest: counted[0] && { ...counted[0], atLeast: Math.min(...counted.map(({ atLeast }) => atLeast)) },
    findings: findings.sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning")),
  };
}

/** `the rule`, or `rule 2 (percentage)` where there are several. */
export function ruleName(rules: readonly Rule[], i: number): string {
  return rules.length === 1 ? "the rule" : `rule ${i + 1} (${rules[i]!.engine})`;
}

/** The smallest set that decides any path by it; `uncounted` where it does not decide any path, or nobody can tell. */
type Worth = FewestOperators | "never" | "uncounted";

function analyseRule(rule: Rule, name: string, voters: readonly Voter[], note: Note): Worth {
  const fewest = fewestForRule(rule, voters);
  if (fewest === undefined) {
    note("warning", "rule_never_decides", `${name} can never decide: ${whyNever(rule)}`);
    return "never";
  }
  if (rule.engine === "javascript") {
    const text = `${name} is a function: nobody can say how many must agree, one claim may be enough for it`;
    note("warning", "function_decides", text);
    return "uncounted";
  }
  const { operators } = fewest;
  if (operators.length === 1) note("problem", "one_operator", `${operators[0]} alone can meet ${name}`);
  if (rule.engine === "quorum") analyseQuorum(rule, name, fewest, voters, note);
  if (rule.engine === "percentage") {
    const n = membersOfQuorum(EVERYBODY, voters).length;
    if (operators.length > 1 && 2 * operators.length <= n) {
      const text = `${operators.length} of ${n} is no majority: for ${name} it is enough while the others are silent or scattered`;
      note("warning", "no_majority", text);
    }
  }
  return fewest;
}

function whyNever(rule: Rule): string {
  switch (rule.engine) {
    case "quorum":
      return "its threshold is above what all configured voters weigh together";
    case "logid":
      return `voter ${rule.id.slice(0, 8)} is not configured`;
    case "percentage":
    case "javascript":
      return "no voter is configured";
  }
}

function analyseQuorum(
  rule: Quorum,
  name: string,
  fewest: FewestOperators,
  voters: readonly Voter[],
  note: Note,
): void {
  const { operators } = fewest;
  const written = fewestForQuorum(asWritten(rule, voters), voters.map(withoutOperator));
  if (written !== undefined && operators.length < written.operators.length) {
    const text =
      `${name} reads as if ${written.operators.length} had to agree, ` +
      `but ${operators.length === 1 ? "one is" : `${operators.length} are`} enough: ${wordList(operators)}`;
    note("warning", "fewer_than_written", text);
  }
  if (canConflict(rule, voters)) {
    note("warning", "no_majority", `two values can both meet ${name}: then nothing is decided`);
  }
}

/** Read in passing: every voter and group counts for one. */
function asWritten(quorum: Quorum, voters: readonly Voter[]): Quorum {
  const groups = quorum.groups?.map((group) => asWritten(group, voters));
  const plain: Quorum = { threshold: quorum.threshold, voters: quorum.voters, groups };
  const members = membersOfQuorum(plain, voters.map(withoutOperator)).length;
  return { ...plain, threshold: Math.min(quorum.threshold, members) };
}

function withoutOperator({ logId, name }: Voter): Voter {
  return { logId, name };
}

function analyseException(exception: Exception, voters: readonly Voter[], time: number, note: Note): Worth {
  const { match, expires } = exception;
  const name = `the exception for ${printable(match)}`;
  if (!(time < expires)) {
    note("warning", "exception_ended", `${name} ended with ${lastDay(expires)}: renew it or take it out`);
    return "uncounted";
  }
  if (expires - time < SOON) note("warning", "exception_ends_soon", `${name} ends with ${lastDay(expires)}`);
  const fewest = fewestForQuorum(exception, voters);
  if (fewest === undefined) {
    note("warning", "exception_never_decides", `${name} can never decide: fewer voters are configured than it needs`);
    return "uncounted";
  }
  const isForAll = matchesEverything(match);
  if (fewest.operators.length === 1) {
    const [code, what] = isForAll
      ? (["one_operator", "any path"] as const)
      : (["exception_one_operator", "them"] as const);
    const severity = isForAll ? "problem" : "warning";
    note(severity, code, `${name} lets ${fewest.operators[0]} alone decide ${what} where no rule did`);
  }
  return isForAll ? fewest : "uncounted";
}

function analyseServing({ mode, undecided }: Policy, note: Note): void {
  const letThrough = "is installed if its upstream signed it";
  if (mode === "warn")
    note("warning", "not_enforced", `mode "warn": what is not decided ${letThrough}, with a warning`);
  if (mode === "observe") {
    note(
      "warning",
      "not_enforced",
      `mode "observe": the upstream's signed answer is installed whatever the voters say`,
    );
  }
  if (mode === "enforce" && undecided === "trust-upstream") {
    const text = `what is not decided ${letThrough}: whoever makes voters unreachable leaves the upstream to decide alone`;
    note("warning", "trusts_upstream", text);
  }
}
