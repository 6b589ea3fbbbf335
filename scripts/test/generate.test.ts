import { expect, test } from "vitest";
import { renderCommands } from "../generate/commands-page.ts";
import { renderConfiguration } from "../generate/configuration-page.ts";
import { between } from "../generate/generated-text.ts";

test("what stands between the marks is replaced, however often", () => {
  const page = "# A\n<!-- graph:begin -->\nold\n<!-- graph:end -->\nafter\n";
  const once = between(page, "graph", "new");
  expect(once).toBe("# A\n<!-- graph:begin -->\n\nnew\n\n<!-- graph:end -->\nafter\n");
  expect(between(once, "graph", "new")).toBe(once);
});

test.each(["# A\n", "<!-- graph:end --> <!-- graph:begin -->", "<!-- graph:begin -->"])(
  "a page without both marks is refused: %j",
  (page) => {
    expect(() => between(page, "graph", "new")).toThrow("no <!-- graph:begin --> ... <!-- graph:end -->");
  },
);

test("the configuration page has a section a table, a row a key, and says what is required and what is dangerous", () => {
  const key = { type: "a number", default: "5", required: false, description: "How many.", danger: undefined };
  const page = renderConfiguration([
    { ...key, key: "flush", type: "a table", default: undefined, description: "When to flush." },
    { ...key, key: "flush.items" },
    { ...key, key: "flush.mode", type: '"a" | "b"', required: true, default: undefined, danger: "Loses all." },
    { ...key, key: "interval" },
  ]);
  expect(page).toContain("## flush\n\nWhen to flush.\n\n| key |");
  expect(page).toContain("| `flush.items` | a number | `5` | How many. |");
  expect(page).toContain('| `flush.mode` | "a" \\| "b" | *required* | How many. **Danger:** Loses all. |');
  expect(page).toContain("## interval\n\nHow many. Value: a number; default: `5`.\n");
});

test("the command page has a heading a command, with usage, arguments, flags and examples", () => {
  const page = renderCommands([
    {
      name: "trustix",
      summary: "Trust.",
      flags: [{ words: "--address <url>", description: "the node" }],
      examples: ["trustix init"],
      commands: [
        {
          name: "submit",
          summary: "submit a key",
          details: "Prints OK\nwhen done.",
          args: [["<path...>", "store paths"]],
          flags: [{ words: "--key <hex>", description: "the key", required: true }],
          examples: ["trustix submit --key 00"],
        },
        { name: "flush", summary: "flush", examples: ["trustix flush"] },
        {
          name: "policy",
          summary: "about policies",
          commands: [{ name: "check", summary: "check", examples: ["trustix policy check"] }],
        },
      ],
    },
  ]);
  expect(page).toContain("- [`submit`](#trustix-submit): submit a key\n");
  expect(page).toContain(
    "### trustix submit\n\nSubmit a key. Prints OK when done.\n\n    trustix submit [flags] <path...>\n",
  );
  expect(page).toContain(
    "| `<path...>` | store paths |\n| `--key <hex>` | *required:* the key |\n\n```sh\ntrustix submit --key 00\n```",
  );
  expect(page).toContain("- [`policy check`](#trustix-policy-check): check\n");
  expect(page).toContain("### trustix policy check\n\nCheck.\n\n    trustix policy check\n");
  expect(page).toContain("### trustix flush\n\nFlush.\n\n    trustix flush\n\n```sh\ntrustix flush\n```\n");
});
