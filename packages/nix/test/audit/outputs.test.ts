/** The forms of an audit: SARIF that fits the schema, a page that is safe and needs nothing else, JSON. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { auditPage, sharesOf } from "../../src/audit/audit-page.ts";
import { auditToJson } from "../../src/audit/audit-json.ts";
import { FINDINGS, type Audit } from "../../src/audit/model.ts";
import { runAudit } from "../../src/audit/run-audit.ts";
import { auditToSarif } from "../../src/audit/sarif.ts";
import { crypto, nthInfo, pathInfoJson, verdictOf, VOTERS } from "./audited.ts";

const HOSTILE = `<script src="https://evil.example/x.js"></script>"'&\u202e`;

/** One path of each finding but the content-addressed, with words that nobody should believe. */
async function example(count = 6): Promise<Audit> {
  const infos = Array.from({ length: count }, (_, i) => ({ ...nthInfo(i), ultimate: i === 4 }));
  const says = [
    [[9, 9, 9, "same"], 9],
    [["same", "same", "absent", "absent"], "same"],
    [["same", "absent", "absent", "absent"]],
    [["absent", "absent", "absent", "absent"]],
    [["absent", "absent", 9, "absent"]],
    [["absent", "unreachable", "absent", "absent"]],
  ] as const;
  return runAudit({
    crypto,
    nix: async () => pathInfoJson(infos),
    roots: [infos[0]!.storePath],
    time: 1_800_000_000_000,
    signal: new AbortController().signal,
    ask: async (paths) => ({
      voters: VOTERS.map((voter, i) => (i === 0 ? { ...voter, name: HOSTILE } : voter)),
      verdicts: paths.map((path) => {
        const i = infos.findIndex(({ storePath }) => storePath === path);
        const [said, decided] = says[i % says.length]!;
        return verdictOf(infos[i]!, [...said], decided, `${HOSTILE} has no claim`);
      }),
    }),
  });
}

/**
 * What of the published schema (draft 4, SARIF 2.1.0 with errata 01) is about what we write: required and known members,
 * with their types; every object of the schema refuses members that it does not know.
 */
type Shape =
  | "string"
  | "boolean"
  | "uri"
  | "time"
  | "bag"
  | { readonly words: readonly string[] }
  | { readonly least: number }
  | { readonly list: Shape }
  | { readonly map: Shape }
  | { readonly required: Readonly<Record<string, Shape>>; readonly more?: Readonly<Record<string, Shape>> };

const LEVEL: Shape = { words: ["none", "note", "warning", "error"] };
const TEXT: Shape = { required: { text: "string" } };
const RULE: Shape = {
  required: { id: "string" },
  more: {
    shortDescription: TEXT,
    fullDescription: TEXT,
    help: TEXT,
    defaultConfiguration: { required: {}, more: { level: LEVEL } },
  },
};
const LOCATION: Shape = {
  required: {},
  more: {
    physicalLocation: {
      required: {},
      more: {
        artifactLocation: { required: {}, more: { uri: "uri" } },
        region: { required: {}, more: { startLine: { least: 1 } } },
      },
    },
  },
};
const RESULT: Shape = {
  required: { message: TEXT },
  more: {
    ruleId: "string",
    ruleIndex: { least: -1 },
    level: LEVEL,
    locations: { list: LOCATION },
    partialFingerprints: { map: "string" },
    properties: "bag",
  },
};
const DRIVER: Shape = { required: { name: "string" }, more: { version: "string", rules: { list: RULE } } };
const RUN: Shape = {
  required: { tool: { required: { driver: DRIVER } } },
  more: {
    invocations: { list: { required: { executionSuccessful: "boolean" }, more: { endTimeUtc: "time" } } },
    results: { list: RESULT },
    properties: "bag",
  },
};
const SARIF: Shape = { required: { version: { words: ["2.1.0"] }, runs: { list: RUN } }, more: { $schema: "uri" } };

