/**
 * How calls show whose they are. On a unix socket by the existing protocol's token, which every daemon takes there and nobody else
 * sees. Everywhere else by a signature over the very call, and only to private services: what is public asks for nobody,
 * and a stranger's log need not learn the token's name.
 */
import { access, constants, open } from "node:fs/promises";
import { resolve } from "node:path";
import { signCalls, type HeadersFor } from "@trustix/client";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { LogAPI, LogExt, NodeAPI } from "@trustix/proto";
import { NONCE_BYTES, parsePrivateToken, TOKEN_HEADER, tokenHeader, type PrivateToken } from "@trustix/protocol";
import { CliError, usageError } from "./cli-error.ts";
import type { CommandInput, Io } from "./command.ts";
import { tokenFiles } from "./default-places.ts";

/** Which token is shown: that of who submits, or the node's own first, which manages the others. */
export type WantedToken = "writer" | "own";

export interface ShownToken {
  readonly headersFor: HeadersFor;
  /** To be awaited before a call of this service: finds the token when one is to be shown. Throws `CliError`. */
  ready(service: string): Promise<void>;
  /** The file of the token that calls show; `undefined` while none was found. */
  path(): string | undefined;
}

const PUBLIC: ReadonlySet<string> = new Set([NodeAPI.typeName, LogAPI.typeName, LogExt.typeName]);
const NONE = {};

/** `wanted`: `undefined` for a command that a local socket asks nothing of. */
export function showToken(input: CommandInput, address: string, wanted: WantedToken | undefined): ShownToken {
  const { io } = input;
  const isLocal = address.startsWith("unix:");
  const crypto = nodeCrypto();
  let found: Promise<FoundToken | undefined> | undefined;
  let shown: FoundToken | undefined;
  let sign: HeadersFor = () => NONE;
  const isShown = (service: string): boolean => (isLocal ? wanted !== undefined : !PUBLIC.has(service));
  return {
    path: () => shown?.path,
    async ready(service) {
      if (!isShown(service) || shown !== undefined) return;
      found ??= findToken(io, wanted === "own");
      shown = await found;
      if (shown === undefined) return;
      const { token } = shown;
      const replayable: HeadersFor = (procedure) => ({ [TOKEN_HEADER]: tokenHeader(crypto, token, procedure) });
      const nonce = (): Uint8Array => randomSeed().subarray(0, NONCE_BYTES);
      const signed = signCalls({ crypto, token, now: () => io.now(), nonce });
      if (isLocal) sign = replayable;
      else if (input.on("replayable-token")) sign = (...call) => ({ ...signed(...call), ...replayable(...call) });
      else sign = signed;
    },
    headersFor: (procedure, sent) =>
      isShown(procedure.slice(1, procedure.lastIndexOf("/"))) ? sign(procedure, sent) : NONE,
  };
}

const MAX_TOKEN_FILE = 4096;

interface FoundToken {
  readonly token: PrivateToken;
  readonly path: string;
}

async function findToken(io: Io, isOwn: boolean): Promise<FoundToken | undefined> {
  const { paths, told } = tokenFiles(io, isOwn);
  for (const path of paths) {
    const readable =
      told ||
      (await access(path, constants.R_OK).then(
        () => true,
        () => false,
      ));
    if (readable) return { token: await readTokenFile(io.cwd, path), path };
  }
  return undefined;
}

/** The private token in a file. Throws `CliError`. */
async function readTokenFile(cwd: string, path: string): Promise<PrivateToken> {
  const text = await readStart(resolve(cwd, path)).catch((cause: unknown) => {
    throw new CliError(`the token file ${path} cannot be read: ${(cause as Error).message}`, {
      hint: "TRUSTIX_TOKEN names a file made by `trustix generate-token`",
      cause,
    });
  });
  try {
    return parsePrivateToken(nodeCrypto(), text);
  } catch (error) {
    throw usageError(
      `the token file ${path}: ${(error as Error).message}`,
      "`trustix generate-token` makes such a file",
    );
  }
}

async function readStart(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_TOKEN_FILE), 0, MAX_TOKEN_FILE, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
