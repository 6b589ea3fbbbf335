/** The user's word on a voter, which the node keeps with its reason: what `trustix builders pardon` and `exclude` have in common. */
import { type BuilderOverride_Kinds, NodeExt } from "@trustix/proto";
import { findBuilder, standingName, unjudgedDissent } from "./builders.ts";
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
        const { LogID, Name, Protocol } = findBuilder(Builders, given);
        const { Standing, Reasons } = await node.call(NodeExt.method.overrideBuilder, { LogID, Kind, Reason });
        io.out(`${Name} is ${standingName(Standing)}: ${Reasons.join("; ")}`);
        const after = (await node.call(NodeExt.method.builders, {})).Builders;
        const unjudged = unjudgedDissent(after.filter((one) => one.Protocol === Protocol));
        if (unjudged !== undefined) {
          io.note(`trustix: warning: nobody's dissent is judged: ${unjudged.why}`);
          io.note(`trustix: hint: ${unjudged.remedy}`);
        }
      },
      { token: "own" },
    );
  };
}
