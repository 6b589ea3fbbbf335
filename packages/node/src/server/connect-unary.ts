/**
 * The Connect protocol for unary calls, binary and JSON, over HTTP/1.1 and HTTP/2: what almost every peer speaks. Written
 * out because it is short and the general library needs four times the time for it (see the bench).
 *
 * Errors are JSON and never compressed. An answer is gzipped when the caller offers gzip, it has at least 1 KiB and
 * becomes smaller: most answers are hashes, which do not.
 */
import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { fromBinary, fromJsonString, toBinary, toJsonString, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { ProtocolError } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { Credentials, Permissions } from "./authenticate.ts";
import type { Call, Gate } from "./gate.ts";
import type { ServerLimits } from "./parts.ts";
import { discardBody, gunzipBody, readBody, type AnyRequest } from "./read-body.ts";
import { requestBytes, type Route } from "./route.ts";
import { codeName, rpcError, toRpcError } from "./rpc-error.ts";

export type AnyResponse = ServerResponse | Http2ServerResponse;
export type Format = "proto" | "json";

const MIN_GZIP_BYTES = 1024;
const compress = promisify(gzip);

/** The format of a Connect unary content type, `undefined` for any other. */
export function connectFormat(contentType: string | undefined): Format | undefined {
  if (contentType === "application/proto") return "proto";
  if (contentType === undefined) return undefined;
  const found = /^application\/(proto|json)(?:\s*;\s*charset=utf-8)?$/i.exec(contentType);
  return found === null ? undefined : (found[1]!.toLowerCase() as Format);
}

export interface ConnectUnary {
  readonly gate: Gate;
  readonly limits: ServerLimits;
  readonly permissions: Permissions;
}

/** Answers one call. Never throws, never rejects. */
export function serveConnectUnary(
  { gate, limits, permissions }: ConnectUnary,
  route: Route,
  format: Format,
  request: AnyRequest,
  response: AnyResponse,
): void {
  let call: Call;
  try {
    call = gate.enter(route, permissions, credentialsOf(request), timeoutOf(request));
  } catch (error) {
    discardBody(request, limits.messageBytes);
    sendError(response, toRpcError(error));
    return;
  }
  let code = "canceled";
  response.once("close", () => {
    if (!response.writableFinished) call.fail(rpcError("unavailable", "the caller went away"));
    gate.leave(call, code);
  });
  // The deadline holds until the answer has left: a caller that does not read keeps the answer in our memory.
  call.onFail = () => {
    if (response.headersSent) response.destroy();
  };
  const work = async () => {
    const hold = (bytes: number) => gate.hold(call, bytes);
    const body = await messageBytes(request, requestBytes(route, limits), hold);
    if (call.signed !== undefined) await gate.admit(call.signed, call, body);
    const output = await gate.run(call, parseMessage(route, format, body));
    const answer = serializeMessage(route, format, output, limits.answerBytes);
    hold(answer.length);
    return answer;
  };
  call
    .race(work())
    .then(
      (body) => {
        code = "ok";
        return sendMessage(request, response, body, format);
      },
      (thrown: unknown) => {
        const error = gate.logged(route, toRpcError(thrown));
        code = codeName(error);
        if (!request.readableEnded) discardBody(request, limits.messageBytes);
        sendError(response, error);
      },
    )
    .catch((error: unknown) => {
      gate.fault(error, "answer failed");
      response.destroy();
    });
}

function credentialsOf(request: AnyRequest): Credentials {
  const { headers } = request;
  const header = one(headers["trustix-signed-call"]);
  return { token: one(headers["trustix-token"]), signed: header === undefined ? undefined : { header, request } };
}

function messageBytes(request: AnyRequest, maxBytes: number, hold: (bytes: number) => void): Promise<Uint8Array> {
  const version = request.headers["connect-protocol-version"];
  if (version !== undefined && version !== "1") {
    throw new NodeError("invalid_argument", `Connect-Protocol-Version: ${JSON.stringify(version)} came, "1" wanted`);
  }
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip") {
    throw new ConnectError(
      `Content-Encoding: ${JSON.stringify(encoding)} came, gzip or identity wanted`,
      Code.Unimplemented,
    );
  }
  const body = readBody(request, maxBytes, hold);
  if (encoding === "identity") return body;
  return body.then(async (bytes) => {
    const inflated = await gunzipBody(bytes, maxBytes);
    hold(inflated.length);
    return inflated;
  });
}

function parseMessage(route: Route, format: Format, body: Uint8Array): Message {
  const { input } = route.method;
  try {
    if (format === "proto") return fromBinary(input, body, { readUnknownFields: false });
    return fromJsonString(input, Buffer.from(body).toString("utf8"), { ignoreUnknownFields: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProtocolError("malformed", `${input.name}: ${format} does not parse: ${why}`, { cause });
  }
}

function serializeMessage(route: Route, format: Format, message: Message, maxBytes: number): Uint8Array {
  const { output } = route.method;
  const body = format === "proto" ? toBinary(output, message) : Buffer.from(toJsonString(output, message));
  if (body.length > maxBytes) {
    throw new NodeError("too_large", `the answer has ${body.length} bytes, at most ${maxBytes} are sent: ask for less`);
  }
  return body;
}

function sendMessage(
  request: AnyRequest,
  response: AnyResponse,
  body: Uint8Array,
  format: Format,
): void | Promise<void> {
  const contentType = `application/${format}`;
  const plain = () => write(response, 200, { "content-type": contentType, "content-length": body.length }, body);
  if (body.length < MIN_GZIP_BYTES || !offersGzip(one(request.headers["accept-encoding"]))) return plain();
  return compress(body, { level: 1 }).then((smaller) => {
    if (smaller.length >= body.length) return plain();
    const headers = { "content-type": contentType, "content-encoding": "gzip", "content-length": smaller.length };
    write(response, 200, headers, smaller);
  });
}

function sendError(response: AnyResponse, error: ConnectError): void {
  const body = errorToJsonBytes(error, undefined);
  const headers = { "content-type": "application/json", "content-length": body.length };
  write(response, codeToHttpStatus(error.code), headers, body);
}

/** Answers up to this size go out in one write with their headers: as a string Node joins both, as bytes it does not. */
const ONE_WRITE_BYTES = 4096;

function write(
  response: AnyResponse,
  status: number,
  headers: Record<string, string | number>,
  body: Uint8Array,
): void {
  if (response.headersSent || response.destroyed) return;
  // One overload for both: the HTTP/2 answer has the same methods.
  const http1 = response as ServerResponse;
  http1.writeHead(status, headers);
  if (body.length > ONE_WRITE_BYTES) http1.end(body);
  else http1.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1"), "latin1");
}

/** Whether gzip is among the offered encodings and not ruled out by `q=0`. */
export function offersGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false;
  return acceptEncoding.split(",").some((offer) => {
    const [name, ...parameters] = offer.split(";").map((part) => part.trim().toLowerCase());
    return name === "gzip" && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/** Milliseconds the caller allows; at most 10 digits, as the protocol says. Throws `invalid_argument`. */
function timeoutOf(request: AnyRequest): number | undefined {
  const header = one(request.headers["connect-timeout-ms"]);
  if (header === undefined) return undefined;
  if (!/^[0-9]{1,10}$/.test(header)) {
    throw new NodeError(
      "invalid_argument",
      `Connect-Timeout-Ms: ${JSON.stringify(header)} came, up to 10 digits wanted`,
    );
  }
  return Number(header);
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
