/** Policies of a file: who votes, in which groups, with which exceptions; and every way to get them wrong. */
import { readFile } from "node:fs/promises";
import { analysePolicy, policyFromJson, policyToJson, type Policy } from "@trustix/decider";
import { describe, expect, test } from "vitest";
import { NodeError } from "../../src/errors.ts";
import { keyOf, load, publisher, subscriber } from "./files.ts";

const DAY = 86_400_000;
const NAMES = ["mercury", "venus", "mars", "saturn"];
const planets = (more: Record<string, string> = {}): string =>
  'remotes = ["http://a.example"]\n' +
  NAMES.map((name, i) => subscriber(i + 1, `name = "${name}"\n${more[name] ?? ""}`)).join("");
const ACME = planets({ mercury: 'operator = "acme"', venus: 'operator = "acme"' });
const quorum = (settings: string): string => `[[decider.nix]]\nengine = "quorum"\n[decider.nix.quorum]\n${settings}\n`;

async function loadPolicy(
  text: string,
): Promise<{ policy: Policy; warnings: readonly string[]; id: Record<string, string> }> {
  const { deciders, warnings, subscribers } = await load(text);
  const id = Object.fromEntries(subscribers.map(({ info, name }) => [name, info.id]));
  return { policy: deciders[0]!, warnings, id };
}

async function refusal(text: string): Promise<string> {
  try {
    await load(text);
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    expect(error.code).toBe("bad_config");
    return `${error.message}${error.hint === undefined ? "" : `\nhint: ${error.hint}`}`;
  }
  return "accepted";
}

test("every example of the page on policies is one", async () => {
  const page = await readFile(new URL("../../../../docs/operate/policy.md", import.meta.url), "utf8");
  const examples = [...page.matchAll(/^```toml\n(.*?)^```/gms)].map(([, text]) => text!);
  expect(examples).toHaveLength(5);
  for (const example of examples) {
    const rules = example.includes("[[decider.nix]]") ? "" : quorum("threshold = 4");
    const { deciders } = await load(`${planets()}${publisher(9, 'name = "mine"')}${rules}${example}`, {
      "/etc/trustix/k9": keyOf(9).privateText,
    });
    const found = analysePolicy(deciders[0]!, Date.UTC(2027, 0, 1)).findings.map(({ code }) => code);
    // Whoever only looks on is reminded of it.
    expect(found).toEqual(deciders[0]!.mode === "observe" ? ["not_enforced"] : []);
  }
});

test("rules alone make a policy of defaults, with every configured voter", async () => {
  const { policy, warnings, id } = await loadPolicy(planets() + quorum("threshold = 3"));
  expect(warnings).toEqual([]);
  expect(policy).toEqual({
    protocol: expect.objectContaining({ name: "nix" }),
    rules: [{ engine: "quorum", threshold: 3, voters: undefined }],
    voters: NAMES.map((name) => ({ logId: id[name], name, operator: undefined })),
    exceptions: [],
    mode: "enforce",
    undecided: "build",
    waitBudgetMs: 30_000,
    maxHeadAgeMs: undefined,
  });
});

