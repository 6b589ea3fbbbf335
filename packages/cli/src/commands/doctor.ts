/** `trustix doctor`: looks at everything that has to fit together, and says what does not, and what mends it. */
import { EXIT } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { gatherFacts } from "../doctor/gather-facts.ts";
import { judge } from "../doctor/judge.ts";
import { isWell, reportJson, reportLines } from "../doctor/report.ts";

export const run: Action = async (input) => {
  const findings = judge(await gatherFacts(input));
  if (input.on("json")) input.io.out(JSON.stringify(reportJson(findings)));
  else for (const line of reportLines(findings)) input.io.out(line);
  return isWell(findings) ? EXIT.done : EXIT.failed;
};
