/** `trustix query`: what a log's map holds for a key. The node is only asked; head, signature and proof are checked here. */
import { logClient, type ClaimResult, type Trouble } from "@trustix/client";
import { toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { NodeAPI } from "@trustix/proto";
import { logFromWire } from "@trustix/protocol";
import { hexFlag } from "../byte-flags.ts";
import { CliError, EXIT } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { findLogId, notPublished } from "../find-log.ts";

export const run: Action = (input) => {
  const key = hexFlag(input, "key");
  return withNode(input, async (node) => {
    const id = await findLogId(input, node);
    const { Logs } = await node.call(NodeAPI.method.logs, {});
    const listed = Logs.find((log) => log.LogID === id);
    if (listed === undefined) throw await notPublished(node, id);
    const crypto = nodeCrypto();
    // The id is a digest of the key, so that the node cannot name another key for the log that was asked for.
    const log = logFromWire(crypto, listed);
    const client = logClient({ crypto, transport: node.transport, log });
    const options = { timeoutMs: (input.number("timeout") ?? 20) * 1000, signal: input.io.signal };
    const got = await client.head(options);
    if (got.kind !== "head") throw troubleError(got);
    const result = await client.claim(key, got.head, options);
    if (result.kind !== "claims") throw absenceError(result, got.head.treeSize);
    const { digest, index } = result.entry;
    if (input.on("json"))
      input.io.out(JSON.stringify({ logId: id, digest: toHex(digest), index, treeSize: got.head.treeSize }));
    else input.io.out(`Output digest: ${toHex(digest)}`);
  });
};

function absenceError(result: Exclude<ClaimResult, { kind: "claims" }>, treeSize: number): CliError {
  switch (result.kind) {
    case "absent":
      return new CliError(`the key is not in the log (proved for its ${treeSize} entries)`);
    case "contradiction":
      return new CliError(`the log contradicts itself: ${result.why}`, { exit: EXIT.refused });
    case "says_absent":
      return new CliError(`the log says that the key is not in it, and does not prove it: ${result.why}`);
    case "root_gone":
      return new CliError(`the log no longer holds the head it just gave: ${result.why}`);
    case "unreachable":
    case "refused":
    case "unverifiable":
      return troubleError(result);
  }
}

function troubleError(trouble: Trouble): CliError {
  if (trouble.kind === "unverifiable") return new CliError(`not to be trusted: ${trouble.why}`, { exit: EXIT.refused });
  return new CliError(trouble.why);
}