test("everything that can be said, and it can be kept as JSON", async () => {
  const { policy, warnings, id } = await loadPolicy(`${ACME}
[[decider.nix]]
engine = "quorum"
[decider.nix.quorum]
threshold = 2
[[decider.nix.quorum.groups]]
name = "builders"
threshold = 3
voters = ["mercury", "venus", "mars"]
weights = { mars = 2 }
[[decider.nix.quorum.groups]]
threshold = 1
weight = 1
[[decider.nix.quorum.groups.groups]]
threshold = 1
voters = ["saturn"]
[policy.nix]
mode = "warn"
max-head-age = 604800
undecided = "wait"
wait-budget = 12.5
[[policy.nix.exceptions]]
match = "chromium-*"
reason = "the build date is in the binary"
expires = 2026-12-31
voters = ["mars", "saturn"]
[[policy.nix.exceptions]]
match = "/nix/store/7rjj86a15146cq1d3qy068lml7n7ykzm-hello-2.12"
reason = "one machine only"
expires = 2026-06-30T12:00:00+02:00
voters = ["mercury", "venus", "mars"]
threshold = 1
`);
  expect(warnings).toEqual([]);
  expect(policy).toMatchObject({
    mode: "warn",
    undecided: "wait",
    waitBudgetMs: 12_500,
    maxHeadAgeMs: 7 * DAY,
    rules: [
      {
        engine: "quorum",
        threshold: 2,
        voters: undefined,
        groups: [
          {
            name: "builders",
            threshold: 3,
            weight: 1,
            voters: [id["mercury"], id["venus"], id["mars"]],
            weights: { [id["mars"]!]: 2 },
          },
          { name: undefined, threshold: 1, weight: 1, voters: undefined, groups: [{ voters: [id["saturn"]] }] },
        ],
      },
    ],
    exceptions: [
      { match: "chromium-*", expires: Date.UTC(2027, 0, 1), voters: [id["mars"], id["saturn"]], threshold: 2 },
      { expires: Date.UTC(2026, 5, 30, 10), threshold: 1 },
    ],
  });
  expect(policy.voters.map(({ operator }) => operator)).toEqual(["acme", "acme", undefined, undefined]);
  const json = JSON.stringify(policyToJson(policy));
  expect(JSON.stringify(policyToJson(policyFromJson(JSON.parse(json))))).toBe(json);
});

test("an exception that names several voters of one operator wants that operator by default", async () => {
  const { policy } = await loadPolicy(`${ACME}${quorum("threshold = 2")}
[[policy.nix.exceptions]]
match = "x"
reason = "y"
expires = "2026-12-31"
voters = ["mercury", "venus", "mars"]
`);
  expect(policy.exceptions[0]!.threshold).toBe(2);
});

describe("what is allowed, and warned of", () => {
  const table: [name: string, text: string, wanted: string[]][] = [
    [
      "half of the voters",
      planets() + quorum("threshold = 2"),
      ["decider.nix[0].quorum.threshold: 2 of 4 is no majority: two values can both have enough"],
    ],
    ["a majority of operators that is none of voters", ACME + quorum("threshold = 2"), []],
    [
      "half of the weight",
      planets() + quorum("threshold = 3\nweights = { mars = 3 }"),
      ["decider.nix[0].quorum.threshold: 3 of 6 is no majority: two values can both have enough"],
    ],
    [
      "inner groups without a majority",
      planets() +
        quorum(
          'threshold = 2\n[[decider.nix.quorum.groups]]\nthreshold = 2\nvoters = ["mercury", "venus", "mars"]\n' +
            '[[decider.nix.quorum.groups]]\nthreshold = 1\nvoters = ["saturn", "mars"]',
        ),
      [],
    ],
    [
      "an operator in two spellings",
      planets({ mercury: 'operator = "Acme Inc"', venus: 'operator = "acme-inc"' }) + quorum("threshold = 3"),
      ['operator: "Acme Inc" and "acme-inc" count as two operators'],
    ],
    [
      "trust in an upstream under a mode that does not ask",
      `${planets()}${quorum("threshold = 3")}[policy.nix]\nmode = "observe"\nundecided = "trust-upstream"`,
      ['policy.nix.undecided: it says nothing under mode "observe"'],
    ],
  ];
  for (const [name, text, wanted] of table) {
    test(name, async () => expect((await load(text)).warnings).toEqual(wanted));
  }
});

