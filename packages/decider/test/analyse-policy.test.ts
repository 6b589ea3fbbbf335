/** What a policy is worth: counted here by trying every set of operators, and in sentences. */
import { TEST } from "@trustix/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  analysePolicy,
  canAccept,
  canConflict,
  decide,
  explainPolicy,
  POLICY_DEFAULTS,
  type Exception,
  type Policy,
  type Quorum,
  type QuorumGroup,
  type Rule,
  type Voter,
} from "../src/index.ts";
import { fewestForQuorum } from "../src/fewest-operators.ts";
import { ask, logId, votersOf } from "./ballots.ts";
import { quorum, voters, voteOf } from "./elections.ts";

const numRuns = 300 * Number(process.env["SLOW"] ?? 1);
const NOW = Date.UTC(2026, 5, 15);
const DAY = 86_400_000;

const operatorOf = ({ logId: id, operator, name }: Voter): string => operator ?? `${name} ${id}`;

function decidesFor(settings: Quorum, own: readonly Voter[], claiming: ReadonlyMap<string, string>): string {
  const votes = own.flatMap((voter) => voteOf(voter.logId, claiming.get(operatorOf(voter)) ?? "--"));
  const outcome = ask({ rules: [{ engine: "quorum", ...settings }], voters: own }, votes);
  return outcome.conflict ? "conflict" : outcome.decision === undefined ? "-" : "decided";
}

/** Every way to give each operator one of `words`. */
function* ways(operators: readonly string[], words: readonly string[]): Generator<Map<string, string>> {
  const [first, ...rest] = operators;
  if (first === undefined) yield new Map();
  else for (const way of ways(rest, words)) for (const word of words) yield new Map(way).set(first, word);
}

test("the fewest operators are as many as the smallest set that decides", () => {
  fc.assert(
    fc.property(voters, quorum, (own, settings) => {
      const operators = [...new Set(own.map(operatorOf))];
      let smallest = Infinity;
      for (const way of ways(operators, ["--", "0a"])) {
        const size = [...way.values()].filter((word) => word === "0a").length;
        if (size < smallest && decidesFor(settings, own, way) === "decided") smallest = size;
      }
      const found = fewestForQuorum(settings, own);
      expect(found?.operators.length ?? Infinity).toBe(smallest);
      expect(found?.atLeast ?? Infinity).toBe(smallest);
      expect(canAccept(settings, own)).toBe(found !== undefined);
    }),
    { numRuns: numRuns / 6 },
  );
});

test("where no operator sits in several groups, it is known exactly whether two values can both be accepted", () => {
  const alone = voters.map((own) => own.map((voter) => ({ ...voter, operator: undefined })).slice(0, 6));
  const isTree = (settings: Quorum, own: readonly Voter[]): boolean => {
    const seats: string[] = [];
    const visit = (group: Quorum): void => {
      const named = group.voters ?? ((group.groups ?? []).length === 0 ? own.map((voter) => voter.logId) : []);
      seats.push(...new Set(named));
      group.groups?.forEach(visit);
    };
    visit(settings);
    return new Set(seats).size === seats.length;
  };
  fc.assert(
    fc.property(alone, quorum, (own, settings) => {
      let conflicts = false;
      for (const way of ways(own.map(operatorOf), ["--", "0a", "0b"])) {
        if ((conflicts = decidesFor(settings, own, way) === "conflict")) break;
      }
      const found = canConflict(settings, own);
      if (conflicts) expect(found).toBe(true);
      if (isTree(settings, own)) expect(found).toBe(conflicts);
    }),
    { numRuns: numRuns / 6 },
  );
  // Both answers are met: always the same policies here, so that chance fails nothing.
  const sample = fc.sample(fc.tuple(alone, quorum), { numRuns: 500, seed: 7 });
  const yes = sample.filter(([own, settings]) => canConflict(settings, own)).length;
  expect(yes).toBeGreaterThan(20);
  expect(yes).toBeLessThan(480);
});

