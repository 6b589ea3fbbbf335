/** `trustix get-value`: the bytes behind a digest, checked against it. */
import { equalBytes, toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { NodeAPI, RPCApi } from "@trustix/proto";
import { hexFlag } from "../byte-flags.ts";
import { CliError, EXIT } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { isCode } from "../rpc-codes.ts";

export const run: Action = (input) => {
  const digest = hexFlag(input, "digest", 32);
  return withNode(input, async (node) => {
    const { Value } = await node
      .call(RPCApi.method.getValue, { Digest: digest })
      // Public addresses serve values of published logs only, by another name.
      .catch((error: unknown) => {
        if (!isCode(error, "unimplemented")) throw error;
        return node.call(NodeAPI.method.getValue, { Digest: digest });
      });
    const came = nodeCrypto().sha256(Value);
    if (!equalBytes(came, digest)) {
      throw new CliError(`the node answered other bytes: their digest is ${toHex(came)}, not ${toHex(digest)}`, {
        exit: EXIT.refused,
      });
    }
    if (input.on("json")) input.io.out(JSON.stringify({ digest: toHex(digest), value: toHex(Value) }));
    else {
      input.io.outBytes(Value);
      if (input.io.terminal) input.io.out("");
    }
  });
};
