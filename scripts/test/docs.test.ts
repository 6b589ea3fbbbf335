import { expect, test } from "vitest";
import { brokenLinks } from "../docs/links.ts";
import { checkSnippets, snippetsOf } from "../docs/snippets.ts";

const pages: Readonly<Record<string, string>> = {
  "README.md": "# Trustix\n## The two commands: `a` & b\n",
  "docs/guide/start.md": "# Start",
  "docs/a b.md": "",
};

test.each([
  ["a file beside it", "[x](start.md)", undefined],
  ["a file above", "[x](../../README.md)", undefined],
  ["a heading of another page", "[x](../../README.md#the-two-commands-a--b)", undefined],
  ["a heading of its own", "# Here it is\n[x](#here-it-is)", undefined],
  ["the web", "[x](https://example.org/none)", undefined],
  ["an encoded name", "[x](../a%20b.md)", undefined],
  ["a missing file", "[x](none.md)", "docs/guide/page.md:1: the link to none.md leads nowhere"],
  [
    "a missing file, on line 3, with a title",
    '\n\n![x](<none.png> "title")',
    "docs/guide/page.md:3: the link to none.png leads nowhere",
  ],
  ["a missing heading", "[x](start.md#end)", "docs/guide/page.md:1: docs/guide/start.md has no heading #end"],
  ["a missing file in code", "`[x](none.md)`\n```\n[x](none.md)\n```", undefined],
])("a link to %s", (_, text, expected) => {
  const broken = brokenLinks({ path: "docs/guide/page.md", text }, (path) => pages[path]);
  expect(broken).toEqual(expected === undefined ? [] : [expected]);
});

test("snippets are the ts blocks, with the line where their code begins", () => {
  const text = "# A\n\n```ts\nconst a = 1;\n```\n```sh\nls\n```\n```ts no-run\nb();\n```\n```tsx\n<c/>\n```\n";
  expect(snippetsOf({ path: "a.md", text })).toEqual([
    { where: "a.md:4", code: "const a = 1;\n", runs: true },
    { where: "a.md:10", code: "b();\n", runs: false },
  ]);
});

test("a snippet that does not compile is named by page and line, and so is one that fails", async () => {
  const wrongType = await checkSnippets([{ where: "a.md:4", code: "const a: string = 1;\n", runs: true }]);
  expect(wrongType.join("")).toMatch(/^a\.md:4\(1,7\): error TS2322/);
  const fails = await checkSnippets([{ where: "a.md:9", code: `throw new Error("no such log");\n`, runs: true }]);
  expect(fails.join("")).toMatch(/^a\.md:9: the snippet fails:[^]*no such log/);
  expect(await checkSnippets([{ where: "a.md:9", code: `throw new Error();\n`, runs: false }])).toEqual([]);
});