/** What does not fit, by place. */
function misfits(value: unknown, shape: Shape, place = "$"): string[] {
  const no = [`${place}: ${JSON.stringify(value)}`];
  if (shape === "bag") return typeof value === "object" && value !== null ? [] : no;
  if (shape === "boolean") return typeof value === "boolean" ? [] : no;
  if (shape === "uri") return typeof value === "string" && URL.canParse(value) ? [] : no;
  if (shape === "time")
    return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value) ? [] : no;
  if (shape === "string") return typeof value === "string" ? [] : no;
  if ("words" in shape) return shape.words.includes(value as string) ? [] : no;
  if ("least" in shape) return Number.isInteger(value) && (value as number) >= shape.least ? [] : no;
  if ("list" in shape)
    return Array.isArray(value) ? value.flatMap((item, i) => misfits(item, shape.list, `${place}[${i}]`)) : no;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return no;
  const members = Object.entries(value);
  if ("map" in shape) return members.flatMap(([name, item]) => misfits(item, shape.map, `${place}.${name}`));
  const known = { ...shape.required, ...shape.more };
  return [
    ...Object.keys(shape.required)
      .filter((name) => !(name in value))
      .map((name) => `${place}.${name} is missing`),
    ...members.flatMap(([name, item]) =>
      name in known ? misfits(item, known[name]!, `${place}.${name}`) : [`${place}.${name} is not known`],
    ),
  ];
}

test("SARIF fits its schema; there is a result for what is to be looked at, and its rule is the one it names", async () => {
  const audit = await example();
  const sarif = JSON.parse(JSON.stringify(auditToSarif(audit, "1.2.3")));
  expect(misfits(sarif, SARIF)).toEqual([]);
  const [{ results, tool }] = sarif.runs;
  expect(results.map(({ ruleId, level }: { ruleId: string; level: string }) => [ruleId, level])).toEqual([
    ["dissent", "error"],
    ["no-claim", "warning"],
    ["single-source", "warning"],
    ["undecided", "warning"],
  ]);
  for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex].id).toBe(ruleId);
  // A place in the schema that is wrong is found: the shapes are no decoration.
  expect(misfits({ ...sarif, runs: [{ tool: {} }] }, SARIF)).toEqual(["$.runs[0].tool.driver is missing"]);
  expect(misfits({ ...sarif, extra: 1 }, SARIF)).toEqual(["$.extra is not known"]);
});

test("what strangers say is text in SARIF: no link, no placeholder, nothing that steers a terminal", async () => {
  const { paths, ...rest } = await example(1);
  const said = paths.map((path) => ({ ...path, why: "[safe](https://evil.example) {0} \\ \u001b[31m \u202e" }));
  const { runs } = auditToSarif({ ...rest, paths: said }, "1") as {
    runs: { results: { message: { text: string } }[] }[];
  };
  expect(runs[0]!.results[0]!.message.text).toBe(
    `${paths[0]!.path}: \\[safe\\](https://evil.example) {{0}} \\\\ \ufffd\\[31m \ufffd`,
  );
});

test("a store path's question mark does not end the path of its URI", async () => {
  const { paths, ...rest } = await example(1);
  const odd = paths.map((path) => ({ ...path, path: `${path.path}?x` as typeof path.path }));
  expect(JSON.stringify(auditToSarif({ ...rest, paths: odd }, "1"))).toContain("package-0%3Fx");
});

test("the page takes words from outside as text, fetches nothing, has no script, and shows everything without one", async () => {
  const page = auditPage(await example());
  expect(page).not.toContain("<script");
  expect(page).not.toContain("\u202e");
  expect(page).toContain("&lt;script src=&quot;https://evil.example/x.js&quot;&gt;");
  expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  const tags = [...page.matchAll(/<([a-z]+)[^>]*>/g)];
  expect(tags.filter(([tag]) => /\s(src|srcset|style=[^>]*url|on\w+)=/.test(tag!)).map(([tag]) => tag)).toEqual([]);
  // Links lead within the page.
  for (const [, href] of page.matchAll(/href="([^"]*)"/g)) expect(href).toMatch(/^#[a-z-]+$/);
  for (const [, href] of page.matchAll(/href="#([^"]*)"/g)) expect(page).toContain(`id="${href}"`);
  expect(new Set(tags.map(([, name]) => name))).not.toContain("link");
  for (const finding of ["dissent", "no-claim", "single-source", "undecided", "own-build", "agreed"])
    expect(page).toContain(`id="${finding}"`);
});

