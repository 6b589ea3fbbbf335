/**
 * One's own side of a receipt: which nodes, voters and policies are known here. From a file that somebody handed over, or
 * from the local configuration and the node's own key. Never from the receipt.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fromBase64, TextFormError } from "@trustix/crypto";
import { keysFromBytes, type KnownKeys, type VoterKeys } from "@trustix/decider";
import { nodeCrypto } from "@trustix/node-crypto";
import { ProtocolError, type LogId } from "@trustix/protocol";
import { CliError, EXIT, usageError } from "./cli-error.ts";
import type { CommandInput } from "./command.ts";
import { defaultConfigFile, defaultStateFolder } from "./default-places.ts";

/** Of `--keys`, else of `--config` and `--node-key` or the key in `--state`. Throws `CliError`, `bad_config`. */
export async function knownKeys(input: CommandInput): Promise<KnownKeys> {
  const file = input.text("keys");
  if (file !== undefined) return keysOfFile(input, file);
  const config = defaultConfigFile(input.io);
  if (input.text("config") === undefined && !existsSync(config)) {
    throw usageError(
      `no keys and policies to check by: ${config} is not there`,
      "--keys names a file that `trustix keys` printed where the receipt was made",
    );
  }
  return localKeys(input);
}

async function keysOfFile({ io }: CommandInput, path: string): Promise<KnownKeys> {
  try {
    return keysFromBytes(nodeCrypto(), new Uint8Array(await readFile(resolve(io.cwd, path))));
  } catch (cause) {
    const hint = "`trustix keys` prints such a file; it comes from whoever's receipts are to be checked";
    throw new CliError(`keys file ${path}: ${(cause as Error).message}`, { exit: EXIT.usage, hint, cause });
  }
}

/** What the configuration knows. `nodeKey`: if there is one that is known already. */
export async function localKeys(input: CommandInput, nodeKey?: Uint8Array): Promise<KnownKeys> {
  const { checkedConfig } = await import("./checked-config.ts");
  const { publishers, subscribers, voters, deciders } = await checkedConfig(input, false);
  const logs = [...publishers, ...subscribers].map(({ info }): [LogId, VoterKeys] => [
    info.id,
    { kind: "log", publicKey: info.publicKey },
  ]);
  const caches = voters.map(({ info, publicKeys }): [LogId, VoterKeys] => [
    info.id,
    { kind: "binary-cache", publicKeys: publicKeys.map(({ publicKey }) => publicKey) },
  ]);
  return {
    nodeKeys: [nodeKey ?? (await ownNodeKey(input))],
    voters: new Map([...logs, ...caches]),
    policies: deciders,
  };
}

async function ownNodeKey(input: CommandInput): Promise<Uint8Array> {
  const { io } = input;
  const given = input.text("node-key");
  if (given !== undefined) return keyIn(given);
  const { readNodeKey } = await import("@trustix/node");
  const path = join(resolve(io.cwd, input.text("state") ?? defaultStateFolder(io)), "node.key");
  try {
    return (await readNodeKey(nodeCrypto(), path)).publicKey;
  } catch (cause) {
    throw new CliError(`the node's key is not known: ${(cause as Error).message}`, {
      hint: "--keys names a file that `trustix keys` printed, --node-key the key itself, --state the node's state folder",
      cause,
    });
  }
}

function keyIn(text: string): Uint8Array {
  try {
    const key = fromBase64(text);
    if (key.length === 32) return key;
  } catch (error) {
    if (!(error instanceof TextFormError || error instanceof ProtocolError)) throw error;
  }
  throw usageError(`--node-key: ${JSON.stringify(text)} came, base64 of 32 bytes wanted`);
}
