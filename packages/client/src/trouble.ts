/** Why a read gave nothing that counts. */
import { ProtocolError } from "@trustix/protocol";
import { RpcError } from "./rpc-error.ts";
import type { RpcCode } from "./rpc-error.ts";

export type Trouble =
  /** No answer came. */
  | { readonly kind: "unreachable"; readonly why: string }
  /** The remote answered with an error. */
  | { readonly kind: "refused"; readonly code: RpcCode; readonly why: string }
  /** An answer came that shows nothing. */
  | { readonly kind: "unverifiable"; readonly why: string };

/** What an error of a call means for the read. Errors that are not about the remote are thrown on. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof ProtocolError) return { kind: "unverifiable", why: error.message };
  if (!(error instanceof RpcError)) throw error;
  switch (error.origin) {
    case "network":
    case "local":
      return { kind: "unreachable", why: error.message };
    case "server":
      return error.code === "unavailable"
        ? { kind: "unreachable", why: `it answers: ${saidBy(error)}` }
        : { kind: "refused", code: error.code, why: `it answers ${error.code}: ${saidBy(error)}` };
    case "answer":
      return { kind: "unverifiable", why: error.message };
  }
}

/** What a server said, without its hint: what is to be done here is not for a stranger to say. */
export function saidBy({ message }: RpcError): string {
  return message.split("\nhint: ", 1)[0]!;
}
