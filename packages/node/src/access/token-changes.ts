/**
 * What `trustix token` changed, in a file of the state folder: tokens added beside the configuration's, and tokens revoked
 * although the configuration has them. One a line, for people too; public halves only.
 *
 *     added builder1:BASE64
 *     revoked builder0:BASE64
 */
import { formatPublicToken, parsePublicToken, ProtocolError, type PublicToken } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import { nodeFiles, replaceFile } from "../node-files.ts";

export interface TokenChanges {
  readonly added: readonly PublicToken[];
  readonly revoked: readonly PublicToken[];
}

const MAX_TOKENS = 1000;
const MAX_BYTES = 1 << 20;
const HEADER = "# Changed by `trustix token`; SIGHUP makes the daemon read it again.\n";

/** None where there is no file. Throws `bad_config`. */
export async function readTokenChanges(path: string): Promise<TokenChanges> {
  let bytes: Uint8Array;
  try {
    bytes = await nodeFiles.readFile(path, MAX_BYTES);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return { added: [], revoked: [] };
    throw new NodeError("bad_config", `token list ${path}: ${(cause as Error).message}`, { cause });
  }
  if (bytes.length > MAX_BYTES) throw wrong(path, `more than ${MAX_BYTES} bytes came`);
  const added: PublicToken[] = [];
  const revoked: PublicToken[] = [];
  for (const [i, line] of Buffer.from(bytes).toString("utf8").split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, word, text] = /^(added|revoked) (.+)$/.exec(line) ?? [];
    if (word === undefined) throw wrong(path, `line ${i + 1}: "added" or "revoked" and a public token wanted`);
    (word === "added" ? added : revoked).push(tokenIn(text!, path, i + 1));
  }
  if (added.length + revoked.length > MAX_TOKENS) throw wrong(path, `more than ${MAX_TOKENS} tokens came`);
  return { added, revoked };
}

/** Resolves once it would survive power loss. Throws `too_large`, `storage`. */
export async function writeTokenChanges(path: string, { added, revoked }: TokenChanges): Promise<void> {
  if (added.length + revoked.length > MAX_TOKENS) {
    throw new NodeError("too_large", `${MAX_TOKENS} tokens are added or revoked already`, {
      hint: "move them into write_tokens, or out of it, and remove their lines from the token list",
    });
  }
  const lines = [
    ...added.map((token) => `added ${formatPublicToken(token)}\n`),
    ...revoked.map((token) => `revoked ${formatPublicToken(token)}\n`),
  ];
  try {
    await replaceFile(path, HEADER + lines.join(""));
  } catch (cause) {
    throw new NodeError("storage", `token list ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** The text is not shown: somebody may have put a private half there. */
function tokenIn(text: string, path: string, line: number): PublicToken {
  try {
    return parsePublicToken(text);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw wrong(path, `line ${line}: "name:base64" of a 32-byte public key wanted`);
  }
}

function wrong(path: string, why: string): NodeError {
  return new NodeError("bad_config", `token list ${path}: ${why}`, { hint: "mend the line, or remove it" });
}
