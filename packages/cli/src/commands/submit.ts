/** `trustix submit`: one key and value into the log's queue. */
import { LogRPC } from "@trustix/proto";
import { hexFlag } from "../byte-flags.ts";
import { CliError, EXIT } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { findLogId } from "../find-log.ts";
import { valueFlag } from "../value-flag.ts";

export const run: Action = async (input) => {
  const item = { Key: hexFlag(input, "key"), Value: await valueFlag(input) };
  return withNode(
    input,
    async (node) => {
      const LogID = await findLogId(input, node);
      const { Refused } = await node.call(LogRPC.method.submit, { LogID, Items: [item] });
      if (Refused.length > 0) {
        throw new CliError("refused: the log has another value for this key, and the first one stands", {
          exit: EXIT.refused,
          hint: "`trustix refused` lists both",
        });
      }
      input.io.out("OK");
    },
    { token: "writer" },
  );
};
