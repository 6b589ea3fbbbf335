/** From the command line to a node: address, token, time limit. */
import { join } from "node:path";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { httpTransport, type RpcError, type RpcTransport } from "@trustix/client";
import { CliError, usageError } from "./cli-error.ts";
import type { CommandInput, Io } from "./command.ts";
import { defaultAddress, defaultStateFolder } from "./default-places.ts";
import { isCode } from "./rpc-codes.ts";
import { showToken, type WantedToken } from "./show-token.ts";

export interface Connection {
  readonly address: string;
  readonly transport: RpcTransport;
  /** One call within `--timeout`, ended by Ctrl-C. Throws `RpcError`. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    /** Ends the call as well, beside Ctrl-C. */
    signal?: AbortSignal,
    /** Beyond `--timeout`, for a call that waits for something. */
    moreMs?: number,
  ): Promise<MessageShape<O>>;
}

export interface ConnectOptions {
  /**
   * The token that calls show on a local socket too, where reads need none. Without a token file a call goes out without
   * one.
   */
  readonly token?: WantedToken;
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
  const shown = showToken(input, address, options.token);
  const transport = httpTransport(address, {
    socketUids: [...trustedUids(input.io.env["TRUSTIX_SOCKET_UIDS"]), ...(options.socketOwners ?? [])],
    headersFor: shown.headersFor,
  });
  try {
    return await use({
      address,
      transport,
      async call(method, message, signal, moreMs = 0) {
        await shown.ready(method.parent.typeName);
        const either = signal === undefined ? input.io.signal : AbortSignal.any([input.io.signal, signal]);
        return transport.unary(method, message, { timeoutMs: timeoutMs + moreMs, signal: either });
      },
    });
  } catch (error) {
    throw refusedToken(error, shown.path(), input.io);
  } finally {
    await transport.close();
  }
}

/**
 * Which of the places that may hold a token had the one that was refused, and which one would do: nobody knows by heart.
 * Other errors as they are.
 */
function refusedToken(error: unknown, path: string | undefined, io: Io): unknown {
  const code = REFUSALS.find((refusal) => isCode(error, refusal));
  if (path === undefined || code === undefined) return error;
  const cause = error as RpcError;
  // The node knows better: the clock, say, or the name that it is called by.
  if (cause.message.includes("\nhint: ")) return cause;
  const own = `trustix.token in the state folder of the daemon, usually ${join(defaultStateFolder(io), "trustix.token")}`;
  const taken = code === "unauthenticated" ? "the node takes those under write_tokens and its own" : "the node's own";
  return new CliError(`${cause.message.split("\n")[0]} (${code})`, {
    hint: `the token sent is that in ${path}; TRUSTIX_TOKEN names another: ${taken}, ${own}`,
    cause,
  });
}

const REFUSALS = ["unauthenticated", "permission_denied"] as const;

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
