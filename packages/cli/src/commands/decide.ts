/** `trustix decide`: what the voters say of a key. Exit 3 when they do not agree enough. */
import type { MessageShape } from "@bufbuild/protobuf";
import { RpcError } from "@trustix/client";
import { toHex } from "@trustix/crypto";
import { NodeExt, RPCApi, UndecidedSchema, type DecisionResponse, type DecisionResponseSchema } from "@trustix/proto";
import { undecidedFromWire, voteFromWire, type Undecided, type Vote } from "@trustix/protocol";
import { hexFlag } from "../byte-flags.ts";
import { CliError, EXIT } from "../cli-error.ts";
import type { Action, CommandInput, Io } from "../command.ts";
import { withNode } from "../connect.ts";
import { saveReceipt } from "../save-receipt.ts";
import { voterNames } from "../voter-names.ts";

type Names = ReadonlyMap<string, string>;

export const run: Action = (input) => {
  const request = { Protocol: input.needed("protocol"), Key: hexFlag(input, "key") };
  const receipt = input.text("receipt");
  return withNode(input, async (node) => {
    if (receipt !== undefined) {
      const { Receipt } = await node.call(NodeExt.method.explain, { ...request, WithReceipt: true });
      await saveReceipt(input, receipt, Receipt);
    }
    let decided: MessageShape<typeof DecisionResponseSchema>;
    try {
      decided = await node.call(RPCApi.method.decide, request);
    } catch (error) {
      const detail = error instanceof RpcError ? error.detail(UndecidedSchema) : undefined;
      if (detail === undefined) throw error;
      return reportUndecided(input, undecidedFromWire(detail), await voterNames(node, request.Protocol));
    }
    report(input, decided, await voterNames(node, request.Protocol));
    return EXIT.done;
  });
};

function report({ io, on }: CommandInput, response: DecisionResponse, names: Names): void {
  const { Decision, Mismatches, Misses, Votes } = response;
  const { LogIDs, Digest, Confidence, Value } = Decision!;
  if (on("json")) {
    const decision = { digest: toHex(Digest), confidence: Confidence, logIds: LogIDs, value: toHex(Value) };
    const mismatches = Mismatches.map((log) => ({ logId: log.LogID, digest: toHex(log.Digest) }));
    const votes = Votes.map((vote) => voteJson(voteFromWire(vote), names));
    io.out(JSON.stringify({ decided: true, decision, mismatches, misses: Misses, votes }));
    return;
  }
  const lines = Votes.length === 0 ? Misses.map(absentLine) : Votes.map(voteFromWire).flatMap(missLines);
  for (const line of lines) io.out(line);
  for (const log of Mismatches) io.out(`Found mismatched digest '${toHex(log.Digest)}' in log '${log.LogID}'`);
  io.out(`Decided on output digest '${toHex(Digest)}' with confidence ${Confidence}`);
  const others = Votes.map(voteFromWire).filter(({ outcome }) => outcome !== "claims");
  noteNames(io, [...Misses, ...others.map(({ logId }) => logId), ...Mismatches.map(({ LogID }) => LogID)], names);
}

function reportUndecided({ io, on }: CommandInput, { votes, reason }: Undecided, names: Names): number {
  if (on("json")) {
    io.out(JSON.stringify({ decided: false, reason, votes: votes.map((vote) => voteJson(vote, names)) }));
    return EXIT.refused;
  }
  for (const line of votes.flatMap(missLines)) io.out(line);
  noteNames(
    io,
    votes.filter(({ outcome }) => outcome !== "claims").map(({ logId }) => logId),
    names,
  );
  throw new CliError(`undecided: ${reason}`, { exit: EXIT.refused });
}

/** The result lines are the existing program's and name logs by their ids alone. */
function noteNames(io: Io, ids: readonly string[], names: Names): void {
  const known = [...new Set(ids)].filter((id) => names.has(id));
  if (known.length === 0) return;
  io.note(`trustix: ${known.map((id) => `${id.slice(0, 8)} is ${names.get(id)}`).join(", ")}`);
}

/** Why a log that claims nothing claims nothing: only one that was asked, and proved it, has no digest. */
function missLines({ logId, outcome, reason }: Vote): string[] {
  if (outcome === "claims") return [];
  if (outcome === "absent") return [absentLine(logId)];
  return [`Log '${logId}' is ${outcome}${reason === "" ? "" : `: ${reason}`}`];
}

/** The existing program's line, which it prints for logs of every kind that claim nothing. */
function absentLine(logId: string): string {
  return `Did not find digest in log '${logId}'`;
}

function voteJson({ logId, outcome, digest, reason }: Vote, names: Names): object {
  const name = names.get(logId);
  return {
    logId,
    ...(name !== undefined && { name }),
    outcome,
    ...(digest !== undefined && { digest: toHex(digest) }),
    ...(reason !== "" && { reason }),
  };
}
