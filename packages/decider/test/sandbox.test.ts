import { afterAll, describe, expect, test } from "vitest";
import { createSandbox, SANDBOX_LIMITS, type Rule } from "../src/index.ts";
import { ask, votersOf, votesOf } from "./ballots.ts";

// Patient enough for a busy machine: what is meant to end by steps or memory must not end by time.
const sandbox = await createSandbox({ ...SANDBOX_LIMITS, wallTime: 20_000, patience: 25_000 });
afterAll(() => sandbox.close());

const inputs = [
  { LogID: "log1", Value: "aa" },
  { LogID: "log2", Value: "bb" },
];

describe("a hostile function ends as no decision", () => {
  const table: [name: string, source: string, why: RegExp][] = [
    ["an endless loop", "i => { for (;;); }", /more than 2000000 steps/],
    ["a loop that catches the interrupt", "i => { for (;;) try { for (;;); } catch {} }", /steps/],
    ["an answer after a caught interrupt", "i => { try { for (;;); } finally { return 'aa' } }", /steps/],
    ["an endless source", "(() => { for (;;); })()", /steps/],
    ["a regex bomb", "i => /(a+)+$/.test('a'.repeat(40) + 'b')", /steps|longer/],
    ["an endless getter on what it throws", "i => { throw { get message() { for (;;); } } }", /steps/],
    ["a memory bomb of objects", "i => { let a = []; for (;;) a.push([a.length]); }", /out of memory|steps|longer/],
    ["a memory bomb of strings", "i => 'x'.repeat(1e9)", /out of memory/],
    ["a string that doubles", "i => { let s = 'a'; for (;;) s += s; }", /too long|out of memory/],
    ["a number that grows", "i => { let x = 2n; for (;;) x *= x; }", /too large|out of memory/],
    ["deep recursion", "i => { const f = () => f() + 1; return f(); }", /stack overflow/],
    ["deep nesting for the JSON parser", "i => JSON.parse('['.repeat(1e6))", /stack overflow/],
    ["deep nesting for the source parser", "i => eval('('.repeat(1e5))", /stack overflow/],
    ["deep nesting for the regex parser", "i => new RegExp('('.repeat(1e5))", /SyntaxError/],
    ["a huge result", "i => 'a'.repeat(1e6)", /returned 1000000 characters/],
    ["a result that only looks like a string", "i => ({ toString: () => 'aa' })", /type object/],
    ["a boxed string", "i => new String('aa')", /type object/],
    ["a promise", "async i => 'aa'", /type object/],
    ["a generator", "function* (i) { yield 'aa' }", /type object/],
    ["nothing", "i => {}", /type undefined/],
    ["throwing null", "i => { throw null }", /value of type object/],
    ["throwing undefined", "i => { throw undefined }", /value of type undefined/],
    ["throwing a symbol", "i => { throw Symbol('x') }", /value of type symbol/],
    ["throwing what throws when it is looked at", "i => { throw { get message() { throw 1 } } }", /type object/],
    ["throwing a huge text", "i => { throw new Error('y'.repeat(1e6)) }", /a text of 1000000 characters/],
    ["asking for chance", "i => Math.random() + ''", /not a function/],
    ["asking for the time", "i => Date.now() + ''", /'Date' is not defined/],
    [
      "reaching for the process",
      "i => this.constructor.constructor('return process')().exit()",
      /not defined|cannot read/i,
    ],
    ["importing", "i => require('fs')", /'require' is not defined/],
  ];
  for (const [name, source, why] of table) {
    test(name, () => {
      const answer = sandbox.call(source, inputs);
      expect(answer.ok ? `answered ${answer.value}` : answer.why).toMatch(why);
    });
  }

  test("a built-in that never polls is ended from outside, and the next call works", async () => {
    const hasty = await createSandbox({ ...SANDBOX_LIMITS, patience: 300 });
    const answer = hasty.call("i => Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)", inputs);
    expect(answer).toEqual({ ok: false, why: "it took longer than 300 ms" });
    expect(hasty.check("i => i")).toBeUndefined();
    await hasty.close();
  });

  test("and the next call works, whatever the one before did", () => {
    expect(sandbox.call("i => i[1].Value", inputs)).toEqual({ ok: true, value: "bb" });
  });
});

test("nothing is kept between calls", () => {
  const count = "i => { globalThis.n = (globalThis.n ?? 0) + 1; Array.prototype.n = 1; return '' + n }";
  expect(sandbox.call(count, inputs)).toEqual({ ok: true, value: "1" });
  expect(sandbox.call(count, inputs)).toEqual({ ok: true, value: "1" });
});

test("a source is checked without being called", () => {
  const table: [source: string, why: RegExp | undefined][] = [
    ["function (inputs) { return inputs[0].Value } // comment", undefined],
    ["i => { for (;;); }", undefined],
    ["1 + 1", /is a number, a function was wanted/],
    ["", /SyntaxError/],
    ["function (i) { return 1 }; function (j) {}", /SyntaxError/],
    [`i => ${" ".repeat(70_000)}i`, /at most 65536/],
  ];
  for (const [source, why] of table) {
    if (why === undefined) expect(sandbox.check(source)).toBeUndefined();
    else expect(sandbox.check(source)).toMatch(why);
  }
});

test("a function can only point at a value that a log claims", () => {
  const run = (source: string) =>
    ask(
      { rules: [{ engine: "javascript", source }], voters: votersOf("log1", "log2", "log3") },
      votesOf("log1=aa", "log2=bb", "log3:excluded"),
      { sandbox },
    );
  expect(run("i => i[1].Value").decision).toMatchObject({
    confidence: 1,
    logIds: ["log2"],
    by: { kind: "rule", rule: 0, engine: "javascript" },
  });
  expect(run("i => 'cc'").reason).toContain('the function returned "cc", which no voter claims');
  expect(run("i => 'AA'").decision).toBeUndefined();
  expect(run("i => ''").decision).toBeUndefined();
  // An excluded voter is not among the inputs.
  expect(run("i => i.length === 2 ? i[0].Value : ''").decision).toMatchObject({ logIds: ["log1"] });
});

test("a function sees the claims by ascending id, and spellings of the same facts as one value", () => {
  const rules: Rule[] = [{ engine: "javascript", source: "i => i.map(x => x.LogID + x.Value).join()" }];
  const opinions = new Map([["bb", Uint8Array.of(0xaa)]]);
  const votes = votesOf("log2=bb", "log3=cc", "log1=aa");
  for (const names of [
    ["log1", "log2", "log3"],
    ["log3", "log1", "log2"],
  ]) {
    const { reason } = ask({ rules, voters: votersOf(...names) }, votes, { sandbox, opinions });
    expect(reason).toContain('the function returned "log1aa,log2aa,log3cc", which no voter claims');
  }
});

test("a closed sandbox says so", async () => {
  const closed = await createSandbox();
  await closed.close();
  expect(closed.call("i => i[0].Value", inputs)).toEqual({ ok: false, why: "the sandbox is closed" });
});
