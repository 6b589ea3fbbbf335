/** `trustix why`: who claims what for a path, since when, what shows it, and why it is decided as it is. Exit 3 if undecided. */
import { utf8 } from "@trustix/crypto";
import {
  explanationToJson,
  type ExplainedClaim,
  type ExplainedVoter,
  type Explanation,
} from "@trustix/nix/explanation";
import { NodeExt } from "@trustix/proto";
import { NIX, findProtocol } from "@trustix/protocol";
import { EXIT, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { withNode } from "../connect.ts";
import { explanationOf } from "../explanation-of.ts";
import { saveReceipt } from "../save-receipt.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const [path] = input.args;
  if (path === undefined) throw usageError("no path is named", "see `trustix why --help`");
  const protocol = protocolOf(input);
  const receipt = input.text("receipt");
  const request = { Protocol: protocol, Key: utf8(path), WithReceipt: receipt !== undefined };
  const answer = await withNode(input, (node) => node.call(NodeExt.method.explain, request));
  if (receipt !== undefined) await saveReceipt(input, receipt, answer.Receipt);
  const explanation = explanationOf(path, answer, false);
  if (input.on("json")) io.out(JSON.stringify(explanationToJson(explanation)));
  else for (const line of whyLines(explanation, io.now())) io.out(line);
  return answer.Decided ? EXIT.done : EXIT.refused;
};

function protocolOf(input: CommandInput): string {
  const text = input.text("protocol");
  if (text === undefined) return NIX.id;
  const protocol = findProtocol(text);
  if (protocol === undefined) throw usageError(`--protocol: ${JSON.stringify(text)} came, nix, test or an id wanted`);
  return protocol.id;
}

function whyLines(explanation: Explanation, now: number): string[] {
  const { key, decision, conflict, reason, voters, mode, letThrough } = explanation;
  const verdict =
    decision !== undefined
      ? `decided, confidence ${decision.confidence}: ${claimText(decision)}`
      : conflict
        ? "not decided, because two values have enough"
        : "not decided";
  const width = Math.max(...voters.map(({ name }) => name.length), 0);
  return [
    key,
    verdict,
    `  ${reason}`,
    ...voters.flatMap((voter) => voterLines(voter, decision, width, now)),
    `mode ${mode}${letThrough ? ": what the upstream's key signed is served all the same" : ""}`,
  ];
}

function voterLines(voter: ExplainedVoter, decision: ExplainedClaim | undefined, width: number, now: number): string[] {
  const { name, operator, outcome, reason, claim } = voter;
  const who = `  ${name.padEnd(width)}${operator === undefined ? "" : ` (${operator})`}`;
  const differs = claim !== undefined && decision !== undefined && claimText(claim) !== claimText(decision);
  const indent = " ".repeat(width + 4);
  const words =
    outcome === "claims" && claim !== undefined
      ? `claims ${claimText(claim)}${differs ? "  <- another result" : ""}`
      : `${outcome}${reason === "" ? "" : `: ${reason}`}`;
  return [
    `${who}  ${words}`,
    ...(outcome !== "claims" && claim !== undefined ? [`${indent}would claim ${claimText(claim)}`] : []),
    ...proofLines(voter, now).map((line) => `${indent}${line}`),
  ];
}

function proofLines({ shownBy, since, outcome }: ExplainedVoter, now: number): string[] {
  const known =
    since === undefined ? "" : `, known here since ${new Date(since).toISOString().slice(0, 16).replace("T", " ")}`;
  const isAhead = since !== undefined && since > now ? " (the node's clock is ahead)" : "";
  switch (shownBy.kind) {
    case "log":
      return outcome === "claims"
        ? [
            `shown: entry ${shownBy.index} of ${shownBy.entries}, in map and log under its signed head${known}${isAhead}`,
          ]
        : [`shown: no entry among ${shownBy.entries}, under its signed head`];
    case "narinfo":
      return [`shown: a narinfo signed by the cache's key${known}${isAhead}`];
    case "asserted":
      return [];
  }
}

/** The NAR hash, size and number of references, where the value states facts: spelling is no difference. */
function claimText({ digest, facts }: ExplainedClaim): string {
  if (facts === undefined) return digest;
  const { narHash, narSize, references } = facts;
  return `${narHash} (${narSize} bytes, ${references.length} reference${references.length === 1 ? "" : "s"})`;
}
