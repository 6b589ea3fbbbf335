import { utf8 } from "@trustix/crypto";
import { expect, test } from "vitest";
import { counted, keyText, lasting, printable } from "../src/words.ts";

test("ages are told in the largest unit that fits", () => {
  const table: [ms: number, words: string][] = [
    [-5, "0 s"],
    [4000, "4 s"],
    [89_000, "89 s"],
    [600_000, "10 min"],
    [7_200_000, "2 h"],
    [200_000_000, "2 d"],
  ];
  for (const [ms, words] of table) expect([ms, lasting(ms)]).toEqual([ms, words]);
});

test("one entry, two entries", () => {
  expect([counted(1n, "entry", "entries"), counted(0, "entry", "entries")]).toEqual(["1 entry", "0 entries"]);
});

test("keys are shown as text only if a terminal cannot be steered by them", () => {
  const table: [key: string, shown: string][] = [
    ["/nix/store/abc-hello-2.12", "/nix/store/abc-hello-2.12"],
    ["a b", "612062"],
    ["\u001b[2J", "1b5b324a"],
    ["ü", "c3bc"],
    ["", ""],
  ];
  for (const [key, shown] of table) expect([key, keyText(utf8(key))]).toEqual([key, shown]);
  expect(keyText(Uint8Array.of(0xff, 0xfe))).toBe("fffe");
});

test("what others wrote does not steer the terminal", () => {
  expect(printable("a\u001b[31mb\u202ec\r\td")).toBe("a\ufffd[31mb\ufffdc\ufffd\td");
});
