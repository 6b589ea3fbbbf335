/** From the command line to a node: address, token, time limit. */
import { access, constants, open } from "node:fs/promises";
import { resolve } from "node:path";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { httpTransport, type RpcError, type RpcTransport } from "@trustix/client";
import { nodeCrypto } from "@trustix/node-crypto";
import { parsePrivateToken, TOKEN_HEADER, tokenHeader, type PrivateToken } from "@trustix/protocol";
import { CliError, usageError } from "./cli-error.ts";
import type { CommandInput } from "./command.ts";
import { defaultAddress, tokenFiles } from "./default-places.ts";
import { isCode } from "./rpc-codes.ts";

export interface Connection {
  readonly address: string;
  readonly transport: RpcTransport;
  /** One call within `--timeout`, ended by Ctrl-C. Throws `RpcError`. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    /** Ends the call as well, beside Ctrl-C. */
    signal?: AbortSignal,
  ): Promise<MessageShape<O>>;
}

export interface ConnectOptions {
  /** Sends the private token with every call, for Submit and Flush. Without a token file the call goes out without one. */
  readonly token?: boolean;
  /** User ids whose socket is trusted, as the configuration has them. */
  readonly socketOwners?: readonly number[] | undefined;
}

/** Runs `use` with a connection and closes it. */
export async function withNode<T>(
  input: CommandInput,
  use: (node: Connection) => Promise<T>,
  options: ConnectOptions = {},
): Promise<T> {
  const address = input.text("address") ?? defaultAddress(input.io);
  const timeoutMs = (input.number("timeout") ?? 20) * 1000;
  const sent = options.token === true ? await readToken(input) : undefined;
  const crypto = nodeCrypto();
  const transport = httpTransport(address, {
    socketUids: [...trustedUids(input.io.env["TRUSTIX_SOCKET_UIDS"]), ...(options.socketOwners ?? [])],
    ...(sent !== undefined && {
      headersFor: (procedure: string) => ({ [TOKEN_HEADER]: tokenHeader(crypto, sent.token, procedure) }),
    }),
  });
  try {
    return await use({
      address,
      transport,
      call: (method, message, signal) => {
        const either = signal === undefined ? input.io.signal : AbortSignal.any([input.io.signal, signal]);
        return transport.unary(method, message, { timeoutMs, signal: either });
      },
    });
  } catch (error) {
    throw sent !== undefined && isCode(error, "unauthenticated") ? refusedToken(error as RpcError, sent.path) : error;
  } finally {
    await transport.close();
  }
}

/** Which of the places that may hold a token had the one that was refused: nobody knows by heart. */
function refusedToken(cause: RpcError, path: string): CliError {
  return new CliError(`${cause.message.split("\n")[0]} (unauthenticated)`, {
    hint: `the token sent is that in ${path}; TRUSTIX_TOKEN names another; the node takes those under write_tokens`,
    cause,
  });
}

/** User ids beside root and oneself whose socket is trusted: `TRUSTIX_SOCKET_UIDS=993,994`. */
function trustedUids(text: string | undefined): number[] {
  if (!text) return [];
  return text.split(",").map((part) => {
    if (!/^\d{1,10}$/.test(part.trim())) {
      throw usageError(`TRUSTIX_SOCKET_UIDS: ${JSON.stringify(text)} came, user ids separated by commas wanted`);
    }
    return Number(part);
  });
}

const MAX_TOKEN_FILE = 4096;

interface FoundToken {
  readonly token: PrivateToken;
  readonly path: string;
}

async function readToken({ io }: CommandInput): Promise<FoundToken | undefined> {
  const { paths, told } = tokenFiles(io);
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
