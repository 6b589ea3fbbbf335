/** The log that a command means: one that the asked node publishes, because only that node proves and writes it. */
import { NodeAPI, NodeExt, RemoteStatus_States, type FollowedStatus } from "@trustix/proto";
import { usageError, type CliError } from "./cli-error.ts";
import type { CommandInput } from "./command.ts";
import type { Connection } from "./connect.ts";
import { isCode } from "./rpc-codes.ts";

/** `--log-id`, whole or its first 8 digits and more, else the only one this node publishes. A whole id is not looked up. */
export async function findLogId(input: CommandInput, node: Connection): Promise<string> {
  const given = input.text("log-id")?.toLowerCase();
  if (given !== undefined && /^[0-9a-f]{64}$/.test(given)) return given;
  if (given !== undefined && !/^[0-9a-f]{8,63}$/.test(given)) {
    throw usageError(`--log-id: ${JSON.stringify(given)} came, 64 hex digits or at least the first 8 wanted`);
  }
  const { Logs: published } = await node.call(NodeAPI.method.logs, {});
  const ids = published.map((log) => log.LogID).filter((id) => given === undefined || id.startsWith(given));
  if (ids.length === 1) return ids[0]!;
  if (ids.length > 1)
    throw usageError(`this node publishes ${ids.length} logs: ${ids.join(", ")}`, "name one with --log-id");
  if (given !== undefined) throw await notPublished(node, given);
  throw usageError("this node publishes no log", "`trustix logs` lists what it knows; name one with --log-id");
}

/** Why the node is not the one to ask for this log (its id, or how it starts), and who is. */
export async function notPublished(node: Connection, start: string): Promise<CliError> {
  const followed = (await followedLogs(node)).filter(({ Log }) => Log?.LogID.startsWith(start) === true);
  if (followed.length !== 1) {
    const which = start.length === 64 ? `does not publish log ${start}` : `publishes no log that starts with ${start}`;
    return usageError(`this node ${which}`, "`trustix logs` lists what it knows");
  }
  const [{ Log, Name, Remotes }] = followed as [FollowedStatus];
  const remote = Remotes.find(({ State }) => State === RemoteStatus_States.REACHABLE);
  return usageError(
    `log ${Log!.LogID} (${Name}) is followed by this node, not published: its proofs come from who publishes it`,
    remote === undefined ? "`trustix status` tells how its remotes are" : `ask there: --address ${remote.URL}`,
  );
}

/** None where a node does not tell whom it follows. */
async function followedLogs(node: Connection): Promise<readonly FollowedStatus[]> {
  try {
    return (await node.call(NodeExt.method.status, {})).Followed;
  } catch (error) {
    if (isCode(error, "unimplemented")) return [];
    throw error;
  }
}