test("the page says once what is the same of all, begins with what is disputed, and keeps whole hashes for the details", async () => {
  const same = await example(12);
  const agreed = same.paths.map((path, i) => ({
    ...path,
    finding: "agreed" as const,
    why: "4 of 4 agree",
    votes: path.votes.map((vote) => ({ ...vote, same: i !== 7 })),
  }));
  const counts = { ...same.counts, agreed: agreed.length };
  const page = auditPage({ ...same, paths: agreed, counts });
  expect(page.match(/4 of 4 agree/g)).toHaveLength(1);
  expect(page).toContain("Of 1 path, listed first, a voter claims something else.");
  const listed = [...page.matchAll(/<dd><code>(\/nix\/store\/[^<]+)</g)].map(([, path]) => path);
  expect(listed).toEqual([agreed[7]!.path, ...agreed.filter((_, i) => i !== 7).map(({ path }) => path)]);

  const [summary] = auditPage(await example(1)).match(/<summary>.*?<\/summary>/s)!;
  expect(summary).toContain("sha256-CQkJCQkJ…, installed sha256-AQEBAQEB…");
});

test("a page of ten thousand paths stays small enough to be opened", async () => {
  const page = auditPage(await example(10_000));
  expect(page.length).toBeLessThan(8 << 20);
  expect(page.split('<details class="one">').length - 1).toBe(5 * 500 + 1); // one own build
});

test("the shares of a page add up to 100, and only all is 100", () => {
  const table: [counts: number[], shares: number[]][] = [
    [
      [2, 1],
      [67, 33],
    ],
    [
      [1, 1, 1],
      [34, 33, 33],
    ],
    [
      [997, 3],
      [99, 0],
    ],
    [
      [664, 332, 4],
      [66, 33, 0],
    ],
    [
      [5, 0],
      [100, 0],
    ],
    [
      [0, 0],
      [0, 0],
    ],
  ];
  for (const [counts, shares] of table) expect([counts, sharesOf(counts)]).toEqual([counts, shares]);
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { minLength: 1, maxLength: 7 }), (counts) => {
      const all = counts.reduce((sum, count) => sum + count, 0);
      fc.pre(all > 0);
      const shares = sharesOf(counts);
      const small = shares.filter((share, i) => share === 0 && counts[i]! > 0).length;
      const sum = shares.reduce((one, other) => one + other, 0);
      // What is under 1 % stands for at least nothing and at most a whole percent.
      expect(sum).toBeLessThanOrEqual(100);
      expect(sum + small).toBeGreaterThanOrEqual(100);
      for (const [i, share] of shares.entries()) expect(Math.abs(share - (100 * counts[i]!) / all)).toBeLessThan(1);
    }),
  );
});

test("the page and JSON name the store that is not the machine's own", async () => {
  const audit = await example(1);
  expect(auditPage(audit)).toMatch(/by this machine's node and\s+store\./);
  const other = { ...audit, store: "/mnt" };
  expect(auditPage(other)).toMatch(/by this machine's node and\s+the store <code>\/mnt<\/code>\./);
  expect(auditToJson(other)).toMatchObject({ store: "/mnt" });
});

test("JSON has everything: facts, votes, and whether each claim is what is installed", async () => {
  const audit = await example();
  const json = JSON.parse(JSON.stringify(auditToJson(audit)));
  expect(Object.keys(json)).toEqual(["roots", "time", "counts", "voters", "paths"]);
  expect(Object.keys(json.counts)).toEqual([...FINDINGS]);
  expect(json.paths).toHaveLength(6);
  const [first] = json.paths;
  expect(first).toMatchObject({
    finding: "dissent",
    installed: { narHash: expect.stringMatching(/^sha256-AQEB/), builtHere: false },
    decided: { narHash: expect.stringMatching(/^sha256-CQkJ/), confidence: 75 },
  });
  expect(first.votes.map(({ same }: { same?: boolean }) => same)).toEqual([false, false, false, true]);
});
