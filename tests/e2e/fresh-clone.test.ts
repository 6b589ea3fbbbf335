/** A fresh clone, with the machine's own Node and npm, from another folder, without any step before. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { execute, ROOT } from "../../scripts/check/execute.ts";

const folder = mkdtempSync(join(tmpdir(), "trustix-clone-"));
const clone = join(folder, "trustix");

/** As in a new shell: nothing of the npm run that runs this test. */
const outside = Object.entries(process.env).filter(
  ([name]) => !/^(npm_|NODE_(ENV|OPTIONS|PATH)$|VITEST|INIT_CWD)/.test(name),
);
const path = (process.env["PATH"] ?? "").split(delimiter).filter((entry) => !entry.includes("node_modules"));
const env = { ...Object.fromEntries(outside), PATH: path.join(delimiter) };
const npm = (...args: string[]) => execute("npm", ["--silent", "--prefix", clone, ...args], { cwd: folder, env });

beforeAll(async () => {
  expect(await execute("git", ["clone", "--quiet", "--no-hardlinks", ROOT, clone])).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true }));

test("the first verb puts the packages in place, the second finds them, and both leave a clean tree", async () => {
  expect(existsSync(join(clone, "node_modules"))).toBe(false);
  const first = await npm("run", "build");
  expect(first.output).toContain("trustix: installing the packages of package-lock.json");
  expect(first.output).toMatch(/^packages\/cli\/dist: \d+ files/m);
  expect(first.code).toBe(0);

  const second = await npm("run", "build");
  expect(second).toMatchObject({ code: 0, output: expect.stringMatching(/^packages\/cli\/dist: .*\n$/) });
  expect(await execute("git", ["status", "--porcelain"], { cwd: clone })).toEqual({ code: 0, output: "" });
});

test("the command runs from the clone's node_modules/.bin and with its Node, whichever is first in PATH", async () => {
  const bin = join(clone, "node_modules", ".bin", "trustix");
  expect(await execute(bin, ["--version"], { cwd: folder, env })).toMatchObject({ code: 0 });
});

test("an unknown verb is refused with the list of the known ones", async () => {
  const { code, output } = await execute("node", [join(clone, "scripts", "run.mjs"), "tset"], { cwd: folder, env });
  expect(code).toBe(1);
  expect(output).toBe(
    'trustix: error: no such verb "tset"\ntrustix: hint: one of: start, test, check, bench, dev, build, generate, format\n',
  );
});
