/** What the voters whose ids a command prints are called. */
import { NodeExt } from "@trustix/proto";
import type { Connection } from "./connect.ts";

/** By id; none of a node that cannot say: a name is no reason to fail. */
export async function voterNames(node: Connection, protocol: string): Promise<ReadonlyMap<string, string>> {
  try {
    const { Voters } = await node.call(NodeExt.method.decideMany, { Protocol: protocol, Keys: [] });
    return new Map(Voters.map(({ LogID, Name }) => [LogID, Name]));
  } catch (error) {
    if (error instanceof Error && error.name === "RpcError") return new Map();
    throw error;
  }
}
