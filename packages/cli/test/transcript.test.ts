import { expect, test } from "vitest";
import { fitTo, parseTranscript } from "./transcript.ts";

test("a transcript is commands, what they print, and how they exit", () => {
  const text = "# story\n$ trustix x\nout\n_\n! err\n!\n? 3\n\n$ trustix y\n";
  expect(parseTranscript(text)).toEqual([
    { line: 2, command: "trustix x", stdout: ["out", ""], stderr: ["err", ""], exit: 3 },
    { line: 9, command: "trustix y", stdout: [], stderr: [], exit: 0 },
  ]);
});

test("patterns fit what they say and nothing else", () => {
  const table: [patterns: string[], lines: string[], fits: boolean][] = [
    [["a[..]c"], ["abc"], true],
    [["a[..]c"], ["abd"], false],
    [["a.c"], ["abc"], false],
    [["a", "..."], ["a", "b", "c"], true],
    [["...", "c"], ["a", "b", "c"], true],
    [["...", "d"], ["a", "b", "c"], false],
    [["a"], ["a", "b"], false],
    [["a", "b"], ["a"], false],
  ];
  for (const [patterns, lines, fits] of table) {
    expect([patterns, lines, fitTo(patterns, lines) === patterns]).toEqual([patterns, lines, fits]);
  }
});
