/**
 * The existing program's answers, each compared with ours. Where we differ on purpose, the difference has a name, a
 * test of when it applies and a count; any other difference fails.
 */
import { toHex } from "@trustix/crypto";
import { afterAll, describe, expect, test } from "vitest";
import { createSandbox, type Rule } from "../src/index.ts";
import { ask, logId, votersOf, votesOf } from "./ballots.ts";
import vectors from "./vectors/g-deciders.json" with { type: "json" };

const sandbox = await createSandbox();
afterAll(() => sandbox.close());

/** `aa 66`, or `-` for no decision; errors and panics of the existing program are no decisions. */
function ours(rules: readonly Rule[], claims: readonly string[]): string {
  const names = claims.map((claim) => claim.split("=")[0]!);
  const { decision } = ask({ rules, voters: votersOf(...names) }, votesOf(...claims), { sandbox });
  return decision === undefined ? "-" : `${toHex(decision.digest)} ${decision.confidence}`;
}

function theirs(outcome: string): string {
  const found = /^value=(.*) confidence=(\d+)$/s.exec(outcome);
  return found === null ? "-" : `${found[1]} ${found[2]}`;
}

/** The vectors name values a, b, c; a digest needs two digits. */
const asHex = (value: string): string => value.replace(/^[a-z]$/, (letter) => `${letter.codePointAt(0)!.toString(16)}`);

describe("percentage", () => {
  const differences = {
    "ties are undecided, not decided by chance": 0,
    "shares are exact: all of 3 are 100 %, not 99": 0,
    "a minimum is compared with the exact share": 0,
    "more than 100 logs still have shares": 0,
  };

  test("differs only where it is meant to", () => {
    for (const { minimum, n, values, outcomes } of vectors.percentage) {
      const list = listOf(values);
      expect(list.length).toBe(n);
      const claims = list.map((value, i) => `log${i}=${asHex(value)}`);
      const got = ours([{ engine: "percentage", minimum }], claims);
      expect([minimum, list, got]).toEqual([minimum, list, byTheRule(minimum, list)]);
      const wanted = outcomes.map((outcome) => asHexOutcome(theirs(outcome)));
      if (wanted.length === 1 && wanted[0] === got) continue;
      const counts = [...Map.groupBy(list, (value) => value).values()]
        .map((group) => group.length)
        .toSorted((a, b) => b - a);
      if (counts[0] === counts[1] && got === "-") differences["ties are undecided, not decided by chance"]++;
      else if (n > 100 && wanted.every((answer) => answer === "-" || answer.endsWith(" 0")))
        differences["more than 100 logs still have shares"]++;
      else if (wanted.every((answer) => answer === "-") && Math.floor((100 * counts[0]!) / n) >= minimum)
        differences["a minimum is compared with the exact share"]++;
      else {
        // Same value, only the confidence is another number.
        expect(wanted.map((answer) => answer.split(" ")[0])).toEqual([got.split(" ")[0]]);
        expect(got.split(" ")[1]).toBe(String(Math.floor((100 * counts[0]!) / n)));
        differences["shares are exact: all of 3 are 100 %, not 99"]++;
      }
    }
    expect(differences).toMatchInlineSnapshot(`
      {
        "a minimum is compared with the exact share": 19,
        "more than 100 logs still have shares": 22,
        "shares are exact: all of 3 are 100 %, not 99": 86,
        "ties are undecided, not decided by chance": 26,
      }
    `);
  });
});

/** The rule of ours, written a second time. */
function byTheRule(minimum: number, values: readonly string[]): string {
  const votes = (value: string): number => values.filter((other) => other === value).length;
  const top = Math.max(0, ...values.map(votes));
  const leaders = [...new Set(values)].filter((value) => votes(value) === top);
  const share = Math.floor((100 * top) / values.length);
  return leaders.length === 1 && share >= minimum ? `${asHex(leaders[0]!)} ${share}` : "-";
}

