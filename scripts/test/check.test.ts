import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { execute } from "../check/execute.ts";
import { describeCounts, runSteps, type Outcome } from "../check/steps.ts";
import { readVitestReport } from "../check/vitest-report.ts";

const folder = mkdtempSync(join(tmpdir(), "trustix-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

let printed = "";
beforeEach(() => {
  printed = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  return () => vi.restoreAllMocks();
});

const step = (name: string, outcome: Outcome | Error) => ({
  name,
  run: () => (outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)),
});

test("steps count as one test each, test runs with their tests, and only failures show their output", async () => {
  const counts = await runSteps([
    step("lint", { ok: true, output: "all fine" }),
    step("types", { ok: false, output: "error TS1" }),
    step("unit", { ok: true, output: "", tests: { passed: 10, failed: 0, skipped: 2 } }),
  ]);
  expect(describeCounts(counts)).toBe("11 passed, 1 failed, 2 skipped");
  expect(printed).toContain("error TS1");
  expect(printed).not.toContain("all fine");
});

test.each<[string, Outcome | Error, string]>([
  [
    "fails without a failed test",
    { ok: false, output: "", tests: { passed: 5, failed: 0, skipped: 0 } },
    "5 passed, 1 failed",
  ],
  [
    "fails with failed tests",
    { ok: false, output: "", tests: { passed: 5, failed: 3, skipped: 0 } },
    "5 passed, 3 failed",
  ],
  ["throws", new Error("no buf"), "0 passed, 1 failed"],
])("a step that %s is counted as failed", async (_, outcome, expected) => {
  expect(describeCounts(await runSteps([step("x", outcome)]))).toBe(expected);
});

const report = { numPassedTests: 3, numFailedTests: 1, numPendingTests: 1, numTodoTests: 1 };
test.each([
  ["counts are taken from it", JSON.stringify(report), 1, { passed: 3, failed: 1, skipped: 2 }],
  [
    "a file that does not load is a failure",
    JSON.stringify({ ...report, numFailedTests: 0 }),
    1,
    { passed: 3, failed: 1, skipped: 2 },
  ],
  ["half a report is a failure", `{"numPassedTests": 3`, 0, { passed: 0, failed: 1, skipped: 0 }],
])("a vitest report: %s", (_, text, exitCode, expected) => {
  const file = join(folder, "report.json");
  writeFileSync(file, text);
  expect(readVitestReport(file, exitCode)).toEqual(expected);
});

test("no report at all is a failure", () => {
  expect(readVitestReport(join(folder, "none.json"), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test("a program that is not there is an execution that failed", async () => {
  expect(await execute("trustix-no-such-program", [])).toMatchObject({
    code: 127,
    output: expect.stringContaining("cannot run"),
  });
});

test("the end of a program is the end of its execution, although a process it started holds its output open", async () => {
  const started = performance.now();
  const { code, output } = await execute("sh", ["-c", "sleep 20 & echo $!; exit 3"]);
  process.kill(Number(output), "SIGKILL");
  expect(code).toBe(3);
  expect(performance.now() - started).toBeLessThan(10_000);
});
