/** `trustix logs`: the logs a node knows. A public address tells only what it publishes, and no names. */
import { NodeAPI, NodeExt, RPCApi, type Log } from "@trustix/proto";
import { findProtocol } from "@trustix/protocol";
import type { Action } from "../command.ts";
import { withNode, type Connection } from "../connect.ts";
import { isCode } from "../rpc-codes.ts";
import { quoted } from "../words.ts";

export const run: Action = (input) =>
  withNode(input, async (node) => {
    const request = { Protocols: [...input.list("protocol")] };
    const published = (await node.call(NodeAPI.method.logs, request)).Logs;
    const known = await node.call(RPCApi.method.logs, request).then(
      ({ Logs }) => Logs,
      (error: unknown) => {
        if (isCode(error, "unimplemented")) return published;
        throw error;
      },
    );
    const names = await namesOf(node);
    const own = new Set(published.map((log) => log.LogID));
    if (input.on("json")) {
      input.io.out(JSON.stringify(known.map((log) => ({ ...described(log, names), published: own.has(log.LogID) }))));
      return;
    }
    for (const log of known) {
      const { id, name, protocol, publicKey, meta } = described(log, names);
      const called = name === undefined ? "" : ` name=${quoted(name)}`;
      const notes = Object.entries(meta).map(([key, value]) => ` ${key}=${value}`);
      input.io.out(
        `${id} ${own.has(id) ? "published" : "followed"} ${protocol} ${publicKey}${called}${notes.join("")}`,
      );
    }
    if (known.length === 0) input.io.note("trustix: this node has no log of that kind");
  });

/** In the configuration, by id; none where a node does not tell. */
async function namesOf(node: Connection): Promise<ReadonlyMap<string, string>> {
  try {
    const { Published, Followed } = await node.call(NodeExt.method.status, {});
    // A log may be both, and is what it is published as.
    return new Map([...Followed, ...Published].map(({ Log: log, Name }) => [log?.LogID ?? "", Name]));
  } catch (error) {
    if (isCode(error, "unimplemented")) return new Map();
    throw error;
  }
}

function described(log: Log, names: ReadonlyMap<string, string>) {
  const protocol = findProtocol(log.Protocol)?.name ?? log.Protocol;
  const name = names.get(log.LogID);
  return {
    id: log.LogID,
    ...(name !== undefined && { name }),
    protocol,
    publicKey: log.Signer?.Public ?? "",
    meta: log.Meta,
  };
}