describe("what is refused", () => {
  const groups = (...inner: string[]): string =>
    quorum(`threshold = ${inner.length}\n${inner.map((text) => `[[decider.nix.quorum.groups]]\n${text}`).join("\n")}`);
  const policy = (settings: string): string => `${planets()}${quorum("threshold = 3")}[policy.nix]\n${settings}`;
  const exception = (changes: Record<string, string | undefined>): string => {
    const settings: Record<string, string | undefined> = {
      match: '"x"',
      reason: '"y"',
      expires: "2026-12-31",
      voters: '["mars", "venus"]',
      ...changes,
    };
    const lines = Object.entries(settings).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key} = ${value}`],
    );
    return policy(`[[policy.nix.exceptions]]\n${lines.join("\n")}`);
  };
  const deep = (levels: number): string =>
    Array.from({ length: levels }, (_, i) => `[[decider.nix.quorum${".groups".repeat(i + 1)}]]\nthreshold = 1`).join(
      "\n",
    );

  const table: [name: string, text: string, wanted: RegExp][] = [
    [
      "more voters than operators",
      ACME + quorum("threshold = 4"),
      /decider\.nix\[0\]\.quorum\.threshold: 4 came, but its 4 voters have 3 operators: nothing could ever be decided\nhint: add voters/,
    ],
    [
      "two of one operator",
      ACME + quorum('threshold = 2\nvoters = ["mercury", "venus"]'),
      /threshold: 2 came, but its 2 voters have 1 operators/,
    ],
    [
      "more weight than there is",
      planets() + quorum("threshold = 9\nweights = { mars = 5 }"),
      /threshold: 9 came, but its members weigh 8 together/,
    ],
    [
      "an inner group that nobody can meet",
      planets() + groups('threshold = 2\nvoters = ["mars"]', "threshold = 1"),
      /decider\.nix\[0\]\.quorum\.groups\[0\]\.threshold: 2 came, but 1 voters are listed: nothing/,
    ],
    [
      "more groups wanted than there are",
      planets() + quorum('threshold = 2\n[[decider.nix.quorum.groups]]\nthreshold = 1\nvoters = ["mars"]'),
      /quorum\.threshold: 2 came, but it has 1 members/,
    ],
    [
      "a voter nobody knows, in a group",
      planets() + groups('threshold = 1\nvoters = ["marz"]'),
      /groups\[0\]\.voters\[0\]: "marz" is no configured voter of this protocol; there are: mercury.*\nhint: did you mean mars\?/,
    ],
    [
      "a voter twice in a group",
      planets() + groups('threshold = 1\nvoters = ["mars", "mars"]'),
      /groups\[0\]\.voters: one voter is listed twice/,
    ],
    [
      "a weight for a voter of another group",
      planets() + groups('threshold = 1\nvoters = ["mars"]\nweights = { venus = 2 }'),
      /groups\[0\]\.weights\.venus: "venus" is no configured voter of this protocol; there are: mars/,
    ],
    [
      "a weight of nothing",
      planets() + quorum("threshold = 1\nweights = { mars = 0 }"),
      /quorum\.weights\.mars: 0 came, a whole number from 1 to 1000 wanted/,
    ],
    [
      "groups too deep",
      planets() + quorum(`threshold = 1\n${deep(5)}`),
      /groups\[0\]\.groups\[0\]\.groups\[0\]\.groups\[0\]\.groups\[0\]: a table came, .* at most 4 deep wanted/,
    ],
    [
      "a slip in a group",
      planets() + groups('treshold = 1\nvoters = ["mars"]'),
      /groups\[0\]\.treshold: no such key; did you mean threshold\?/,
    ],
    [
      "a group without a threshold",
      planets() + groups('voters = ["mars"]'),
      /groups\[0\]\.threshold: missing; a whole/,
    ],
    ["an empty list of voters", planets() + quorum("threshold = 1\nvoters = []"), /quorum\.voters: a list of 0 came/],
    ["an operator of odd characters", planets({ mars: 'operator = "a/b"' }), /subscribers\[2\]\.operator: "a\/b" came/],
    [
      "another mode",
      policy('mode = "audit"'),
      /policy\.nix\.mode: "audit" came, "enforce", "warn" or "observe" wanted/,
    ],
    ["another rule for undecided paths", policy('undecided = "trust"'), /undecided: "trust" came, "build", "wait" or/],
    ["an age of nothing", policy("max-head-age = 0"), /policy\.nix\.max-head-age: 0 came, seconds, 1 to/],
    ["an endless wait", policy("wait-budget = 86400"), /policy\.nix\.wait-budget: 86400 came, seconds, 1 to 240/],
    [
      "a slip in a policy",
      policy("max-head-ago = 1"),
      /policy\.nix\.max-head-ago: no such key; did you mean max-head-age\?/,
    ],
    [
      "settings without rules",
      `${planets()}[policy.nix]\nmode = "warn"`,
      /policy\.nix: this protocol has no rules\nhint: add \[\[decider\.nix\]\]/,
    ],
    ["settings of an unknown protocol", "[policy.nyx]", /policy\.nyx: protocol "nyx" is not known/],
    [
      "settings under two names",
      policy('[policy."5138a791-8d00-4182-96bc-f1f2688cdde2"]\nmode = "warn"'),
      /policy\.5138a791-8d00-4182-96bc-f1f2688cdde2: the same protocol as policy\.nix\nhint: put all its settings/,
    ],
    ["an exception without a reason", exception({ reason: undefined }), /exceptions\[0\]\.reason: missing; 1 to 500/],
    ["an exception for ever", exception({ expires: undefined }), /exceptions\[0\]\.expires: missing; a date/],
    [
      "an exception for nobody",
      exception({ voters: "[]" }),
      /exceptions\[0\]\.voters: a list of 0 came, .* at least one/,
    ],
    ["an exception without voters", exception({ voters: undefined }), /exceptions\[0\]\.voters: missing/],
    ["a threshold of nobody", exception({ threshold: "0" }), /exceptions\[0\]\.threshold: 0 came/],
    [
      "an exception that nobody can meet",
      exception({ threshold: "3" }),
      /exceptions\[0\]\.threshold: 3 came, but its 2 voters have 2 operators: it could never decide/,
    ],
    ["a stranger in an exception", exception({ voters: '["pluto"]' }), /exceptions\[0\]\.voters\[0\]: "pluto" is no/],
    ["a day that is not in the calendar", exception({ expires: '"2026-02-30"' }), /expires: "2026-02-30" came, a date/],
    ["a time of day alone", exception({ expires: "07:32:00" }), /expires: "07:32:00\.000" came, a date/],
    [
      "a time without a zone",
      exception({ expires: "2026-12-31T12:00:00" }),
      /expires: "2026-12-31T12:00:00.*" came, .*\nhint: write Z or \+02:00 after it/,
    ],
    ["a number as date", exception({ expires: "20261231" }), /expires: 20261231 came, a date/],
    ["words as date", exception({ expires: '"next week"' }), /expires: "next week" came, a date/],
    [
      "a pattern with more than two wild cards",
      exception({ match: '"hello-[0-9]*"' }),
      /exceptions\[0\]\.match: "hello-\[0-9\]\*" came, letters, digits, \+-\._= and the wild cards \* and \? wanted/,
    ],
    [
      "a glob on a whole path",
      exception({ match: '"/nix/store/*-hello"' }),
      /match: .* came, a whole store path, or a glob on the name wanted\nhint: a glob is on the name alone/,
    ],
    [
      "a path without its folder",
      exception({ match: '"7rjj86a15146cq1d3qy068lml7n7ykzm-hello"' }),
      /match: .* a name without its hash part wanted\nhint: write \/nix\/store\/7rjj/,
    ],
    ["an empty pattern", exception({ match: '""' }), /match: "" came/],
  ];
  for (const [name, text, wanted] of table) {
    test(name, async () => expect(await refusal(text)).toMatch(wanted));
  }

  test("groups without end, in JSON, cost no more than reading them", async () => {
    const levels = 30_000;
    const text = `{"decider":{"nix":[{"engine":"quorum","quorum":${'{"threshold":1,"groups":['.repeat(levels)}${"]}".repeat(levels)}}]}}`;
    await expect(load("", { "/etc/trustix/c.json": text })).rejects.toThrow(/at most 4 deep wanted/);
  });

  test("a rule with too many voters in its groups", async () => {
    const inner = (n: number): string =>
      `[[decider.nix.quorum.groups]]\nthreshold = 1\nvoters = [${'"mars",'.repeat(n)}]`;
    const text = quorum(`threshold = 1\n${[inner(9000), inner(9000), inner(9000)].join("\n")}`);
    expect(await refusal(planets() + text)).toMatch(/quorum: 3 groups with 27000 voters came, at most 1000 with 20000/);
  });
});
