/** `trustix logs`: the logs a node knows. A public address tells only what it publishes. */
import { NodeAPI, RPCApi, type Log } from "@trustix/proto";
import { findProtocol } from "@trustix/protocol";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { isCode } from "../rpc-codes.ts";

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
    const own = new Set(published.map((log) => log.LogID));
    if (input.on("json")) {
      input.io.out(JSON.stringify(known.map((log) => ({ ...described(log), published: own.has(log.LogID) }))));
      return;
    }
    for (const log of known) {
      const { id, protocol, publicKey, meta } = described(log);
      const notes = Object.entries(meta).map(([key, value]) => ` ${key}=${value}`);
      input.io.out(`${id} ${own.has(id) ? "published" : "followed"} ${protocol} ${publicKey}${notes.join("")}`);
    }
    if (known.length === 0) input.io.note("trustix: this node has no log of that kind");
  });

function described(log: Log) {
  const protocol = findProtocol(log.Protocol)?.name ?? log.Protocol;
  return { id: log.LogID, protocol, publicKey: log.Signer?.Public ?? "", meta: log.Meta };
}
