/**
 * Whatever is thrown while a call is answered, as the error the caller gets. A `NodeError` goes out with its text and
 * the code of the one table; a `ProtocolError` means that the caller's bytes do not parse; anything else is a fault of
 * ours: the caller learns only that, the log gets the cause.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromString, codeToString } from "@connectrpc/connect/protocol-connect";
import { ProtocolError } from "@trustix/protocol";
import { ERROR_CODES, NodeError, type ErrorCode } from "../errors.ts";

export function toRpcError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof NodeError) {
    // What to do stands on a line of its own, so that a command can print it as its hint.
    const message = error.hint === undefined ? error.message : `${error.message}\nhint: ${error.hint}`;
    return new ConnectError(message, rpcCode(error.code), undefined, undefined, error);
  }
  if (error instanceof ProtocolError) {
    const code = error.code === "too_large" ? Code.ResourceExhausted : Code.InvalidArgument;
    return new ConnectError(error.message, code, undefined, undefined, error);
  }
  return new ConnectError("internal error", Code.Internal, undefined, undefined, error);
}

/** An error of the table, ready to send. */
export function rpcError(code: ErrorCode, message: string): ConnectError {
  return new ConnectError(message, rpcCode(code));
}

function rpcCode(code: ErrorCode): Code {
  return codeFromString(ERROR_CODES[code].rpc) ?? Code.Unknown;
}

/** The code as the wire and the metrics spell it. */
export function codeName(error: ConnectError): string {
  return codeToString(error.code);
}
