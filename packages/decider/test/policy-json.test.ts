/** Policies as JSON: one form, nothing lost, and everything else refused by its place. */
import { NIX, ProtocolError, TEST, type LogId } from "@trustix/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { POLICY_BOUNDS, POLICY_DEFAULTS, policyFromJson, policyToJson, type Policy } from "../src/index.ts";
import { ask } from "./ballots.ts";
import { election, opinions, policy, votesOf } from "./elections.ts";

const A = "a".repeat(64) as LogId;
const B = "b".repeat(64) as LogId;
const numRuns = 300 * Number(process.env["SLOW"] ?? 1);
const textOf = (own: Policy): string => JSON.stringify(policyToJson(own));
const reread = (own: Policy): Policy => policyFromJson(JSON.parse(textOf(own)));

const FULL: Policy = {
  protocol: NIX,
  voters: [
    { logId: B, name: "venus" },
    { logId: A, name: "mercury", operator: "acme" },
  ],
  rules: [
    {
      engine: "quorum",
      threshold: 2,
      voters: [B, A],
      weights: { [A]: 2, [B]: 1 },
      groups: [
        { threshold: 1, voters: [A] },
        { name: "deep", weight: 3, threshold: 1, voters: undefined, groups: [{ threshold: 1, voters: undefined }] },
      ],
    },
    { engine: "percentage", minimum: 66 },
    { engine: "logid", id: A },
    { engine: "javascript", source: "i => i[0].Value" },
  ],
  exceptions: [{ match: "hello-*", reason: "timestamps", expires: 1_800_000_000_000, voters: [B, A], threshold: 2 }],
  mode: "warn",
  undecided: "wait",
  waitBudgetMs: 5000,
  maxHeadAgeMs: 86_400_000,
};

test("the form is this one", () => {
  expect(textOf(FULL)).toBe(
    `{"version":1,"protocol":"${NIX.id}",` +
      `"voters":[{"id":"${A}","name":"mercury","operator":"acme"},{"id":"${B}","name":"venus"}],` +
      `"rules":[{"engine":"quorum","threshold":2,"voters":["${A}","${B}"],"weights":{"${A}":2},` +
      `"groups":[{"name":"deep","weight":3,"threshold":1,"groups":[{"threshold":1}]},{"threshold":1,"voters":["${A}"]}]},` +
      `{"engine":"percentage","minimum":66},{"engine":"logid","id":"${A}"},` +
      `{"engine":"javascript","source":"i => i[0].Value"}],` +
      `"exceptions":[{"match":"hello-*","reason":"timestamps","expires":1800000000000,"voters":["${A}","${B}"],"threshold":2}],` +
      `"mode":"warn","undecided":"wait","waitBudgetMs":5000,"maxHeadAgeMs":86400000}`,
  );
});

test("what is read back has the same text, and decides the same with the same words", () => {
  fc.assert(
    fc.property(election, ({ policy: own, said }) => {
      const again = reread(own);
      expect(textOf(again)).toBe(textOf(own));
      const run = (one: Policy) => {
        const { decision, ...rest } = ask(one, votesOf(said), { opinions, time: 1000 });
        return { ...rest, digest: decision?.digest, confidence: decision?.confidence, logIds: decision?.logIds };
      };
      expect(run(again)).toEqual(run(own));
    }),
    { numRuns },
  );
});

test("the order of voters, groups and exceptions does not show", () => {
  fc.assert(
    fc.property(policy, (own) => {
      const turned: Policy = {
        ...own,
        voters: own.voters.toReversed(),
        exceptions: own.exceptions.map((one) => ({ ...one, voters: one.voters.toReversed() })).toReversed(),
        rules: own.rules.map((rule) =>
          rule.engine === "quorum"
            ? { ...rule, voters: rule.voters?.toReversed(), groups: rule.groups?.toReversed() }
            : rule,
        ),
      };
      expect(textOf(turned)).toBe(textOf(own));
    }),
    { numRuns },
  );
});