const FOUR = votersOf("mercury", "venus", "saturn", "mars");
const ACME = votersOf("mercury@acme", "venus@acme", "saturn", "mars");
const ids = (...names: string[]) => names.map(logId);
const q = (threshold: number, more: Partial<Quorum> = {}): Rule => ({
  engine: "quorum",
  threshold,
  voters: undefined,
  ...more,
});
const policyOf = (rules: Rule[], own: readonly Voter[] = FOUR, more: Partial<Policy> = {}): Policy => ({
  ...POLICY_DEFAULTS,
  protocol: TEST,
  rules,
  voters: own,
  ...more,
});
const exception = (more: Partial<Exception> = {}): Exception => ({
  match: "chromium-*",
  reason: "timestamps",
  expires: NOW + 100 * DAY,
  voters: ids("mercury", "mars"),
  threshold: 2,
  ...more,
});
const BUILDERS: QuorumGroup = { name: "builders", threshold: 2, voters: ids("mercury", "venus", "saturn") };

describe("what is found", () => {
  const table: [name: string, policy: Policy, fewest: string | undefined, findings: string[]][] = [
    ["a majority of independent voters is fine", policyOf([q(3)]), "mars, mercury, saturn", []],
    ["no rule", policyOf([]), undefined, ["problem no_rules: there is no rule: nothing is ever decided"]],
    [
      "half of the voters",
      policyOf([q(2)]),
      "mars, mercury",
      ["warning no_majority: two values can both meet the rule: then nothing is decided"],
    ],
    [
      "one voter",
      policyOf([q(1)], votersOf("mercury")),
      "mercury",
      ["problem one_operator: mercury alone can meet the rule"],
    ],
    [
      "a threshold above what there is",
      policyOf([q(3)], ACME.slice(0, 3)),
      undefined,
      [
        "problem never_decides: nothing can ever be decided",
        "warning rule_never_decides: the rule can never decide: its threshold is above what all configured voters weigh together",
      ],
    ],
    [
      "a heavy voter",
      policyOf([q(3, { weights: { [logId("mars")]: 3 } })]),
      "mars",
      [
        "problem one_operator: mars alone can meet the rule",
        "warning fewer_than_written: the rule reads as if 3 had to agree, but one is enough: mars",
        "warning no_majority: two values can both meet the rule: then nothing is decided",
      ],
    ],
    [
      "an operator in both groups",
      policyOf(
        [
          q(2, {
            groups: [
              { threshold: 1, voters: ids("mercury", "mars") },
              { threshold: 1, voters: ids("venus") },
            ],
          }),
        ],
        ACME,
      ),
      "acme",
      [
        "problem one_operator: acme alone can meet the rule",
        "warning fewer_than_written: the rule reads as if 2 had to agree, but one is enough: acme",
      ],
    ],
    [
      "inner groups without a majority are no conflict of the whole",
      policyOf([q(2, { groups: [BUILDERS, { threshold: 1, voters: ids("mars") }] })]),
      "mars, mercury, saturn",
      [],
    ],
    [
      "a minority as percentage",
      policyOf([{ engine: "percentage", minimum: 50 }]),
      "mars, mercury",
      [
        "warning no_majority: 2 of 4 is no majority: for the rule it is enough while the others are silent or scattered",
      ],
    ],
    ["a percentage of all", policyOf([{ engine: "percentage", minimum: 100 }]), "mars, mercury, saturn, venus", []],
    [
      "any percentage",
      policyOf([{ engine: "percentage", minimum: 0 }]),
      "mars",
      ["problem one_operator: mars alone can meet the rule"],
    ],
    [
      "one log",
      policyOf([q(3), { engine: "logid", id: logId("venus") }], ACME),
      "acme",
      ["problem one_operator: acme alone can meet rule 2 (logid)"],
    ],
    [
      "one log that is not configured",
      policyOf([{ engine: "logid", id: logId("f".repeat(64)) }, q(3)]),
      "mars, mercury, saturn",
      ["warning rule_never_decides: rule 1 (logid) can never decide: voter ffffffff is not configured"],
    ],
    [
      "a function",
      policyOf([{ engine: "javascript", source: "i => i[0].Value" }]),
      undefined,
      [
        "warning function_decides: the rule is a function: nobody can say how many must agree, one claim may be enough for it",
      ],
    ],
    [
      "nobody at all",
      policyOf([{ engine: "percentage", minimum: 10 }], []),
      undefined,
      [
        "problem never_decides: nothing can ever be decided",
        "warning rule_never_decides: the rule can never decide: no voter is configured",
      ],
    ],
    ["an exception for two", policyOf([q(3)], FOUR, { exceptions: [exception()] }), "mars, mercury, saturn", []],
    [
      "an exception for one",
      policyOf([q(3)], FOUR, { exceptions: [exception({ threshold: 1 })] }),
      "mars, mercury, saturn",
      ["warning exception_one_operator: the exception for chromium-* lets mars alone decide them where no rule did"],
    ],
    [
      "an exception for two voters of one operator",
      policyOf([q(3)], ACME, { exceptions: [exception({ voters: ids("mercury", "venus"), threshold: 1 })] }),
      "acme, mars, saturn",
      ["warning exception_one_operator: the exception for chromium-* lets acme alone decide them where no rule did"],
    ],
    [
      "an exception for everything counts as a rule",
      policyOf([q(3)], FOUR, { exceptions: [exception({ match: "**" })] }),
      "mars, mercury",
      [],
    ],
    [
      "one operator for everything",
      policyOf([q(3)], FOUR, { exceptions: [exception({ match: "*", threshold: 1 })] }),
      "mars",
      ["problem one_operator: the exception for * lets mars alone decide any path where no rule did"],
    ],
    [
      "exceptions that are over, nearly over, or for nobody here",
      policyOf([q(3)], FOUR, {
        exceptions: [
          exception({ match: "*", expires: NOW, threshold: 1 }),
          exception({ match: "a", expires: NOW + DAY }),
          exception({ match: "b", voters: ids("pluto"), threshold: 1 }),
        ],
      }),
      "mars, mercury, saturn",
      [
        "warning exception_ended: the exception for * ended with 2026-06-14: renew it or take it out",
        "warning exception_ends_soon: the exception for a ends with 2026-06-15",
        "warning exception_never_decides: the exception for b can never decide: fewer voters are configured than it needs",
      ],
    ],
    [
      "mode warn",
      policyOf([q(3)], FOUR, { mode: "warn" }),
      "mars, mercury, saturn",
      ['warning not_enforced: mode "warn": what is not decided is installed if its upstream signed it, with a warning'],
    ],
    [
      "mode observe",
      policyOf([q(3)], FOUR, { mode: "observe", undecided: "trust-upstream" }),
      "mars, mercury, saturn",
      ['warning not_enforced: mode "observe": the upstream\'s signed answer is installed whatever the voters say'],
    ],
    [
      "trust in an upstream",
      policyOf([q(3)], FOUR, { undecided: "trust-upstream" }),
      "mars, mercury, saturn",
      [
        "warning trusts_upstream: what is not decided is installed if its upstream signed it: whoever makes voters unreachable leaves the upstream to decide alone",
      ],
    ],
  ];
  for (const [name, own, fewest, wanted] of table) {
    test(name, () => {
      const analysis = analysePolicy(own, NOW);
      expect(analysis.fewest?.operators.join(", ")).toBe(fewest);
      expect(analysis.findings.map(({ severity, code, text }) => `${severity} ${code}: ${text}`)).toEqual(wanted);
    });
  }

  test("the order of voters changes nothing", () => {
    for (const [, own] of table) {
      const turned = { ...own, voters: own.voters.toReversed() };
      expect(analysePolicy(turned, NOW)).toEqual(analysePolicy(own, NOW));
      expect(explainPolicy(turned, NOW)).toEqual(explainPolicy(own, NOW));
    }
  });
});

