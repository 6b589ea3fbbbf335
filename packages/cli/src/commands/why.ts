/** `trustix why`: who claims what for a path, since when, what shows it, and why it is decided as it is. Exit 3 if undecided. */
import { toHex, utf8 } from "@trustix/crypto";
import {
  ExplainResponse_Modes,
  NodeExt,
  VoterAnswer_Shown,
  type ExplainResponse,
  type VoterAnswer,
} from "@trustix/proto";
import { NIX, findProtocol, parseNixValue, voteFromWire } from "@trustix/protocol";
import { EXIT, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { withNode } from "../connect.ts";
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
  if (input.on("json")) io.out(JSON.stringify(whyJson(path, answer)));
  else for (const line of whyLines(path, answer, io.now())) io.out(line);
  return answer.Decided ? EXIT.done : EXIT.refused;
};

function protocolOf(input: CommandInput): string {
  const text = input.text("protocol");
  if (text === undefined) return NIX.id;
  const protocol = findProtocol(text);
  if (protocol === undefined) throw usageError(`--protocol: ${JSON.stringify(text)} came, nix, test or an id wanted`);
  return protocol.id;
}

function whyLines(path: string, answer: ExplainResponse, now: number): string[] {
  const verdict = answer.Decided
    ? `decided, confidence ${answer.Confidence}: ${claimText(answer.Digest, answer.Value)}`
    : answer.Conflict
      ? "not decided, because two values have enough"
      : "not decided";
  const width = Math.max(...answer.Answers.map(({ Name }) => Name.length), 0);
  return [
    path,
    `${verdict}`,
    `  ${answer.Reason}`,
    ...answer.Answers.flatMap((voter) => voterLines(voter, answer, width, now)),
    `mode ${ExplainResponse_Modes[answer.Mode].toLowerCase()}${answer.LetThrough ? ": what the upstream's key signed is served all the same" : ""}`,
  ];
}

function voterLines(voter: VoterAnswer, answer: ExplainResponse, width: number, now: number): string[] {
  const { Name, Operator } = voter;
  const vote = voteFromWire(voter.Vote!);
  const who = `  ${Name.padEnd(width)}${Operator === "" ? "" : ` (${Operator})`}`;
  const said = vote.digest ?? (voter.Uncounted.length > 0 ? voter.Uncounted : undefined);
  const differs = said !== undefined && answer.Decided && !agrees(voter, answer, said);
  const words =
    vote.outcome === "claims"
      ? `claims ${claimText(said!, voter.Value)}${vote.reason === "" ? "" : ` (${vote.reason})`}${differs ? "  <- another result" : ""}`
      : `${vote.outcome}${vote.reason === "" ? "" : `: ${vote.reason}`}`;
  return [
    `${who}  ${words}`,
    ...(vote.outcome !== "claims" && said !== undefined
      ? [`${" ".repeat(width + 4)}would claim ${claimText(said, voter.Value)}`]
      : []),
    ...proofLines(voter, now).map((line) => `${" ".repeat(width + 4)}${line}`),
  ];
}

/** Compared by facts where the value is known: spelling is no difference. */
function agrees({ Value }: VoterAnswer, answer: ExplainResponse, digest: Uint8Array): boolean {
  if (Value.length > 0) return factsText(Value) === factsText(answer.Value);
  return toHex(digest) === toHex(answer.Digest);
}

function proofLines({ ShownBy, TreeSize, Index, Since, Vote }: VoterAnswer, now: number): string[] {
  const isClaim = Vote !== undefined && voteFromWire(Vote).outcome === "claims";
  const since =
    Since === 0n ? "" : `, known here since ${new Date(Number(Since)).toISOString().slice(0, 16).replace("T", " ")}`;
  const isFresh = now - Number(Since) < 0 ? " (the node's clock is ahead)" : "";
  switch (ShownBy) {
    case VoterAnswer_Shown.BY_LOG:
      return isClaim
        ? [`shown: entry ${Index} of ${TreeSize}, in map and log under its signed head${since}${isFresh}`]
        : [`shown: no entry among ${TreeSize}, under its signed head`];
    case VoterAnswer_Shown.BY_NARINFO:
      return [`shown: a narinfo signed by the cache's key${since}${isFresh}`];
    case VoterAnswer_Shown.ASSERTED:
      return [];
  }
}

function claimText(digest: Uint8Array, value: Uint8Array): string {
  return factsText(value) ?? toHex(digest);
}

/** The NAR hash, size and number of references, where the value states facts. */
function factsText(value: Uint8Array): string | undefined {
  try {
    const { narHash, narSize, references } = parseNixValue(value);
    return `${narHash} (${narSize} bytes, ${references.length} reference${references.length === 1 ? "" : "s"})`;
  } catch {
    return undefined; // no claim of the Nix protocol, or none that could be had
  }
}

function whyJson(path: string, answer: ExplainResponse): object {
  return {
    key: path,
    decided: answer.Decided,
    ...(answer.Decided && {
      digest: toHex(answer.Digest),
      confidence: answer.Confidence,
      value: new TextDecoder().decode(answer.Value),
    }),
    conflict: answer.Conflict,
    reason: answer.Reason,
    mode: ExplainResponse_Modes[answer.Mode].toLowerCase(),
    letThrough: answer.LetThrough,
    time: Number(answer.Time),
    voters: answer.Answers.map((voter) => {
      const { logId, outcome, digest, reason } = voteFromWire(voter.Vote!);
      return {
        id: logId,
        name: voter.Name,
        ...(voter.Operator !== "" && { operator: voter.Operator }),
        outcome,
        ...(digest !== undefined && { digest: toHex(digest) }),
        ...(voter.Uncounted.length > 0 && { uncounted: toHex(voter.Uncounted) }),
        ...(voter.Value.length > 0 && { value: new TextDecoder().decode(voter.Value) }),
        ...(reason !== "" && { reason }),
        ...(voter.Since !== 0n && { since: Number(voter.Since) }),
        shownBy: VoterAnswer_Shown[voter.ShownBy].toLowerCase().replace("by_", ""),
        ...(voter.ShownBy === VoterAnswer_Shown.BY_LOG && { treeSize: Number(voter.TreeSize) }),
        ...(voter.ShownBy === VoterAnswer_Shown.BY_LOG && outcome === "claims" && { index: Number(voter.Index) }),
      };
    }),
  };
}
