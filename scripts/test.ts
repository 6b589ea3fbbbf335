/**
 * `npm test [-- NAME...]`: all steps of `npm run check`, then the slow tests (`*.slow.test.ts`) and those with real Nix
 * (tests/e2e; only the files named, if any), after the system parts are in place. What had to be skipped is listed at the
 * end; with `CI=true` a skip is a failure. The last line has the counts.
 */
import { globSync } from "node:fs";
import { CHECK_STEPS } from "./check/all-steps.ts";
import { addCounts, describeCounts, runSteps, vitest } from "./check/steps.ts";
import { endOnSignals, ROOT } from "./check/execute.ts";
import { describeMissing, ensureSystemParts } from "./setup/system-parts.ts";

endOnSignals();
const missing = ensureSystemParts();
const checked = await runSteps(CHECK_STEPS);
process.stdout.write("\nend to end\n");
const slow = globSync("packages/*/test/**/*.slow.test.ts", { cwd: ROOT }).length > 0 ? [vitest("slow")] : [];
// One after the other: what is timed must not be disturbed.
const endToEnd = await runSteps([...slow, vitest("e2e", { show: true, filters: process.argv.slice(2) })], 1);
const counts = addCounts(checked, endToEnd);

const strict = process.env["CI"] === "true";
if (missing.length > 0) process.stdout.write(`\nnot everything could be tested:\n${describeMissing(missing)}\n`);
const skipped = counts.skipped > 0 || missing.length > 0;
if (skipped && strict) process.stdout.write("\nCI=true: a skip is a failure\n");
process.stdout.write(`\n${describeCounts(counts)}\n`);
process.exitCode = counts.failed > 0 || (strict && skipped) ? 1 : 0;
