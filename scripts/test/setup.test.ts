import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { firstMissing } from "../setup/packages.mjs";
import { describeMissing, inPath, isStatic, SYSTEM_PARTS } from "../setup/system-parts.ts";

const folder = mkdtempSync(join(tmpdir(), "trustix-setup-"));
afterAll(() => rmSync(folder, { recursive: true }));

const zod = { version: "4.6.7", integrity: "sha512-a" };
const arm = { version: "1.0.0", integrity: "sha512-b", optional: true };

test.each([
  ["all there", { "": {}, "node_modules/zod": zod }, { "node_modules/zod": zod }, undefined],
  ["a workspace needs no install", { "packages/a": { version: "1" } }, {}, undefined],
  ["optional, for another platform", { "node_modules/arm": arm }, {}, undefined],
  ["not there", { "node_modules/zod": zod }, {}, "node_modules/zod"],
  ["below a workspace", { "packages/a/node_modules/zod": zod }, {}, "packages/a/node_modules/zod"],
  [
    "another version",
    { "node_modules/zod": zod },
    { "node_modules/zod": { ...zod, version: "4.0.0" } },
    "node_modules/zod",
  ],
  [
    "other bytes",
    { "node_modules/zod": zod },
    { "node_modules/zod": { ...zod, integrity: "sha512-c" } },
    "node_modules/zod",
  ],
  ["an optional one of another version", { "node_modules/arm": arm }, { "node_modules/arm": zod }, "node_modules/arm"],
])("installed packages against the lock: %s", (_, locked, installed, expected) => {
  expect(firstMissing(locked, installed, () => true)).toBe(expected);
});

test("a package whose folder was removed is missing although npm noted it", () => {
  expect(firstMissing({ "node_modules/zod": zod }, { "node_modules/zod": zod }, () => false)).toBe("node_modules/zod");
});

/** The head of an ELF program with these program header types. */
function elf(types: readonly number[]): Buffer {
  const bytes = Buffer.alloc(64 + types.length * 56);
  bytes.write("\u007fELF\u0002\u0001\u0001", "latin1");
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(types.length, 56);
  for (const [i, type] of types.entries()) bytes.writeUInt32LE(type, 64 + i * 56);
  return bytes;
}

test.each([
  ["without a loader is static", elf([1, 1, 7]), true],
  ["that asks for a loader is not", elf([6, 3, 1]), false],
  ["cut off in its header table is not taken for static", elf([1, 1]).subarray(0, 100), false],
  ["that is a script is not", Buffer.from("#!/bin/sh\nexec busybox\n"), false],
  ["that is empty is not", Buffer.alloc(0), false],
])("a program %s", (_, bytes, expected) => {
  const file = join(folder, "program");
  writeFileSync(file, bytes);
  expect(isStatic(file)).toBe(expected);
});

test("a program is found where the shell would find it, and only if it may be run", () => {
  writeFileSync(join(folder, "tool"), "", { mode: 0o755 });
  writeFileSync(join(folder, "text"), "", { mode: 0o644 });
  const path = `/nowhere::${folder}`;
  expect(inPath("tool", path)).toBe(join(folder, "tool"));
  expect(inPath("text", path)).toBeUndefined();
  expect(inPath("other", path)).toBeUndefined();
});

test("what is missing is named with its use and one command that installs it all", () => {
  const text = describeMissing(SYSTEM_PARTS.slice(0, 2));
  expect(text).toContain("missing: nix-bin (real Nix");
  expect(text).toContain("hint: sudo apt-get install --no-install-recommends nix-bin busybox-static");
});
