/** `npm run check`: format, lint, types, layers, generated files, unit tests, docs. No Nix. */
import { endOnSignals } from "./check/execute.ts";
import { CHECK_STEPS } from "./check/all-steps.ts";
import { describeCounts, runSteps } from "./check/steps.ts";

endOnSignals();
const counts = await runSteps(CHECK_STEPS);
process.stdout.write(`\n${describeCounts(counts)}\n`);
process.exitCode = counts.failed === 0 ? 0 : 1;
