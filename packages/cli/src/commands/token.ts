/** `trustix token`: whose calls a running node believes. Shown and changed with the node's own token, on its own socket. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { ListedToken_Origin, ListedToken_Role, NodeExt, type ListedToken } from "@trustix/proto";
import { formatPublicKey, parsePublicToken, ProtocolError, type PublicToken } from "@trustix/protocol";
import { CliError, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { withNode } from "../connect.ts";

export const run: Action = async (input) => {
  const [verb, what, ...more] = input.args;
  if (more.length > 0) throw usageError(`${JSON.stringify(more[0])} came, one token wanted`);
  switch (verb) {
    case "list":
      if (what !== undefined) throw usageError(`${JSON.stringify(what)} came, nothing wanted after list`);
      return list(input);
    case "add":
      return add(input, await readPublicToken(input, what));
    case "revoke":
      return revoke(input, what);
    default:
      throw usageError(`${JSON.stringify(verb)} came, list, add or revoke wanted`);
  }
};

function list(input: CommandInput): Promise<void> {
  return withNode(
    input,
    async (node) => {
      const { Tokens } = await node.call(NodeExt.method.tokens, {});
      const tokens = Tokens.map(describe);
      if (input.on("json")) input.io.out(JSON.stringify(tokens));
      else for (const token of tokens) input.io.out(line(token));
    },
    { token: "own" },
  );
}

function add(input: CommandInput, { name, publicKey }: PublicToken): Promise<void> {
  return withNode(
    input,
    async (node) => {
      await node.call(NodeExt.method.addToken, { Token: `${name}:${formatPublicKey(publicKey)}` });
      input.io.out(`${name} may submit and flush from now on`);
    },
    { token: "own" },
  );
}

async function revoke(input: CommandInput, name: string | undefined): Promise<void> {
  if (name === undefined) throw usageError("the name of a token wanted", "`trustix token list` shows them");
  return withNode(
    input,
    async (node) => {
      await node.call(NodeExt.method.revokeToken, { Name: name });
      input.io.out(`${name} is refused from now on`);
    },
    { token: "own" },
  );
}

interface Described {
  readonly name: string;
  readonly publicKey: string;
  readonly roles: readonly string[];
  readonly from: string;
  readonly revoked: boolean;
}

function describe({ Token, Roles, From, Revoked }: ListedToken): Described {
  const { name, publicKey } = parsePublicToken(Token);
  const roles = Roles.map((role) => ListedToken_Role[role].toLowerCase());
  const from = ListedToken_Origin[From].toLowerCase();
  return { name, publicKey: formatPublicKey(publicKey), roles, from, revoked: Revoked };
}

function line({ name, publicKey, roles, from, revoked }: Described): string {
  return `${name} ${revoked ? "revoked" : roles.join("+")} (${from === "own" ? "the node's own" : from}) ${publicKey}`;
}

const MAX_FILE = 4096;

/** `name:base64`, or the file that holds it. What came is not repeated: it may be the private half. */
async function readPublicToken({ io }: CommandInput, what: string | undefined): Promise<PublicToken> {
  const wanted = "`trustix generate-token --pubkey FILE` writes such a file";
  if (what === undefined) throw usageError("a public token or its file wanted", wanted);
  const text = what.includes(":") ? what : await readStart(resolve(io.cwd, what), what);
  try {
    return parsePublicToken(text);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw usageError('something else came, "name:base64" of a 32-byte public key wanted', wanted);
  }
}

async function readStart(path: string, shown: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_FILE), 0, MAX_FILE, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new CliError(`the token file ${shown} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
