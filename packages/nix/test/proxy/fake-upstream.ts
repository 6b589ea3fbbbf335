/** A binary cache on loopback that answers as the test says: well, badly, late or never. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export class FakeUpstream {
  readonly #server: Server;
  readonly #routes = new Map<string, Answer>();
  /** Asked for every request that no route knows. */
  fallback: Answer = (_request, response) => void response.writeHead(404).end("no\n");
  /** `METHOD target` of every request that came. */
  readonly requests: string[] = [];
  readonly headers: IncomingMessage["headers"][] = [];
  #host = "127.0.0.1";

  constructor() {
    this.#server = createServer((request, response) => {
      this.requests.push(`${request.method} ${request.url}`);
      this.headers.push(request.headers);
      response.on("error", () => undefined);
      (this.#routes.get(request.url ?? "") ?? this.fallback)(request, response);
    });
  }

  async start(host = "127.0.0.1"): Promise<this> {
    this.#host = host;
    await new Promise<void>((resolve) => this.#server.listen(0, host, resolve));
    return this;
  }

  get url(): string {
    return `http://${this.#host}:${(this.#server.address() as AddressInfo).port}`;
  }

  on(target: string, answer: Answer): this {
    this.#routes.set(target, answer);
    return this;
  }

  /** A whole answer with its length. */
  file(target: string, body: Uint8Array | string, headers: Record<string, string> = {}): this {
    const bytes = Buffer.from(body);
    return this.on(
      target,
      (_request, response) => void response.writeHead(200, { "content-length": bytes.length, ...headers }).end(bytes),
    );
  }

  /** How often this target was asked for. */
  count(target: string): number {
    return this.requests.filter((request) => request === `GET ${target}`).length;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Takes the request and never answers. */
export const hang: Answer = () => undefined;

export const status =
  (code: number): Answer =>
  (_request, response) =>
    void response.writeHead(code).end("sorry\n");

export const redirect =
  (location: string): Answer =>
  (_request, response) =>
    void response.writeHead(302, { location }).end();

export const reset: Answer = (request) => void request.socket.destroy();

/** Promises all of `body` and closes the connection after `bytes` of it. */
export const cutOff =
  (body: Uint8Array, bytes: number): Answer =>
  (request, response) => {
    response.writeHead(200, { "content-length": body.length });
    response.write(body.subarray(0, bytes), () => setTimeout(() => request.socket.destroy(), 20));
  };

/** Sends `body` as chunks, without a length. */
export const chunked =
  (body: Uint8Array): Answer =>
  (_request, response) => {
    response.writeHead(200);
    response.write(body.subarray(0, body.length / 2));
    response.end(body.subarray(body.length / 2));
  };