function listOf(values: string[] | Record<string, number | undefined>): string[] {
  if (Array.isArray(values)) return values;
  return Object.entries(values).flatMap(([value, times]) => Array.from({ length: times ?? 0 }, () => value));
}

function asHexOutcome(text: string): string {
  const [value, confidence] = text.split(" ") as [string, string?];
  return confidence === undefined ? text : `${asHex(value)} ${confidence}`;
}

test("logid answers as the existing program does", () => {
  for (const { id, inputs, outcomes } of vectors.logid) {
    const claims = (inputs ?? []).map((input) => input.replace(/=([a-z])$/, (_, value: string) => `=${asHex(value)}`));
    expect(outcomes.length).toBe(1);
    expect([id, inputs, ours([{ engine: "logid", id: logId(id) }], claims)]).toEqual([
      id,
      inputs,
      asHexOutcome(theirs(outcomes[0]!)),
    ]);
  }
});

describe("javascript", () => {
  /** Scripts whose outcome is another one here, each with the reason. */
  const NOT_A_CLAIM = "a result that no log claims is no decision";
  const PLAIN = "inputs is the plain array, not an array in an array";

  test("differs only where it is meant to", () => {
    const seen: Record<string, number> = { same: 0, [NOT_A_CLAIM]: 0, [PLAIN]: 0, "BigInt literals are known": 0 };
    for (const vector of vectors.javascript) {
      const refused = sandbox.check(vector.script) !== undefined;
      if (vector.new !== "") {
        if (refused) seen.same!++;
        else {
          expect(vector.script).toContain("10n");
          seen["BigInt literals are known"]!++;
        }
        continue;
      }
      expect([vector.script, refused]).toEqual([vector.script, false]);
      const claims = vectors.inputsForJS;
      const got = ours([{ engine: "javascript", source: vector.script }], claims);
      const wanted = theirs(vector.outcomes![0]!);
      if (got === wanted) seen.same!++;
      else if (/inputs\??\.?\[0\]/.test(vector.script)) {
        // What the function does with the array in an array, it does here with the array itself.
        const adapted = vector.script.replaceAll(/inputs(\?\.)?\[0\]/g, "inputs");
        const direct = ours([{ engine: "javascript", source: adapted }], claims);
        if (direct === wanted || !/^(aa|bb) /.test(wanted)) seen[PLAIN]!++;
        else expect([vector.script, direct]).toEqual([vector.script, wanted]);
      } else {
        expect([vector.script, got]).toEqual([vector.script, "-"]);
        expect(wanted).not.toMatch(/^(aa|bb) /);
        seen[NOT_A_CLAIM]!++;
      }
    }
    expect(seen).toMatchInlineSnapshot(`
      {
        "BigInt literals are known": 1,
        "a result that no log claims is no decision": 21,
        "inputs is the plain array, not an array in an array": 10,
        "same": 11,
      }
    `);
  });

  test("without answers there is nothing to decide", () => {
    for (const { script, new: refused } of vectors.javascript) {
      if (refused === "") expect([script, ours([{ engine: "javascript", source: script }], [])]).toEqual([script, "-"]);
    }
  });
});

test("deciders are tried in order as in the existing program", () => {
  const throws: Rule = { engine: "javascript", source: "function(inputs) { throw new Error('boom %d') }" };
  const pct = (minimum: number): Rule => ({ engine: "percentage", minimum });
  const one = (id: string): Rule => ({ engine: "logid", id: logId(id) });
  const rules: Record<string, readonly Rule[]> = {
    none: [],
    "pct100,logid9": [pct(100), one("log9")],
    "pct100,logid9,pct50": [pct(100), one("log9"), pct(50)],
    "logid1,pct50": [one("log1"), pct(50)],
    "js-throws(%d),logid1": [throws, one("log1")],
    "js-throws(%d),logid9": [throws, one("log9")],
    "pct50 no inputs": [pct(50)],
  };
  for (const { deciders, inputs, outcomes } of vectors.aggregate) {
    expect([deciders, ours(rules[deciders]!, inputs ?? [])]).toEqual([deciders, theirs(outcomes[0]!)]);
  }
});
