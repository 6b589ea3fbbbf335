/** A policy in plain sentences: who votes, who must agree, what happens otherwise. */
import { compareText, unitOf, votersByName } from "./count-votes.ts";
import { analysePolicy } from "./analyse-policy.ts";
import { lastDay, printable, wordList } from "./explain.ts";
import {
  EVERYBODY,
  type Exception,
  type Policy,
  type Quorum,
  type QuorumGroup,
  type Rule,
  type Voter,
} from "./policy.ts";
import { membersOfQuorum, type Member } from "./weigh-quorum.ts";

/** One sentence an item, without full stop. `time`: milliseconds since 1970. */
export function explainPolicy(policy: Policy, time: number): string[] {
  const voters = votersByName(policy);
  const { fewest } = analysePolicy(policy, time);
  return [
    whoVotes(voters),
    ...policy.rules.map((rule, i) => `${leadOf(policy.rules, i)} ${explainRule(rule, voters)}`),
    ...policy.exceptions.map((exception) => explainException(exception, voters, time)),
    ...(fewest === undefined ? [] : [explainWorth(fewest.operators, fewest.atLeast)]),
    ...explainAge(policy),
    explainMode(policy),
  ];
}

function leadOf(rules: readonly Rule[], i: number): string {
  if (rules.length === 1) return "A value is decided";
  return i === 0 ? "A value is decided by rule 1" : `Else by rule ${i + 1}`;
}

function whoVotes(voters: readonly Voter[]): string {
  if (voters.length === 0) return "Nobody votes";
  const units = membersOfQuorum(EVERYBODY, voters);
  const words = wordList(units.map((unit) => memberName(unit, voters)).sort(compareText));
  if (units.length === voters.length) return `${count(units.length, "voter")}: ${words}`;
  return `${count(voters.length, "voter")} of ${count(units.length, "operator")}, each of which counts once: ${words}`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

/** `mars`, `acme (mercury, venus)`, `builders (at least 2 of ...)`; with its weight unless that is 1. */
function memberName(member: Member, voters: readonly Voter[]): string {
  const heavy = member.weight === 1 ? "" : ` with weight ${member.weight}`;
  if (member.kind === "group") {
    const { name } = member.group;
    return `${name === undefined ? "" : `${name} `}(${explainQuorum(member.group, voters)})${heavy}`;
  }
  const [first] = member.voters;
  const own = voters.filter((voter) => unitOf(voter) === member.id);
  if (own.length === 1 || first!.operator === undefined) return `${first!.name}${heavy}`;
  return `${first!.operator} (${member.voters.map(({ name }) => name).join(", ")})${heavy}`;
}

function explainRule(rule: Rule, voters: readonly Voter[]): string {
  switch (rule.engine) {
    case "quorum":
      return `when it is the only one claimed by ${explainQuorum(rule, voters)}`;
    case "percentage": {
      const units = membersOfQuorum(EVERYBODY, voters).length;
      const who = units === voters.length ? "voters" : "operators";
      return `when it leads alone and at least ${rule.minimum} % of all ${who} claim it`;
    }
    case "logid":
      return `when ${voters.find(({ logId }) => logId === rule.id)?.name ?? `voter ${rule.id.slice(0, 8)}`} claims it`;
    case "javascript":
      return `when a function of ${rule.source.length} characters chooses it among the claims`;
  }
}

/** `at least 2 of mars, mercury and venus`; `a weight of at least 3 of 5 among ...`. */
function explainQuorum(quorum: Quorum | QuorumGroup, voters: readonly Voter[]): string {
  const members = membersOfQuorum(quorum, voters);
  const names = members.map((member) => memberName(member, voters));
  const strangers = strangersOf(quorum, voters).map((id) => `${id.slice(0, 8)} (not configured)`);
  const words = wordList([...names.sort(compareText), ...strangers]);
  const n = members.length + strangers.length;
  const { threshold } = quorum;
  if (members.some(({ weight }) => weight !== 1)) {
    const total = members.reduce((sum, { weight }) => sum + weight, strangers.length);
    return `a weight of at least ${threshold} of ${total} among ${words}`;
  }
  if (n === 1 && threshold === 1) return words;
  if (n === threshold) return n === 2 ? `both of ${words}` : `all ${n} of ${words}`;
  return `at least ${threshold} of ${words}`;
}

function strangersOf({ voters: named = [] }: Quorum, voters: readonly Voter[]): string[] {
  const known = new Set<string>(voters.map(({ logId }) => logId));
  return [...new Set(named)].filter((id) => !known.has(id)).sort();
}

function explainException(exception: Exception, voters: readonly Voter[], time: number): string {
  const { match, reason, expires } = exception;
  const what = `${match.startsWith("/") ? "" : "names like "}${printable(match)}`;
  const day = lastDay(expires);
  const until = day.includes("T") ? `Until ${day}` : `Until the end of ${day}`;
  const who = `if no rule decides, a value claimed by ${explainQuorum(exception, voters)} is enough (${printable(reason)})`;
  return time < expires ? `${until}, for ${what}: ${who}` : `Not any more, it ended with ${day}: for ${what}, ${who}`;
}

function explainWorth(operators: readonly string[], atLeast: number): string {
  const n = operators.length;
  if (n === 1) return `One operator is enough: ${operators[0]}`;
  const few = atLeast < n ? `No fewer than ${atLeast}, and at most ${n}` : `No fewer than ${n}`;
  return `${few} operators can decide together, for example ${wordList(operators)}`;
}

function explainAge({ maxHeadAgeMs }: Policy): string[] {
  return maxHeadAgeMs === undefined
    ? []
    : [`A voter whose head was not confirmed for ${lasting(maxHeadAgeMs)} does not vote`];
}

/** In the largest unit that says it exactly. */
function lasting(ms: number): string {
  for (const [unit, size] of [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
    ["second", 1000],
  ] as const) {
    if (ms >= size && ms % size === 0) return count(ms / size, unit);
  }
  return `${ms / 1000} seconds`;
}

const NOT_THERE = "not there for Nix, which asks its next cache or builds it";
const SIGNED = "if a key configured for its upstream signed it";

function explainMode({ mode, undecided, waitBudgetMs }: Policy): string {
  if (mode === "observe") return `Installed is any path, ${SIGNED}: the votes are only recorded (mode "observe")`;
  if (mode === "warn") return `What is not decided is installed, with a warning, ${SIGNED} (mode "warn")`;
  switch (undecided) {
    case "build":
      return `What is not decided is ${NOT_THERE}`;
    case "wait":
      return `What is not decided is waited for, ${lasting(waitBudgetMs)} at most; then it is ${NOT_THERE}`;
    case "trust-upstream":
      return `What is not decided is installed ${SIGNED}`;
  }
}
