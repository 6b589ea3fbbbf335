/** `trustix keys`: what somebody else needs to check this node's receipts. Public keys and policies, nothing secret. */
import { keysToText } from "@trustix/decider";
import { NodeExt } from "@trustix/proto";
import { CliError } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { localKeys } from "../known-keys.ts";

export const run: Action = async (input) => {
  const nodeKey = input.text("node-key") !== undefined || input.text("state") !== undefined ? undefined : await asked();
  const known = await localKeys(input, nodeKey);
  if (known.policies.length === 0) {
    throw new CliError("the configuration has no policy: there is nothing to decide by", {
      hint: 'add [[decider."nix"]]',
    });
  }
  // JSON with `--json` and without: it is what `--keys` reads.
  input.io.out(keysToText(known));

  async function asked(): Promise<Uint8Array> {
    return withNode(input, async (node) => (await node.call(NodeExt.method.status, {})).NodeKey);
  }
};
