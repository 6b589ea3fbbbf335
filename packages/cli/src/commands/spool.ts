/** `trustix-nix spool`: the worker that submits what the hook noted. */
import { defaultSpoolFolder, openSpool, openSpoolWhenFree, publishFilter, type SpoolOptions } from "@trustix/nix";
import { CliError, EXIT } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { findLogId } from "../find-log.ts";
import { stderrLogger } from "../logger.ts";
import { readNodeConfig } from "../node-config.ts";
import { submitter } from "../submitter.ts";
import { systemClock } from "../system-clock.ts";
import { counted } from "../words.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const config = await readNodeConfig(input);
  return withNode(
    input,
    async (node) => {
      const options: SpoolOptions = {
        folder: defaultSpoolFolder({ ...io.env }, io.uid),
        submit: submitter(() => findLogId(input, node), node.call),
        clock: systemClock,
        log: stderrLogger(io),
        filter: publishFilter(config?.publish ?? {}),
      };
      const once = input.on("once");
      const spool = await (once ? openSpool(options) : openSpoolWhenFree(options, io.signal));
      if (spool === undefined) return EXIT.done;
      try {
        if (!once) {
          await spool.run(io.signal);
          return EXIT.done;
        }
        const { accepted, refused, skipped, bad } = await spool.drain(io.signal);
        io.out(
          `${counted(accepted, "claim", "claims")} accepted, ${refused.length} refused, ${skipped} skipped, ${bad} bad`,
        );
        for (const path of refused) io.out(`refused ${path}`);
        if (refused.length === 0) return EXIT.done;
        throw new CliError("some claims were refused: the log has another value, and the first one stands", {
          exit: EXIT.refused,
          hint: "`trustix refused` lists both",
        });
      } finally {
        await spool.close();
      }
    },
    { token: "writer", socketOwners: config?.socketOwners },
  );
};
