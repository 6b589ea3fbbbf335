/** Reads the counts out of vitest's JSON report. */
import { readFileSync } from "node:fs";

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NO_TESTS: TestCounts = { passed: 0, failed: 0, skipped: 0 };

/** A run that ended badly without a failed test (a file that does not load, no report at all) counts as one failure. */
export function readVitestReport(file: string, exitCode: number): TestCounts {
  const counts = countsIn(file);
  return exitCode === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

function countsIn(file: string): TestCounts {
  let report: Record<string, unknown>;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { ...NO_TESTS, failed: 1 };
  }
  const number = (name: string) => (typeof report[name] === "number" ? report[name] : 0);
  return {
    passed: number("numPassedTests"),
    failed: number("numFailedTests"),
    skipped: number("numPendingTests") + number("numTodoTests"),
  };
}
