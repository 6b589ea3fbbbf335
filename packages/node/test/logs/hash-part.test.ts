import { expect, test } from "vitest";
import { hashPartOf } from "../../src/logs/hash-part.ts";

const ofText = (text: string): string | undefined => {
  const part = hashPartOf(Buffer.from(text, "latin1"));
  return part && Buffer.from(part).toString("hex");
};

test.each([
  // The digits are those of Nix's base 32, the last digit first; 20 bytes.
  ["/nix/store/00000000000000000000000000000000-zero", "00".repeat(20)],
  ["/nix/store/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-ones", "ff".repeat(20)],
  ["/nix/store/00000000000000000000000000000001-a", `01${"00".repeat(19)}`],
  ["/nix/store/z0000000000000000000000000000000-a", `${"00".repeat(19)}f8`],
  ["/custom/deep/store/00000000000000000000000000000010-a.drv", `20${"00".repeat(19)}`],
])("the hash part of %s is %s", (path, hex) => {
  expect(ofText(path)).toBe(hex);
});

test.each([
  "",
  "00000000000000000000000000000000-zero",
  "/00000000000000000000000000000000-zero",
  "/nix/store/0000000000000000000000000000000-short",
  "/nix/store/e0000000000000000000000000000000-no-such-digit",
  "/nix/store/00000000000000000000000000000000",
  "/nix/store/00000000000000000000000000000000-",
  "/nix/store/00000000000000000000000000000000-a/b",
  `/nix/store/${"x".repeat(4096)}/00000000000000000000000000000000-a`,
])("%j has no hash part", (path) => {
  expect(ofText(path)).toBeUndefined();
});
