/** `trustix-nix submit-closure`: what this machine built of the closures of some store paths. */
import { publishFilter, submitClosure } from "@trustix/nix";
import { CliError, EXIT } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { findLogId } from "../find-log.ts";
import { machinesNix } from "../machines-nix.ts";
import { readNodeConfig } from "../node-config.ts";
import { submitter } from "../submitter.ts";
import { counted } from "../words.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const config = await readNodeConfig(input);
  const report = await withNode(
    input,
    (node) =>
      submitClosure({
        paths: input.args,
        submit: submitter(() => findLogId(input, node), node.call),
        nix: machinesNix(io.env),
        filter: publishFilter(config?.publish ?? {}),
        all: input.on("all"),
        progress: ({ step, done, total }) => io.progress(total === 0 ? `${step} ...` : `${step}: ${done} of ${total}`),
        signal: io.signal,
      }).catch((error: unknown) => {
        if (error instanceof Error && error.name === "ClosureError")
          throw new CliError(error.message, { cause: error });
        throw error;
      }),
    { token: "writer", socketOwners: config?.socketOwners },
  );
  if (input.on("json")) io.out(JSON.stringify(report));
  else {
    for (const path of report.submitted) io.out(`submitted ${path}`);
    for (const path of report.refused) io.out(`refused ${path}`);
    for (const { path, why } of report.left) io.out(`left out ${path}: ${why}`);
  }
  const { submitted, refused, left } = report;
  io.note(`trustix: ${counted(submitted.length, "path", "paths")} submitted, ${left.length} left out`);
  if (refused.length === 0) return EXIT.done;
  throw new CliError(
    `${counted(refused.length, "path", "paths")} refused: the log has another value, and the first one stands`,
    {
      exit: EXIT.refused,
      hint: "`trustix refused` lists both",
    },
  );
};
