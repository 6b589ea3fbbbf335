/** How answers travel that are made to hurt whoever reads them. They know nothing of what is served. */
import { gzipSync } from "node:zlib";
import type { Attack } from "./attack.ts";
import { type Exchange, type Send, sendHonestly } from "./evil-http.ts";

/** More than readers in tests take. */
const LARGE = 4 << 20;
const CHUNK = Buffer.alloc(64 << 10, "x");
const bomb = (): Uint8Array => gzipSync(new Uint8Array(2 * LARGE), { level: 1 });

/** The same answer with this in place of what it has. */
function with_(change: (exchange: Exchange) => Partial<Exchange["reply"]>): Send {
  return (exchange) => sendHonestly({ ...exchange, reply: { ...exchange.reply, ...change(exchange) } });
}

/** An answer of another status, which says nothing. */
const status = (code: number, headers: Record<string, string> = {}): Send =>
  with_(() => ({
    status: code,
    headers: { "content-type": "text/html", ...headers },
    body: Buffer.from("<h1>no</h1>"),
  }));

/** These bytes instead of an answer, and then the end. */
function raw(bytes: (exchange: Exchange) => string | Uint8Array): Send {
  return (exchange) => void exchange.socket.end(bytes(exchange));
}

/** As much as the reader takes, for as long as it reads. */
function pour(exchange: Exchange, chunk: Uint8Array | string): void {
  const { socket } = exchange;
  exchange.stall();
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
    if (!socket.destroyed) socket.once("drain", more);
  };
  more();
}

function head(exchange: Exchange, code = 200, more = ""): string {
  const type = exchange.reply.headers["content-type"] ?? "application/octet-stream";
  return `HTTP/1.1 ${code} Sure\r\ncontent-type: ${type}\r\n${more}`;
}

export const WIRE_LIES = {
  otherContentType: {
    does: "says that its answers are pages",
    send: with_(({ reply }) => ({ headers: { ...reply.headers, "content-type": "text/html; charset=utf-8" } })),
  },
  noContentType: {
    does: "does not say what its answers are",
    send: with_(() => ({ headers: {} })),
  },
  redirectToItself: {
    does: "redirects every request to where it came",
    send: with_(({ request }) => ({ status: 308, headers: { location: request.path }, body: new Uint8Array(0) })),
  },
  redirectElsewhere: {
    does: "redirects every request to another server on this machine",
    send: with_(({ trapUrl }) => ({ status: 307, headers: { location: trapUrl }, body: new Uint8Array(0) })),
  },
  internalServerError: { does: "answers 500 with a page", send: status(500) },
  tooManyRequests: {
    does: "answers 429 and asks to be left alone for a year",
    send: status(429, { "retry-after": "31536000" }),
  },
  badGateway: { does: "answers 502 with a page", send: status(502) },
  nothingThere: { does: "answers 404 with a page", send: status(404) },
  noContent: { does: "answers 204", send: with_(() => ({ status: 204, body: new Uint8Array(0) })) },
  oversized: {
    does: "sends more than readers take, and says so beforehand",
    send: with_(() => ({ body: new Uint8Array(LARGE) })),
  },
  gzipBomb: {
    does: "sends little that becomes much when it is unpacked",
    send: with_(({ reply }) => ({
      headers: { ...reply.headers, "content-encoding": "gzip" },
      body: bomb(),
    })),
  },
  errorBomb: {
    does: "sends an error that becomes much when it is unpacked",
    send: with_(() => ({
      status: 500,
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
      body: bomb(),
    })),
  },
  notGzip: {
    does: "says gzip and sends none",
    send: with_(({ reply }) => ({ headers: { ...reply.headers, "content-encoding": "gzip" } })),
  },
  strangeEncoding: {
    does: "answers in an encoding that was not offered",
    send: with_(({ reply }) => ({ headers: { ...reply.headers, "content-encoding": "br" } })),
  },
  endlessBody: {
    does: "sends an answer that never ends",
    send: (exchange) => {
      exchange.socket.write(`${head(exchange)}\r\n`);
      pour(exchange, CHUNK);
    },
  },
  endlessError: {
    does: "sends an error that never ends",
    send: (exchange) => {
      exchange.socket.write(`${head(exchange, 500)}\r\n`);
      pour(exchange, CHUNK);
    },
  },
  endlessHeaders: {
    does: "sends headers that never end",
    send: (exchange) => {
      exchange.socket.write(head(exchange));
      pour(exchange, `x-more: ${"y".repeat(4000)}\r\n`);
    },
  },
  endlessHints: {
    does: "sends early hints for ever and never the answer",
    send: (exchange) => pour(exchange, "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n"),
  },
  hintsFirst: {
    does: "sends a few early hints before the answer, as servers may",
    send: (exchange) => {
      for (let i = 0; i < 3; i++) exchange.response.writeEarlyHints({ link: "</x>; rel=preload" });
      sendHonestly(exchange);
    },
  },
  slowDrip: {
    does: "sends a byte now and then, and never the last one",
    send: (exchange) => {
      const { reply, socket } = exchange;
      socket.write(`${head(exchange)}content-length: ${reply.body.length + 1_000_000}\r\n\r\n`);
      exchange.stall();
      const drip = setInterval(() => socket.write("x"), 20);
      socket.once("close", () => clearInterval(drip));
    },
  },
  hangBeforeHeaders: { does: "takes requests and never answers", send: ({ stall }) => stall() },
  hangAfterHeaders: {
    does: "sends headers and never the answer",
    send: (exchange) => {
      exchange.socket.write(`${head(exchange)}content-length: ${exchange.reply.body.length + 1}\r\n\r\n`);
      exchange.stall();
    },
  },
  reset: { does: "resets every connection at the first request", send: ({ socket }) => void socket.resetAndDestroy() },
  resetWithinAnswer: {
    does: "resets every connection half-way through the answer",
    send: (exchange) => {
      const { reply, socket } = exchange;
      socket.write(`${head(exchange)}content-length: ${reply.body.length + 10}\r\n\r\n`);
      socket.write(reply.body, () => socket.resetAndDestroy());
    },
  },
  shortBody: {
    does: "says that the answer is longer than it is, and closes",
    send: raw((exchange) => {
      const { body } = exchange.reply;
      return Buffer.concat([Buffer.from(`${head(exchange)}content-length: ${body.length + 7}\r\n\r\n`), body]);
    }),
  },
  longBody: {
    does: "sends more than it said, as if that were the answer to the next request",
    send: ({ reply, socket, ...exchange }) => {
      const answer = `${head({ ...exchange, reply, socket })}content-length: ${reply.body.length}\r\n\r\n`;
      const both = Buffer.concat([Buffer.from(answer), reply.body]);
      socket.write(Buffer.concat([both, both]));
    },
  },
  notHttp: {
    does: "answers in another protocol",
    send: raw(() => "SSH-2.0-OpenSSH_9.6\r\n"),
  },
} satisfies Record<string, Attack>;
