/** The user's word on a voter, which the node keeps with its reason: what `trustix builders pardon` and `exclude` have in common. */
import { type BuilderOverride_Kinds, NodeExt } from "@trustix/proto";
import { findBuilder, standingName } from "./builders.ts";
import { usageError } from "./cli-error.ts";
import type { Action } from "./command.ts";
import { withNode } from "./connect.ts";

export function overrideBuilder(Kind: BuilderOverride_Kinds): Action {
  return async (input) => {
    const { io } = input;
    const [given, ...more] = input.args;
    if (given === undefined || more.length > 0) throw usageError("one voter wanted, by name or id");
    const Reason = input.needed("reason");
    await withNode(
      input,
      async (node) => {
        const { Builders } = await node.call(NodeExt.method.builders, {});
        const { LogID, Name } = findBuilder(Builders, given);
        const { Standing, Reasons } = await node.call(NodeExt.method.overrideBuilder, { LogID, Kind, Reason });
        io.out(`${Name} is ${standingName(Standing)}: ${Reasons.join("; ")}`);
      },
      { token: "own" },
    );
  };
}
