import fc from "fast-check";
import { expect, test } from "vitest";
import { matchesGlob } from "../src/glob.ts";

const text = fc.string({ unit: fc.constantFrom("a", "b", "-", "."), maxLength: 8 });
const glob = fc.string({ unit: fc.constantFrom("a", "b", "*", "?", ".", "["), maxLength: 8 });

test("a glob matches what the same regular expression does", () => {
  fc.assert(
    fc.property(glob, text, (pattern, name) => {
      const parts = [...pattern].map((c) =>
        (c === "*" ? ".*" : c === "?" ? "." : `\\${c}`).replace(/^\\([ab])$/, "$1"),
      );
      expect([pattern, name, matchesGlob(pattern, name)]).toEqual([
        pattern,
        name,
        new RegExp(`^${parts.join("")}$`, "s").test(name),
      ]);
    }),
    { numRuns: 2000 * Number(process.env["SLOW"] ?? 1) },
  );
});

test("no pattern makes matching explode", () => {
  const before = process.threadCpuUsage();
  for (let i = 0; i < 100; i++)
    expect(matchesGlob("*a".repeat(150), `${"a".repeat(149)}${"b".repeat(100)}`)).toBe(false);
  expect(process.threadCpuUsage(before).user / 1000).toBeLessThan(1000);
});
