/** `trustix why`: who claims what for a path, since when, what shows it, and why it is decided as it is. Exit 3 if undecided. */
import { utf8 } from "@trustix/crypto";
import { comparesFacts } from "@trustix/decider";
import { explanationToJson } from "@trustix/nix/explanation";
import { NodeExt } from "@trustix/proto";
import { NIX, findProtocol, type Protocol } from "@trustix/protocol";
import { askedPath } from "../asked-path.ts";
import { EXIT, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { withNode } from "../connect.ts";
import { explanationLines } from "../explanation-lines.ts";
import { explanationOf } from "../explanation-of.ts";
import { saveReceipt } from "../save-receipt.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const [named, ...more] = input.args;
  if (named === undefined) throw usageError("no path is named", "see `trustix why --help`");
  if (more.length > 0) throw usageError("one path wanted", "see `trustix why --help`");
  const protocol = protocolOf(input);
  const receipt = input.text("receipt");
  return withNode(input, async (node) => {
    const key = comparesFacts(protocol) ? await askedPath(named, node, io) : named;
    const request = { Protocol: protocol.id, Key: utf8(key), WithReceipt: receipt !== undefined };
    const answer = await node.call(NodeExt.method.explain, request);
    if (receipt !== undefined) await saveReceipt(input, receipt, answer.Receipt);
    const explanation = explanationOf({ key, protocol }, answer, false);
    if (input.on("json")) io.out(JSON.stringify(explanationToJson(explanation)));
    else for (const line of explanationLines(explanation, io.now())) io.out(line);
    return answer.Decided ? EXIT.done : EXIT.refused;
  });
};

function protocolOf(input: CommandInput): Protocol {
  const text = input.text("protocol");
  if (text === undefined) return NIX;
  const protocol = findProtocol(text);
  if (protocol === undefined) throw usageError(`--protocol: ${JSON.stringify(text)} came, nix, test or an id wanted`);
  return protocol;
}