test("too many ways to try are a range, and cost little", () => {
  const many = Array.from({ length: 120 }, (_, i) => ({
    logId: logId(`${i}`),
    name: `v${i}`,
    operator: `op ${i % 60}`,
  }));
  const half = (from: number): QuorumGroup => ({
    threshold: 40,
    voters: many.slice(from, from + 60).map((voter) => voter.logId),
    weights: Object.fromEntries(many.map((voter, i) => [voter.logId, 1 + ((i * 7 + from) % 5)])),
  });
  const before = process.threadCpuUsage();
  const found = fewestForQuorum({ threshold: 2, voters: undefined, groups: [half(0), half(60)] }, many)!;
  expect(process.threadCpuUsage(before).user / 1000).toBeLessThan(5000);
  expect(found.atLeast).toBeLessThan(found.operators.length);
  const claiming = new Set(found.operators);
  const votes = many.flatMap((voter) => voteOf(voter.logId, claiming.has(voter.operator) ? "0a" : "--"));
  const own = policyOf([q(2, { groups: [half(0), half(60)] })], many);
  const question = { key: new Uint8Array(), opinions: new Map(), time: NOW, sandbox: undefined };
  expect(decide({ policy: own, votes, ...question }).decision).toBeDefined();
});

test("a large policy is analysed quickly", () => {
  const many = Array.from({ length: 5000 }, (_, i) => ({ logId: logId(`${i}`), name: `v${i}` }));
  const weights = Object.fromEntries(many.map((voter, i) => [voter.logId, 1 + (i % 9)]));
  const before = process.threadCpuUsage();
  expect(analysePolicy(policyOf([q(12_000, { weights }), q(2501)], many), NOW).fewest!.operators).toHaveLength(1477);
  expect(process.threadCpuUsage(before).user / 1000).toBeLessThan(3000);
});

