/** `trustix builders log`: what the user said of voters, and why, oldest first. */
import { type BuilderOverride, BuilderOverride_Kinds, NodeExt } from "@trustix/proto";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";

export const run: Action = (input) =>
  withNode(input, async (node) => {
    const { io } = input;
    const { Builders, Overrides } = await node.call(NodeExt.method.builders, {});
    const names = new Map(Builders.map(({ LogID, Name }) => [LogID, Name]));
    const words = Overrides.map((override) => described(override, names));
    if (input.on("json")) io.out(JSON.stringify(words));
    else for (const { at, kind, id, name, reason } of words) io.out(`${at} ${kind} ${name ?? id}: ${reason}`);
    if (words.length === 0 && !input.on("json")) io.note("trustix: nobody was pardoned or excluded by hand");
  });

/** The name is gone when the voter left the configuration. */
function described({ LogID, Kind, Reason, At }: BuilderOverride, names: ReadonlyMap<string, string>) {
  return {
    at: new Date(Number(At)).toISOString(),
    kind: Kind === BuilderOverride_Kinds.PARDON ? "pardon" : "exclude",
    id: LogID,
    ...(names.has(LogID) && { name: names.get(LogID) }),
    reason: Reason,
  };
}
