import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { firstMissing } from "../setup/packages.mjs";
import { describeMissing, ensureSystemParts, inPath, isStatic, SYSTEM_PARTS } from "../setup/system-parts.ts";

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

/** A machine whose apt-get notes how it was called, and installs `programs`. */
function machine(programs: readonly string[], exit = 0): { env: NodeJS.ProcessEnv; calls: () => string[] } {
  const bin = mkdtempSync(join(folder, "machine-"));
  writeFileSync(join(bin, "static"), elf([1]), { mode: 0o755 });
  const installs = programs.map((program) => `[ "$3" = install ] && /bin/cp ${bin}/static ${bin}/${program}`);
  const script = [
    "#!/bin/sh",
    `echo "$DEBIAN_FRONTEND $@" >> ${bin}/calls`,
    "echo 'E: no such package' >&2",
    ...installs,
    `exit ${exit}`,
  ];
  writeFileSync(join(bin, "apt-get"), `${script.join("\n")}\n`, { mode: 0o755 });
  return { env: { PATH: bin }, calls: () => readFileSync(join(bin, "calls"), "utf8").trimEnd().split("\n") };
}

describe("missing system parts", () => {
  let said = "";
  beforeEach(() => {
    said = "";
    vi.spyOn(process.stderr, "write").mockImplementation((text) => (said += String(text)) !== "");
    return () => vi.restoreAllMocks();
  });

  test("are installed in one go, after one update, waiting for others who install, without recommends", () => {
    const { env, calls } = machine(["nix", "nix-store", "busybox", "xz"]);
    expect(ensureSystemParts(env, true)).toEqual([]);
    expect(calls()).toEqual([
      "noninteractive -o DPkg::Lock::Timeout=300 update -qq",
      "noninteractive -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends nix-bin busybox-static xz-utils",
    ]);
    expect(said).toBe(
      "trustix: installing the Debian packages nix-bin, busybox-static, xz-utils (apt-get, no recommends)\n",
    );

    said = "";
    expect(ensureSystemParts(env, true)).toEqual([]);
    expect(calls()).toHaveLength(2);
    expect(said).toBe("");
  });

  test("that cannot be installed are returned, with what apt-get said", () => {
    const { env } = machine(["xz"], 100);
    expect(ensureSystemParts(env, true).map(({ debian }) => debian)).toEqual(["nix-bin", "busybox-static"]);
    expect(said).toContain("E: no such package");
  });

  test("are only named where nothing may be installed", () => {
    const { env, calls } = machine(["xz"]);
    expect(ensureSystemParts({ ...env, TRUSTIX_NO_APT: "1" })).toHaveLength(3);
    expect(calls).toThrow("ENOENT");
    expect(said).toBe("");
  });
});

test("what is missing is named with its use and one command that installs it all", () => {
  const text = describeMissing(SYSTEM_PARTS.slice(0, 2));
  expect(text).toContain("missing: nix-bin (real Nix");
  expect(text).toContain("hint: sudo apt-get install --no-install-recommends nix-bin busybox-static");
});
