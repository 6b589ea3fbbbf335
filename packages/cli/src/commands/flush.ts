/** `trustix flush`: everything accepted before goes under a signed head. Prints nothing. */
import { LogRPC } from "@trustix/proto";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { findLogId } from "../find-log.ts";

export const run: Action = (input) =>
  withNode(
    input,
    async (node) => {
      await node.call(LogRPC.method.flush, { LogID: await findLogId(input, node) });
    },
    { token: "writer" },
  );