describe("anything else is refused by its place", () => {
  const plain = (): Record<string, never> => JSON.parse(textOf(FULL)) as Record<string, never>;
  const changed = (path: string, value: unknown): unknown => {
    const root = plain();
    const parts = path.split(".");
    let inner: Record<string, never> = root;
    for (const part of parts.slice(0, -1)) inner = inner[part]!;
    if (value === undefined) delete inner[parts.at(-1)!];
    else (inner as Record<string, unknown>)[parts.at(-1)!] = value;
    return root;
  };
  const deep = (levels: number): object =>
    levels === 0 ? { threshold: 1 } : { threshold: 1, groups: [deep(levels - 1)] };
  const many = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i).padStart(64, "0"));

  const table: [name: string, value: unknown, wanted: RegExp][] = [
    ["no object", [], /^policy: a list of 0 came, an object wanted/],
    ["nothing", undefined, /^policy: nothing came/],
    ["null", null, /^policy: null came/],
    ["another version", changed("version", 2), /^policy\.version: 2 came, version 1 wanted/],
    ["a missing field", changed("mode", undefined), /^policy\.mode: nothing came, it is required/],
    ["an unknown field", changed("colour", "red"), /^policy\.colour: there is no such field/],
    ["a field with a line in its name", changed("a\nb", 1), /^policy\."a\\nb": there is no such field/],
    [
      "a key that JavaScript reacts to",
      JSON.parse('{"__proto__":{"version":1}}'),
      /^policy\.__proto__: there is no such/,
    ],
    [
      "another protocol",
      changed("protocol", "nix"),
      /^policy\.protocol: Protocol: "nix" came, a lower-case UUID wanted/,
    ],
    ["voters of another kind", changed("voters", {}), /^policy\.voters: an object came, a list wanted/],
    ["a voter twice", changed("voters.1.id", A), /^policy: it is not in its one form/],
    [
      "voters in another order",
      changed(
        "voters",
        FULL.voters.map((v) => ({ id: v.logId, name: v.name })),
      ),
      /one form/,
    ],
    ["an id in capitals", changed("voters.0.id", "A".repeat(64)), /^policy\.voters\[0\]\.id: log id: .* 64 lower-case/],
    [
      "an endless id",
      changed("voters.0.id", "a".repeat(1e6)),
      /^policy\.voters\[0\]\.id: .{0,120} characters.* at most 64/,
    ],
    [
      "a name of control characters",
      changed("voters.0.name", "\u001b[2J"),
      /^policy\.voters\[0\]\.name: "\\u001b\[2J" came/,
    ],
    ["too many voters", changed("voters", many(10_001)), /^policy\.voters: a list of 10001 came, at most 10000/],
    [
      "another engine",
      changed("rules.0.engine", "majority"),
      /^policy\.rules\[0\]\.engine: "majority" came, "quorum" or/,
    ],
    ["a rule that is no object", changed("rules.0", null), /^policy\.rules\[0\]\.engine: nothing came/],
    ["too many rules", changed("rules", many(101)), /^policy\.rules: a list of 101 came, at most 100/],
    [
      "a threshold of nobody",
      changed("rules.0.threshold", 0),
      /^policy\.rules\[0\]\.threshold: 0 came, a whole number from 1/,
    ],
    ["half a threshold", changed("rules.0.threshold", 1.5), /threshold: 1\.5 came/],
    ["a threshold without bound", changed("rules.0.threshold", 1e300), /threshold: 1e\+300 came/],
    ["a percentage over all", changed("rules.1.minimum", 101), /^policy\.rules\[1\]\.minimum: 101 came/],
    ["nobody named", changed("rules.0.voters", []), /^policy\.rules\[0\]\.voters: a list of 0 came, at least 1/],
    ["a voter named twice", changed("rules.0.voters", [A, A]), /one form/],
    ["a weight of nothing", changed("rules.0.weights", { [A]: 0 }), /weights\.a{64}: 0 came, a whole number from 2/],
    ["a weight that goes without saying", changed("rules.0.weights", { [A]: 1 }), /weights\.a{64}: 1 came/],
    ["a weight of a stranger", changed("rules.0.weights", { ["c".repeat(64)]: 2 }), /a voter of the same group wanted/],
    ["weights of nobody", changed("rules.0.weights", {}), /"0 weights" came, 1 to 10000/],
    ["no groups", changed("rules.0.groups", []), /^policy\.rules\[0\]\.groups: a list of 0 came, at least 1/],
    [
      "groups too deep",
      changed("rules.0.groups", [deep(4)]),
      /groups\[0\]\.groups: a list of 1 came, groups at most 4 deep/,
    ],
    ["groups without end", changed("rules.0.groups", [deep(3000)]), /groups at most 4 deep wanted/],
    ["too many groups", changed("rules.0.groups", many(1001)), /groups: a list of 1001 came, at most 1000/],
    [
      "a group of another kind",
      changed("rules.0.groups.0", "x"),
      /^policy\.rules\[0\]\.groups\[0\]: "x" came, an object/,
    ],
    [
      "an unknown field of a group",
      changed("rules.0.groups.0.engine", "quorum"),
      /groups\[0\]\.engine: there is no such field/,
    ],
    [
      "a function without end",
      changed("rules.3.source", "x".repeat(70_000)),
      /^policy\.rules\[3\]\.source: .* at most 65536/,
    ],
    [
      "an exception without a reason",
      changed("exceptions.0.reason", ""),
      /^policy\.exceptions\[0\]\.reason: "" came, a text/,
    ],
    [
      "an exception for nobody",
      changed("exceptions.0.voters", []),
      /^policy\.exceptions\[0\]\.voters: a list of 0 came/,
    ],
    [
      "an exception that nobody must agree to",
      changed("exceptions.0.threshold", 0),
      /exceptions\[0\]\.threshold: 0 came/,
    ],
    ["an exception for ever", changed("exceptions.0.expires", 1e300), /exceptions\[0\]\.expires: 1e\+300 came/],
    ["another mode", changed("mode", "audit"), /^policy\.mode: "audit" came, "enforce" or "warn" or "observe" wanted/],
    ["another rule for undecided paths", changed("undecided", "trust"), /^policy\.undecided: "trust" came/],
    ["a budget below nothing", changed("waitBudgetMs", -1), /^policy\.waitBudgetMs: -1 came/],
    ["an age that is a text", changed("maxHeadAgeMs", "1"), /^policy\.maxHeadAgeMs: "1" came/],
    ["fields in another order", Object.fromEntries(Object.entries(plain()).toReversed()), /one form/],
  ];
  for (const [name, value, wanted] of table) {
    test(name, () => {
      let message = "accepted";
      try {
        policyFromJson(value);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        ({ message } = error as Error);
      }
      expect(message).toMatch(wanted);
      expect(message.length).toBeLessThan(400);
    });
  }

  test("seats of all groups of a rule count together", () => {
    const voters = many(10_000);
    const group = { threshold: 1, voters };
    const root = { ...plain(), rules: [{ engine: "quorum", threshold: 1, groups: [group, group, group] }] };
    expect(POLICY_BOUNDS.seats).toBe(20_000);
    expect(() => policyFromJson(root)).toThrow(
      /^policy\.rules\[0\]\.groups\[2\]\.voters: a list of 10000 came, at most 0/,
    );
  });

  test("whatever JSON comes, it is a policy or a refusal", () => {
    const names = fc.constantFrom(
      "version",
      "protocol",
      "voters",
      "rules",
      "exceptions",
      "mode",
      "undecided",
      "id",
      "name",
    );
    const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.dictionary(names, fc.jsonValue({ maxDepth: 2 })));
    fc.assert(
      fc.property(
        value,
        fc.constantFrom("rules", "voters", "exceptions", "mode", "protocol", "waitBudgetMs"),
        (own, where) => {
          for (const candidate of [own, changed(where, own)]) {
            try {
              expect(textOf(policyFromJson(candidate))).toBe(JSON.stringify(candidate));
            } catch (error) {
              if (!(error instanceof ProtocolError)) throw error;
              expect(error.message).toMatch(/^policy/);
            }
          }
        },
      ),
      { numRuns },
    );
  });
});

test("a policy of defaults is short", () => {
  const own: Policy = { ...POLICY_DEFAULTS, protocol: TEST, rules: [], voters: [] };
  expect(reread(own)).toEqual(own);
});
