/**
 * How a call fails: the codes of the Connect protocol, who says so, and what the server attached.
 *
 * Error bodies come from outside: they are parsed within bounds, and what does not parse is an error about the answer,
 * never a crash.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { ProtocolError, decode } from "@trustix/protocol";

export const RPC_CODES = [
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
] as const;
export type RpcCode = (typeof RPC_CODES)[number];

/** Who says no. */
export type RpcErrorOrigin =
  /** The server answered with an error. */
  | "server"
  /** No answer: not reached, too slow, connection lost, canceled. */
  | "network"
  /** An answer that cannot be used: too large, not the protocol, missing fields. */
  | "answer"
  /** Refused here before a byte was sent. */
  | "local";

export interface RpcErrorDetail {
  /** Full name of a message. */
  readonly type: string;
  readonly value: Uint8Array;
}

export class RpcError extends Error {
  override name = "RpcError";
  readonly code: RpcCode;
  readonly origin: RpcErrorOrigin;
  readonly details: readonly RpcErrorDetail[];
  constructor(
    code: RpcCode,
    message: string,
    options: { origin: RpcErrorOrigin; details?: readonly RpcErrorDetail[]; cause?: unknown },
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.origin = options.origin;
    this.details = options.details ?? [];
  }

  /** The first detail that is such a message; `undefined` when there is none or it does not parse. */
  detail<D extends DescMessage>(schema: D): MessageShape<D> | undefined {
    const found = this.details.find(({ type }) => type === schema.typeName);
    if (found === undefined) return undefined;
    try {
      return decode(schema, found.value, MAX_ERROR_BYTES);
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }
}

/** Largest error body that is read: a proof as detail has 12 KiB. */
export const MAX_ERROR_BYTES = 256 << 10;
const MAX_DETAILS = 16;
const MAX_MESSAGE = 1000;

/** Codes for answers without a Connect error body, by HTTP status. */
const BY_STATUS: Readonly<Record<number, RpcCode>> = {
  400: "internal",
  401: "unauthenticated",
  403: "permission_denied",
  404: "unimplemented",
  413: "resource_exhausted",
  429: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

/** The error that an HTTP answer other than 200 means. `body` is bounded by the caller. */
export function errorOfAnswer(status: number, body: Uint8Array): RpcError {
  const parsed = parseErrorBody(body);
  if (parsed !== undefined) return parsed;
  if (status >= 300 && status < 400) {
    return new RpcError("unknown", `it redirects (HTTP ${status}), which is not followed`, { origin: "answer" });
  }
  return new RpcError(BY_STATUS[status] ?? "unknown", `it answered HTTP ${status}`, { origin: "server" });
}

function parseErrorBody(body: Uint8Array): RpcError | undefined {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined; // not JSON: a proxy's page, say
  }
  if (!isRecord(json)) return undefined;
  const code = RPC_CODES.find((known) => known === json["code"]);
  if (code === undefined) return undefined;
  const message = typeof json["message"] === "string" ? readable(json["message"].slice(0, MAX_MESSAGE)) : "";
  const list = Array.isArray(json["details"]) ? json["details"].slice(0, MAX_DETAILS) : [];
  return new RpcError(code, message, { origin: "server", details: list.flatMap(parseDetail) });
}

/**
 * A stranger's text as a person may be shown it: in one line but for a hint, without the characters that terminals obey and
 * readers do not see.
 */
function readable(text: string): string {
  return text
    .replace(/[\t\r\n\u2028\u2029]+/g, (run, at: number) => (text.startsWith("\nhint: ", at) ? run : " "))
    .replace(/[^\P{C}\n]/gu, "\uFFFD");
}

function parseDetail(item: unknown): RpcErrorDetail[] {
  if (!isRecord(item) || typeof item["type"] !== "string" || typeof item["value"] !== "string") return [];
  const text = item["value"].replace(/=+$/, "");
  if (!/^[A-Za-z0-9+/]*$/.test(text)) return [];
  // Some servers name the type as a URL; the name is what follows the last slash.
  const type = item["type"].slice(item["type"].lastIndexOf("/") + 1);
  return [{ type, value: new Uint8Array(Buffer.from(text, "base64")) }];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
