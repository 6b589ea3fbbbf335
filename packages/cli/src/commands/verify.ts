/**
 * `trustix verify`: replays a receipt offline, from one's own side. Exit 3 when it does not hold, with the reason. Loads as
 * little as it can: checking takes a few milliseconds.
 */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { equalBytes, toHex } from "@trustix/crypto";
import { readReceipt, RECEIPT_BOUNDS, verifyReceipt, type KnownKeys, type VerifiedReceipt } from "@trustix/decider";
import { nodeCrypto } from "@trustix/node-crypto";
import { ProtocolError } from "@trustix/protocol";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { knownKeys } from "../known-keys.ts";
import { keyText } from "../words.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const [path] = input.args;
  if (path === undefined) throw usageError("no receipt is named", "see `trustix verify --help`");
  const [file, known] = await Promise.all([readBounded(resolve(io.cwd, path), path), knownKeys(input)]);
  const verified = await refusing(
    path,
    () => verify(file, known),
    () => isForeign(file, known),
  );
  if (input.on("json")) io.out(JSON.stringify(verifiedJson(verified, known)));
  else for (const line of verifiedLines(verified, known)) io.out(line);
  return EXIT.done;
};

async function verify(file: Uint8Array, { nodeKeys, voters, policies }: KnownKeys): Promise<VerifiedReceipt> {
  const crypto = nodeCrypto();
  const { receipt } = readReceipt(crypto, file);
  const policy = policies.find(({ protocol }) => protocol.id === receipt.policy.protocol.id);
  if (policy === undefined) {
    throw new ProtocolError(
      "unknown",
      `receipt: there is no policy here for its protocol ${receipt.policy.protocol.name}`,
    );
  }
  const needed = policy.rules.some(({ engine }) => engine === "javascript");
  // What is imported takes longer than all checks together.
  const sandbox = needed ? await (await import("@trustix/decider")).createSandbox() : undefined;
  try {
    return verifyReceipt(crypto, file, { nodeKeys, policy, voters, sandbox });
  } finally {
    await sandbox?.close();
  }
}

/** Whether it holds and is of a node whose key is not known here. */
function isForeign(file: Uint8Array, { nodeKeys }: KnownKeys): boolean {
  try {
    const { nodeKey } = readReceipt(nodeCrypto(), file);
    return !nodeKeys.some((key) => equalBytes(key, nodeKey));
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

async function refusing<T>(path: string, work: () => Promise<T>, foreign: () => boolean): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new CliError(`${path} is refused: ${cause.message}`, {
      exit: EXIT.refused,
      ...(foreign() && { hint: "--keys names a file that `trustix keys` printed at the node that made the receipt" }),
      cause,
    });
  }
}

async function readBounded(at: string, path: string): Promise<Uint8Array> {
  try {
    const file = await open(at, "r");
    try {
      const { size } = await file.stat();
      if (size > RECEIPT_BOUNDS.bytes)
        throw new Error(`it has ${size} bytes, a receipt at most ${RECEIPT_BOUNDS.bytes}`);
      return new Uint8Array(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new CliError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function verifiedLines(
  { receipt, outcome, shown, asserted, policyDiffers }: VerifiedReceipt,
  known: KnownKeys,
): string[] {
  const name = namesOf(known);
  const claims = new Map(receipt.votes.map(({ vote }) => [vote.logId, vote]));
  const { decision } = outcome;
  return [
    `${keyText(receipt.key)}`,
    decision === undefined
      ? `undecided: ${outcome.reason}`
      : `decided on ${toHex(decision.digest)} with confidence ${decision.confidence}: ${outcome.reason}`,
    "shown, by what each voter signed:",
    ...shown.map((id) => {
      const digest = claims.get(id)?.digest;
      return `  ${name(id)} ${digest === undefined ? "has no claim" : `claims ${toHex(digest)}`}`;
    }),
    "asserted by the node that made it:",
    `  made ${new Date(receipt.time).toISOString()}`,
    ...asserted.map(
      ({ logId, outcome: said, reason }) => `  ${name(logId)} ${said}${reason === "" ? "" : `: ${reason}`}`,
    ),
    policyDiffers
      ? "the node decided by another policy than yours; by yours it comes to the above"
      : "by the same policy as yours",
  ];
}

function verifiedJson({ receipt, outcome, shown, asserted, policyDiffers }: VerifiedReceipt, known: KnownKeys): object {
  const name = namesOf(known);
  const { decision, reason } = outcome;
  return {
    valid: true,
    key: keyText(receipt.key),
    decided: decision !== undefined,
    ...(decision !== undefined && { digest: toHex(decision.digest), confidence: decision.confidence }),
    reason,
    shown: receipt.votes
      .filter(({ vote }) => shown.includes(vote.logId))
      .map(({ vote }) => ({
        voter: vote.logId,
        name: name(vote.logId),
        outcome: vote.outcome,
        ...(vote.digest !== undefined && { digest: toHex(vote.digest) }),
      })),
    asserted: {
      time: receipt.time,
      votes: asserted.map((vote) => ({
        voter: vote.logId,
        name: name(vote.logId),
        outcome: vote.outcome,
        reason: vote.reason,
      })),
    },
    policyDiffers,
  };
}

function namesOf({ policies }: KnownKeys): (id: string) => string {
  const names = new Map<string, string>(
    policies.flatMap(({ voters }) => voters.map(({ logId, name }) => [logId, name])),
  );
  return (id) => names.get(id) ?? id.slice(0, 8);
}
