/**
 * One listening port for HTTP/1.1 and cleartext HTTP/2. The first bytes of a connection tell: an HTTP/2 client begins
 * with `PRI * HTTP/2.0`. The connection is then handed to the one or the other server of Node; neither listens itself.
 *
 * Strangers choose how slowly they talk and how much they open: every wait here ends by a limit.
 */
import { createServer as createHttp1, type Server as Http1Server } from "node:http";
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from "node:http2";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { NodeError } from "../errors.ts";
import { bindUnixSocket } from "./bind-unix-socket.ts";
import type { HttpHandler } from "./http-handler.ts";
import type { ListenAddress } from "./listener-options.ts";
import type { ServerLimits } from "./parts.ts";

export interface Listener {
  /** Where it answers, with the port it got: `http://127.0.0.1:1234`, `unix:///path`. */
  readonly url: string;
  /** Accepts nothing more; connections end when what is under way is answered. Resolves when all have ended. */
  close(): Promise<void>;
  /** Ends all connections now. */
  destroy(): void;
}

export interface ListenerEvents {
  readonly handler: HttpHandler;
  /** A connection was closed because there are too many. */
  readonly dropped: (url: string) => void;
}

/** Throws `locked`, `permission_denied`, `unavailable`, `not_found` or `bad_config`. */
export async function listen(address: ListenAddress, limits: ServerLimits, events: ListenerEvents): Promise<Listener> {
  const http1 = http1Server(limits, events.handler);
  const { http2, sessions } = http2Server(limits, events.handler);
  const sockets = new Set<Socket>();
  /** Those that have not said yet what they speak: they belong to neither server. */
  const unsorted = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    unsorted.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      unsorted.delete(socket);
    });
    // Both servers below listen for errors too; this one covers the time before they do.
    socket.on("error", () => {});
    sortByPreface(socket, limits.headerMs, (isHttp2) => {
      unsorted.delete(socket);
      (isHttp2 ? http2 : http1).emit("connection", socket);
    });
  });
  server.maxConnections = limits.connections;
  const unbind = await bind(server, address);
  const url = urlOf(server, address);
  server.on("drop", () => events.dropped(url));
  let closing: Promise<void> | undefined;
  return {
    url,
    close() {
      closing ??= new Promise((resolve) => {
        // A connection whose last answer leaves while we close would otherwise stay open until its idle limit.
        const idle = setInterval(() => http1.closeIdleConnections(), IDLE_CHECK_MS);
        server.close(() => {
          clearInterval(idle);
          unbind().then(resolve, resolve);
        });
        for (const session of sessions) session.close();
        http1.close();
        for (const socket of unsorted) socket.destroy();
      });
      return closing;
    },
    destroy() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const IDLE_CHECK_MS = 20;
const PREFACE = Buffer.from("PRI");

/** Calls back once it is clear what the peer speaks, with what was read put back; ends a peer that does not say. */
function sortByPreface(socket: Socket, maxMs: number, sorted: (isHttp2: boolean) => void): void {
  const timer = setTimeout(() => socket.destroy(), maxMs);
  socket.once("close", () => clearTimeout(timer));
  let seen: Buffer = Buffer.alloc(0);
  const look = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const start = seen.subarray(0, PREFACE.length);
    const isHttp2 = start.equals(PREFACE);
    if (!isHttp2 && start.length < PREFACE.length && start.equals(PREFACE.subarray(0, start.length))) return;
    clearTimeout(timer);
    socket.off("readable", look);
    socket.unshift(seen);
    sorted(isHttp2);
  };
  socket.on("readable", look);
}

function http1Server(limits: ServerLimits, handler: HttpHandler): Http1Server {
  const server = createHttp1({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerMs,
    requestTimeout: limits.headerMs + limits.bodyMs,
    keepAliveTimeout: limits.idleMs,
    // How often the two limits above are looked at.
    connectionsCheckingInterval: Math.max(10, Math.min(1000, limits.headerMs / 4)),
  });
  server.timeout = limits.idleMs + limits.callMs;
  server.on("request", handler);
  server.on("clientError", answerClientError);
  // Node starts its clock for slow clients when a server begins to listen, and this one never does.
  server.emit("listening");
  return server;
}

const HEADERS_TOO_LARGE = "the headers are larger than this server takes";
const CLIENT_ERRORS: Record<string, readonly [status: string, message: string]> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", HEADERS_TOO_LARGE],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "the request took too long to arrive"],
};

/** What did not even parse as a request gets a line of JSON too. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const [status, message] = CLIENT_ERRORS[error.code ?? ""] ?? ["400 Bad Request", `not HTTP/1.1: ${error.message}`];
  const body = JSON.stringify({ code: "invalid_argument", message });
  const length = Buffer.byteLength(body);
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`,
  );
}

function http2Server(
  limits: ServerLimits,
  handler: HttpHandler,
): { http2: Http2Server; sessions: Set<ServerHttp2Session> } {
  const http2 = createHttp2({
    maxSendHeaderBlockLength: limits.headerBytes,
    settings: {
      maxConcurrentStreams: limits.streams,
      maxHeaderListSize: limits.headerBytes,
      enablePush: false,
    },
  });
  const sessions = new Set<ServerHttp2Session>();
  http2.on("request", (request, response) => {
    // The setting above is only advice to the client; this is the limit.
    if (headerBytes(request.rawHeaders) <= limits.headerBytes) return handler(request, response);
    response.stream.resume();
    response.writeHead(431, { "content-type": "application/json" });
    response.end(JSON.stringify({ code: "invalid_argument", message: HEADERS_TOO_LARGE }));
  });
  http2.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => {});
    session.setTimeout(limits.idleMs + limits.callMs, () => session.close());
  });
  http2.on("sessionError", () => {});
  return { http2, sessions };
}

/** As HTTP/2 counts them (RFC 9113 section 6.5.2). */
function headerBytes(rawHeaders: readonly string[]): number {
  let bytes = rawHeaders.length * 16;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

/** Resolves, listening, with what is to be done after the server closed. */
async function bind(server: Server, address: ListenAddress): Promise<() => Promise<void>> {
  if (address.kind === "unix") return bindUnixSocket(server, address.path);
  const what = address.kind === "tcp" ? `http://${address.host}:${address.port}` : `inherited socket ${address.fd}`;
  const where = address.kind === "tcp" ? { host: address.host, port: address.port } : { fd: address.fd };
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code === "EADDRINUSE") {
        const hint = "another program listens there: --listen or [[listeners]] names another address";
        return reject(new NodeError("locked", `cannot listen at ${what}: it is taken`, { cause, hint }));
      }
      const code = cause.code === "EACCES" ? "permission_denied" : "unavailable";
      reject(new NodeError(code, `cannot listen at ${what}: ${cause.message}`, { cause }));
    });
    server.listen(where, resolve);
  });
  return async () => {};
}

function urlOf(server: Server, address: ListenAddress): string {
  if (address.kind === "unix") return `unix://${address.path}`;
  if (address.kind === "inherited" && address.path !== undefined) return `unix://${address.path}`;
  const got = server.address() as AddressInfo;
  return `http://${got.family === "IPv6" ? `[${got.address}]` : got.address}:${got.port}`;
}
