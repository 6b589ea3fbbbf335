import { expect, test } from "vitest";
import {
  foldSettings,
  SETTING_NAMES,
  withWords,
  wordsOfJson,
  type SettingName,
} from "../../src/settings/fold-settings.ts";
import { parseNixConf, type Statement } from "../../src/settings/nix-conf.ts";

const shown = (statements: readonly Statement[]): string[] =>
  statements.map((statement) => {
    if (statement.kind === "setting") return `${statement.name}=${statement.words.join("|")}`;
    return statement.kind === "include" ? `${statement.optional ? "!" : ""}include ${statement.path}` : "illegal";
  });

test("a nix.conf is read as Nix reads it: words, comments anywhere, includes, and lines that it refuses", () => {
  const table: [text: string, statements: string[]][] = [
    ["", []],
    ["# nothing\n\n   \t\n", []],
    ["a = b", ["a=b"]],
    ["a =", ["a="]],
    ["\ta  =  b\tc  # and d\r\n", ["a=b|c"]],
    ["a = b#c", ["a=b"]],
    ["a=b", ["illegal"]],
    ["a", ["illegal"]],
    ["a b = c", ["illegal"]],
    ["include x.conf", ["include x.conf"]],
    ["!include /x.conf", ["!include /x.conf"]],
    ["include a b", ["illegal"]],
    ["include", ["illegal"]],
    ["a = b\\\n c = d", ["a=b\\", "c=d"]],
  ];
  for (const [text, statements] of table) expect([text, shown(parseNixConf(text, "f"))]).toEqual([text, statements]);
});

test("a statement knows its line as it stands there", () => {
  expect(parseNixConf("\n  a = b # why\n", "/etc/nix/nix.conf")[0]?.from).toEqual({
    file: "/etc/nix/nix.conf",
    line: 2,
    text: "a = b # why",
  });
});

const KEY = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";

test("later lines replace earlier ones, extra- adds, and former names mean the same", () => {
  const table: [text: string, name: SettingName, words: string[], lines: number[]][] = [
    ["", "substituters", ["https://cache.nixos.org/"], []],
    ["", "trusted-public-keys", [KEY], []],
    ["substituters = a\nsubstituters = b", "substituters", ["b"], [2]],
    ["substituters =", "substituters", [], [1]],
    ["extra-substituters = a", "substituters", ["https://cache.nixos.org/", "a"], [1]],
    ["substituters = a\nextra-substituters = b\nextra-substituters = c", "substituters", ["a", "b", "c"], [1, 2, 3]],
    ["extra-substituters = a\nsubstituters = b", "substituters", ["b"], [2]],
    ["binary-caches = a\nextra-binary-caches = b", "substituters", ["a", "b"], [1, 2]],
    ["binary-cache-public-keys = k", "trusted-public-keys", ["k"], [1]],
    ["trusted-binary-caches = a", "trusted-substituters", ["a"], [1]],
    ["build-use-substitutes = false", "substitute", ["false"], [1]],
    ["sandbox = false\nrequire-sigs = false", "require-sigs", ["false"], [2]],
  ];
  for (const [text, name, words, lines] of table) {
    const { words: got, from } = foldSettings(parseNixConf(text, "f"))[name];
    expect([text, got, from.map(({ line }) => line)]).toEqual([text, words, lines]);
  }
});

test("what Nix itself prints counts, where it is what it should be", () => {
  const table: [json: string, told: [string, readonly string[]][]][] = [
    ["", []],
    ["null", []],
    ["[1]", []],
    ['{"substituters":{"value":["a","b"]}}', [["substituters", ["a", "b"]]]],
    ['{"substituters":{"value":[1]}}', []],
    ['{"substituters":null}', []],
    ['{"require-sigs":{"value":false}}', [["require-sigs", ["false"]]]],
    ['{"narinfo-cache-negative-ttl":{"value":10}}', [["narinfo-cache-negative-ttl", ["10"]]]],
    ['{"post-build-hook":{"value":""}}', [["post-build-hook", []]]],
    // We told it which store to use.
    ['{"store":{"value":"dummy://"}}', []],
    ['{"access-tokens":{"value":{"github.com":"secret"}}}', []],
  ];
  for (const [json, told] of table) expect([json, [...wordsOfJson(json)]]).toEqual([json, told]);
  const byHand = foldSettings(parseNixConf("substituters = a", "f"));
  const both = withWords(byHand, new Map([["substituters", ["a", "b"]]]));
  expect(both.substituters).toEqual({ words: ["a", "b"], from: byHand.substituters.from });
  expect(both["require-sigs"]).toEqual(byHand["require-sigs"]);
  expect(Object.keys(both)).toEqual(SETTING_NAMES);
});
