/** Files that only their owner may read: the logs' private keys, the node's own key, tokens. What they hold goes nowhere. */
import { lstat, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { equalBytes, toBase64 } from "@trustix/crypto";
import { readNodeKey, type Config } from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import { parsePrivateKey, parsePrivateToken } from "@trustix/protocol";
import type { Io } from "../command.ts";
import { tokenFiles } from "../default-places.ts";
import type { SecretFacts, StateFacts } from "./facts.ts";

const MAX_FILE = 64 * 1024;

export async function gatherSecrets(config: Config | undefined, state: string, io: Io): Promise<SecretFacts[]> {
  const logs = (config?.publishers ?? []).map(({ name, keyFile, info }) => {
    const check = (text: string): string | undefined => {
      const { publicKey } = parsePrivateKey(nodeCrypto(), text);
      if (equalBytes(publicKey, info.publicKey)) return undefined;
      return `it is another log's: its public key is ${toBase64(publicKey)}, the configuration has ${toBase64(info.publicKey)}`;
    };
    return look(`private key of log ${name}`, keyFile, true, check);
  });
  const nodeKey = look("the node's own key", join(state, "node.key"), false, (text) => {
    parsePrivateKey(nodeCrypto(), text);
    return undefined;
  });
  const tokens = [...new Set([...tokenFiles(io).paths, join(state, "trustix.token")])].map((path) =>
    look("token", path, false, (text) => {
      parsePrivateToken(nodeCrypto(), text);
      return undefined;
    }),
  );
  return Promise.all([...logs, nodeKey, ...tokens]);
}

async function look(
  what: string,
  path: string,
  needed: boolean,
  check: (text: string) => string | undefined,
): Promise<SecretFacts> {
  try {
    const { mode, uid, size } = await stat(path);
    const text = size > MAX_FILE ? undefined : await readText(path);
    const wrong = text === undefined ? `${size} bytes are no key` : attempt(() => check(text));
    return { what, path, found: { kind: "file", mode: mode & 0o777, owner: uid, wrong } };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return { what, path, found: { kind: "absent", needed } };
    return { what, path, found: { kind: "unreadable", why: message } };
  }
}

function attempt(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch (error) {
    return (error as Error).message;
  }
}

async function readText(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    return (await file.readFile("latin1")).trim();
  } finally {
    await file.close();
  }
}

export async function gatherState(folder: string): Promise<StateFacts> {
  const found = await lstat(folder).catch(() => undefined);
  const key = await readNodeKey(nodeCrypto(), join(folder, "node.key")).catch(() => undefined);
  return {
    folder,
    found: found === undefined ? undefined : { mode: found.mode & 0o777, owner: found.uid },
    nodeKey: key === undefined ? undefined : toBase64(key.publicKey),
  };
}