describe("in sentences", () => {
  test("a plain quorum", () => {
    expect(explainPolicy(policyOf([q(3)]), NOW)).toEqual([
      "4 voters: mars, mercury, saturn and venus",
      "A value is decided when it is the only one claimed by at least 3 of mars, mercury, saturn and venus",
      "No fewer than 3 operators can decide together, for example mars, mercury and saturn",
      "What is not decided is not there for Nix, which asks its next cache or builds it",
    ]);
  });

  test("operators, groups, weights, exceptions, ages, waiting", () => {
    const own = policyOf(
      [
        q(2, {
          groups: [
            BUILDERS,
            { threshold: 3, voters: ids("mars", "saturn"), weights: { [logId("mars")]: 2 }, weight: 1 },
          ],
        }),
        { engine: "percentage", minimum: 80 },
        { engine: "logid", id: logId("mars") },
        { engine: "javascript", source: "i => i[0].Value" },
      ],
      ACME,
      {
        exceptions: [
          exception(),
          exception({ match: "/nix/store/x", expires: NOW + 3_600_000, voters: ids("mars", "pluto"), threshold: 1 }),
          exception({ expires: NOW - 1 }),
        ],
        maxHeadAgeMs: 7 * DAY,
        undecided: "wait",
        waitBudgetMs: 90_000,
      },
    );
    expect(explainPolicy(own, NOW)).toEqual([
      "4 voters of 3 operators, each of which counts once: acme (mercury, venus), mars and saturn",
      "A value is decided by rule 1 when it is the only one claimed by both of (a weight of at least 3 of 3 among mars with weight 2 and saturn) and builders (both of acme (mercury, venus) and saturn)",
      "Else by rule 2 when it leads alone and at least 80 % of all operators claim it",
      "Else by rule 3 when mars claims it",
      "Else by rule 4 when a function of 15 characters chooses it among the claims",
      "Until the end of 2026-09-22, for names like chromium-*: if no rule decides, a value claimed by both of acme (mercury) and mars is enough (timestamps)",
      "Until 2026-06-15T01:00:00Z, for /nix/store/x: if no rule decides, a value claimed by at least 1 of mars and pluto (not configured) is enough (timestamps)",
      "Not any more, it ended with 2026-06-14T23:59:59Z: for names like chromium-*, if no rule decides, a value claimed by both of acme (mercury) and mars is enough (timestamps)",
      "One operator is enough: mars",
      "A voter whose head was not confirmed for 7 days does not vote",
      "What is not decided is waited for, 90 seconds at most; then it is not there for Nix, which asks its next cache or builds it",
    ]);
  });

  test("modes", () => {
    const last = (more: Partial<Policy>): string => explainPolicy(policyOf([q(3)], FOUR, more), NOW).at(-1)!;
    expect(last({ mode: "observe" })).toBe(
      'Installed is any path, if a key configured for its upstream signed it: the votes are only recorded (mode "observe")',
    );
    expect(last({ mode: "warn" })).toContain(
      'is installed, with a warning, if a key configured for its upstream signed it (mode "warn")',
    );
    expect(last({ undecided: "trust-upstream" })).toBe(
      "What is not decided is installed if a key configured for its upstream signed it",
    );
  });
});
