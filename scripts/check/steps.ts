/**
 * The steps of `npm run check` and `npm test`, and how they are run: side by side, as many as there are cores, one line
 * each with its time, and the full output of those that failed at the end.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { execute } from "./execute.ts";
import { NO_TESTS, readVitestReport, type TestCounts } from "./vitest-report.ts";

export interface Outcome {
  readonly ok: boolean;
  readonly output: string;
  /** Of a step that runs tests; any other step counts as one test. */
  readonly tests?: TestCounts;
}

export interface Step {
  readonly name: string;
  run(): Promise<Outcome>;
}

/** A step that is one program: it passes when the program exits with 0. */
export function program(name: string, command: string, args: readonly string[]): Step {
  return {
    name,
    run: async () => {
      const { code, output } = await execute(command, args);
      return { ok: code === 0, output };
    },
  };
}

/** One project of vitest.config.ts. A run without a single test fails. `show` prints its output while it comes. */
export function vitest(
  project: string,
  options: { readonly show?: boolean; readonly filters?: readonly string[] } = {},
): Step {
  return {
    name: `${project} tests`,
    run: async () => {
      const folder = mkdtempSync(join(tmpdir(), "trustix-tests-"));
      const report = join(folder, "report.json");
      const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
      const args = ["run", "--project", project, ...reporters, ...(options.filters ?? [])];
      const { code, output } = await execute("vitest", args, { show: options.show ?? false });
      const tests = readVitestReport(report, code);
      rmSync(folder, { recursive: true });
      return { ok: code === 0 && tests.failed === 0 && tests.passed > 0, output, tests };
    },
  };
}

/** Runs all steps, `atOnce` at a time, and prints one line each as it ends. */
export async function runSteps(steps: readonly Step[], atOnce = availableParallelism()): Promise<TestCounts> {
  const waiting = steps.values();
  const failures: string[] = [];
  let counts: TestCounts = NO_TESTS;
  const worker = async () => {
    for (const step of waiting) {
      const started = performance.now();
      const { ok, output, tests } = await step.run().catch((error: unknown): Outcome => ({
        ok: false,
        output: error instanceof Error ? (error.stack ?? "") : String(error),
      }));
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const detail = tests === undefined ? "" : `  ${describeCounts(tests)}`;
      process.stdout.write(`${ok ? "ok    " : "FAILED"}  ${step.name.padEnd(18)} ${seconds.padStart(6)} s${detail}\n`);
      if (!ok) failures.push(`\n──── ${step.name} ────\n${output.trimEnd()}\n`);
      counts = addCounts(counts, countsOf(ok, tests));
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(atOnce, steps.length)) }, worker));
  for (const failure of failures) process.stdout.write(failure);
  return counts;
}

/** A failed step never counts as a pass, also when no single test of it failed (a crash, or no tests at all). */
function countsOf(ok: boolean, tests: TestCounts | undefined): TestCounts {
  if (tests === undefined) return ok ? { ...NO_TESTS, passed: 1 } : { ...NO_TESTS, failed: 1 };
  return ok || tests.failed > 0 ? tests : { ...tests, failed: 1 };
}

export function addCounts(a: TestCounts, b: TestCounts): TestCounts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** `12 passed, 0 failed`, and `, 3 skipped` when some were. CI reads the last line of a run in this form. */
export function describeCounts({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}
