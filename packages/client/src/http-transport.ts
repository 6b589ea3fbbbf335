/**
 * The Connect protocol's unary calls over HTTP/1.1: TCP, TLS or a unix socket. No redirects, no cookies, no proxy.
 *
 * A call is one POST of `application/proto`. It ends in the answer or in an `RpcError`: after `timeoutMs` at the
 * latest, whatever the server does.
 */
import { getCACertificates } from "node:tls";
import { create, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { ProtocolError, decode } from "@trustix/protocol";
import { Pool, buildConnector } from "undici";
import { decodeBody } from "./answer-body.ts";
import { postTwice } from "./post.ts";
import type { AnswerHeaders, PostRequest } from "./post.ts";
import { audienceOf, parseRemoteUrl } from "./remote-url.ts";
import type { RemoteAddress } from "./remote-url.ts";
import { MAX_ERROR_BYTES, RpcError, errorOfAnswer } from "./rpc-error.ts";
import { checkSocketOwner } from "./socket-owner.ts";
import { DEFAULT_TIMEOUT_MS } from "./transport.ts";
import type { CallOptions, RpcTransport } from "./transport.ts";

export interface HttpTransportOptions {
  /** Certificates (PEM) to trust instead of the system's. */
  readonly ca?: string | undefined;
  /** User ids that a unix socket may belong to, beside root and ourselves. */
  readonly socketUids?: readonly number[] | undefined;
  /** Largest answer in bytes, compressed or not. Default 16 MiB. */
  readonly maxAnswerBytes?: number | undefined;
  /** Connections kept to the remote at most. Default 64. */
  readonly connections?: number | undefined;
  /** Headers for a call: tokens. Asked for each time that a call is sent, also when it is sent again. */
  readonly headersFor?: HeadersFor | undefined;
}

/** `procedure` is `/package.Service/Method`. */
export type HeadersFor = (procedure: string, sent: SentCall) => Readonly<Record<string, string>>;

export interface SentCall {
  /** The node as it is called here: `host:port`, `local` on a unix socket. */
  readonly audience: string;
  /** The request's body, as it is sent. */
  readonly body: Uint8Array;
}

const DEFAULT_MAX_ANSWER = 16 << 20;
const CONNECT_TIMEOUT_MS = 10_000;
const PROTO = "application/proto";

/** A transport to `url`; connects when it is first used. Throws `RemoteUrlError` for a URL that cannot be one. */
export function httpTransport(url: string, options: HttpTransportOptions = {}): RpcTransport {
  const address = parseRemoteUrl(url);
  const pool = new Pool(address.kind === "unix" ? "http://localhost" : address.origin, {
    connections: options.connections ?? 64,
    connect: connectorFor(address, options),
    // One timer of ours bounds the whole call.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  });
  const basePath = address.kind === "unix" ? "" : address.path;
  const audience = audienceOf(address);
  const limit = options.maxAnswerBytes ?? DEFAULT_MAX_ANSWER;
  const isFar = !isOnThisMachine(address);

  async function unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    call: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const procedure = `/${method.parent.typeName}/${method.name}`;
    const timeoutMs = call.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const body = encodeInput(method.input, input);
    const request: PostRequest = {
      path: basePath + procedure,
      headers: () => {
        const more = madeBy(options.headersFor, procedure, { audience, body });
        return headersOf(timeoutMs, call.gzip === true && isFar, call, more);
      },
      body,
      deadline: performance.now() + timeoutMs,
      timeoutMs,
      limit,
      signal: call.signal,
    };
    const answer = await postTwice(pool, request);
    const type = header(answer.headers, "content-type");
    const encoding = header(answer.headers, "content-encoding");
    if (answer.status !== 200) {
      throw errorOfAnswer(answer.status, await decodeBody(encoding, answer.body, MAX_ERROR_BYTES));
    }
    if (type !== PROTO && type.split(";")[0]!.trim() !== PROTO) {
      throw new RpcError("unknown", `it answered with content type ${JSON.stringify(type.slice(0, 80))}`, {
        origin: "answer",
      });
    }
    // Most answers come as they are: nothing to wait for.
    const message = encoding === "" ? answer.body : await decodeBody(encoding, answer.body, limit);
    return parseAnswer(method.output, message, limit);
  }

  return {
    url,
    unary,
    close: () => pool.destroy(new RpcError("canceled", "the client was closed", { origin: "network" })),
  };
}

/** Between processes of one machine compressing costs more than it saves: a fifth of the time of copying a log. */
function isOnThisMachine(address: RemoteAddress): boolean {
  if (address.kind === "unix") return true;
  const { hostname } = new URL(address.origin);
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function madeBy(make: HeadersFor | undefined, procedure: string, sent: SentCall): ReturnType<HeadersFor> | undefined {
  if (make === undefined) return undefined;
  try {
    return make(procedure, sent);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new RpcError("invalid_argument", cause.message, { origin: "local", cause });
  }
}

/** By assignment: spreading costs more than all the rest of building a request. */
function headersOf(
  timeoutMs: number,
  gzip: boolean,
  call: CallOptions,
  more: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": PROTO,
    "connect-protocol-version": "1",
    "connect-timeout-ms": String(Math.max(1, Math.floor(timeoutMs))),
  };
  if (gzip) headers["accept-encoding"] = "gzip";
  if (more !== undefined) Object.assign(headers, more);
  if (call.headers !== undefined) Object.assign(headers, call.headers);
  return headers;
}

function encodeInput<I extends DescMessage>(schema: I, input: MessageInitShape<I>): Uint8Array {
  try {
    return toBinary(schema, create(schema, input));
  } catch (cause) {
    throw new RpcError("invalid_argument", `${schema.name}: ${String(cause)}`, { origin: "local", cause });
  }
}

function parseAnswer<O extends DescMessage>(schema: O, bytes: Uint8Array, limit: number): MessageShape<O> {
  try {
    return decode(schema, bytes, limit);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new RpcError("internal", `its answer cannot be used: ${cause.message}`, { origin: "answer", cause });
  }
}

function connectorFor(address: RemoteAddress, options: HttpTransportOptions): buildConnector.connector {
  const base = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    ...(address.kind === "unix" && { socketPath: address.socket }),
    ...(address.kind === "https" && { ca: options.ca ?? systemCertificates() }),
  });
  if (address.kind !== "unix") return base;
  const owners = { uids: options.socketUids ?? [] };
  return (connect, callback) => {
    checkSocketOwner(address.socket, owners).then(
      () => base(connect, callback),
      (error: Error) => callback(error, null),
    );
  };
}

/**
 * Node trusts its own list unless told; people manage the system's. Where there is none, Node's, but never what the
 * environment adds to that: whom a daemon trusts stands in its configuration.
 */
function systemCertificates(): string[] {
  const system = getCACertificates("system");
  return system.length > 0 ? system : getCACertificates("bundled");
}

function header(headers: AnswerHeaders, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : (value?.[0] ?? "");
}
