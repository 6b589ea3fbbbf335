/**
 * Keys that are this node's alone, made when they are first needed and kept in the state folder, mode 0600: the one that
 * signs receipts, and one for each log that it keeps for itself.
 */
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Crypto } from "@trustix/crypto";
import { formatPrivateKey, keyPairOfSeed, parsePrivateKey, ProtocolError, type KeyPair } from "@trustix/protocol";
import { NodeError } from "./errors.ts";

/** Throws `bad_config` for a file that is no key, `storage` when none can be made. */
export async function readOrMakeNodeKey(crypto: Crypto, path: string, randomSeed: () => Uint8Array): Promise<KeyPair> {
  const made = await makeKey(crypto, "node key", path, randomSeed);
  return made ?? readNodeKey(crypto, path);
}

/** The key that signs this node's own log of what a binary cache says. Throws as `readOrMakeNodeKey`. */
export async function readOrMakeLogKey(crypto: Crypto, path: string, randomSeed: () => Uint8Array): Promise<KeyPair> {
  const made = await makeKey(crypto, "log key", path, randomSeed);
  const hint = "remove the file, and what the cache said is written to a new log";
  return made ?? readKey(crypto, "log key", path, hint);
}

/** `undefined`: the file is there. */
async function makeKey(
  crypto: Crypto,
  what: string,
  path: string,
  randomSeed: () => Uint8Array,
): Promise<KeyPair | undefined> {
  const pair = keyPairOfSeed(crypto, randomSeed());
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(`${formatPrivateKey(pair)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return pair;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw new NodeError("storage", `${what} ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Throws `bad_config`. */
export function readNodeKey(crypto: Crypto, path: string): Promise<KeyPair> {
  const hint = "receipts that were signed with another key are not affected; remove the file to get a new one";
  return readKey(crypto, "node key", path, hint);
}

/** Throws `bad_config`. */
async function readKey(crypto: Crypto, what: string, path: string, hint: string): Promise<KeyPair> {
  try {
    return parsePrivateKey(crypto, (await readFile(path, "utf8")).trim());
  } catch (cause) {
    const why = cause instanceof ProtocolError || cause instanceof Error ? cause.message : String(cause);
    throw new NodeError("bad_config", `${what} ${path}: ${why}`, { cause, hint });
  }
}
