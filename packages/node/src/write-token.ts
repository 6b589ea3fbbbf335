/** The token that a daemon started without one makes for its own user, and keeps over restarts. */
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Crypto } from "@trustix/crypto";
import {
  formatPrivateToken,
  keyPairOfSeed,
  parsePrivateToken,
  ProtocolError,
  type PrivateToken,
} from "@trustix/protocol";
import { NodeError } from "./errors.ts";
import { isRefusedByPermissions } from "./permission-hint.ts";

const NAME = "default";

/** The token in the file that the variable names. Throws `bad_config`, naming both. */
export async function readNamedToken(crypto: Crypto, variable: string, path: string): Promise<PrivateToken> {
  try {
    return await readToken(crypto, path);
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    // Whose the file is says more, where it may not be read.
    const hint = isRefusedByPermissions(error.cause)
      ? {}
      : { hint: `without ${variable} the node takes trustix.token in its state folder, and makes it if there is none` };
    throw new NodeError(error.code, `${variable} names the ${error.message}`, { cause: error.cause, ...hint });
  }
}

/** The token in `path`. Throws `bad_config`. */
async function readToken(crypto: Crypto, path: string): Promise<PrivateToken> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new NodeError("bad_config", `token file ${path}: ${(cause as Error).message}`, { cause });
  }
  try {
    return parsePrivateToken(crypto, text);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    const hint = "make one with `trustix generate-token`, or remove the file";
    throw new NodeError("bad_config", `token file ${path}: ${cause.message}`, { cause, hint });
  }
}

/** The token in `path`; a new one named `default`, mode 0600, if there is none. Throws `bad_config` or `storage`. */
export async function readOrMakeToken(
  crypto: Crypto,
  path: string,
  randomSeed: () => Uint8Array,
): Promise<PrivateToken> {
  const token = { name: NAME, ...keyPairOfSeed(crypto, randomSeed()) };
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(`${formatPrivateToken(token)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return token;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return readToken(crypto, path);
    throw new NodeError("storage", `token file ${path}: ${(cause as Error).message}`, { cause });
  }
}
