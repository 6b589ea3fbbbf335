/** The key that is this node's alone: it signs receipts. Made at the first start, kept in the state folder, mode 0600. */
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Crypto } from "@trustix/crypto";
import { formatPrivateKey, keyPairOfSeed, parsePrivateKey, ProtocolError, type KeyPair } from "@trustix/protocol";
import { NodeError } from "./errors.ts";

/** Throws `bad_config` for a file that is no key, `storage` when none can be made. */
export async function readOrMakeNodeKey(crypto: Crypto, path: string, randomSeed: () => Uint8Array): Promise<KeyPair> {
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
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
      throw new NodeError("storage", `node key ${path}: ${(cause as Error).message}`, { cause });
    }
  }
  return readNodeKey(crypto, path);
}

/** Throws `bad_config`. */
export async function readNodeKey(crypto: Crypto, path: string): Promise<KeyPair> {
  try {
    return parsePrivateKey(crypto, (await readFile(path, "utf8")).trim());
  } catch (cause) {
    const why = cause instanceof ProtocolError || cause instanceof Error ? cause.message : String(cause);
    const hint = "receipts that were signed with another key are not affected; remove the file to get a new one";
    throw new NodeError("bad_config", `node key ${path}: ${why}`, { cause, hint });
  }
}
