/**
 * An HTTP server on a loopback port whose answers travel as an attack says. It knows nothing of what it serves, so it does
 * for nodes as well as for binary caches.
 *
 * Tests ask it what came of it: how many bytes it got rid of, how many exchanges wait for what will not come, and whether
 * anybody followed a redirect.
 */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** One exchange as an attack sees it. */
export interface Exchange {
  readonly request: HttpRequest;
  readonly reply: HttpReply;
  readonly response: ServerResponse;
  readonly socket: Socket;
  /** Of a server that nobody should be led to. */
  readonly trapUrl: string;
  /** Says that this exchange will not end by itself. */
  readonly stall: () => void;
}

export type Send = (exchange: Exchange) => void;

export interface EvilHttp extends AsyncDisposable {
  readonly url: string;
  /** How answers travel; `undefined`: as they should. */
  send: Send | undefined;
  /** Exchanges under way that will not end by themselves. */
  stalled(): number;
  /** Requests so far. */
  asked(): number;
  /** Bytes that left, over all connections: what nobody reads stays here beyond what the system's buffers take. */
  bytesSent(): number;
  /** Requests that came where a redirect led. */
  trapped(): number;
}

export const sendHonestly: Send = ({ reply, response }) => {
  response.writeHead(reply.status, { ...reply.headers, "content-length": reply.body.length }).end(reply.body);
};

export async function startEvilHttp(answer: (request: HttpRequest) => HttpReply): Promise<EvilHttp> {
  const sockets: Socket[] = [];
  let [asked, stalled, trapped] = [0, 0, 0];
  const trap = createServer((_request, response) => {
    trapped++;
    response.end();
  });
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      asked++;
      const { method = "", url: path = "", headers, socket } = incoming;
      const request = { method, path, headers, body: new Uint8Array(Buffer.concat(chunks)) };
      const stall = (): void => {
        stalled++;
        socket.once("close", () => stalled--);
      };
      const trapUrl = `${urlOf(trap)}/caught`;
      (http.send ?? sendHonestly)({ request, reply: answer(request), response, socket, trapUrl, stall });
    });
    // A reader that hangs up is what most attacks end in.
    response.on("error", () => {});
  });
  server.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
  });
  await Promise.all([server, trap].map(listen));
  const http: EvilHttp = {
    url: urlOf(server),
    send: undefined,
    stalled: () => stalled,
    asked: () => asked,
    bytesSent: () => sockets.reduce((sum, socket) => sum + socket.bytesWritten - socket.writableLength, 0),
    trapped: () => trapped,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([server, trap].map((one) => new Promise((resolve) => one.close(resolve))));
    },
  };
  return http;
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
