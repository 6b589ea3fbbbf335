/** A node:http server that answers as a test says, and remembers what it was asked. */
import { createServer } from "node:http";
import type { IncomingHttpHeaders, RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Script = (asked: Asked, ...rest: Parameters<RequestListener>) => void;

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
  /** Connections accepted so far. */
  connections(): number;
  script: Script;
}

/** Listens on a loopback port, or on the unix socket `path`. */
export async function scriptedServer(script: Script, path?: string): Promise<ScriptedServer> {
  const asked: Asked[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const one = { method, path: url, headers, body: Buffer.concat(chunks) };
      asked.push(one);
      handle.script(one, request, response);
    });
  });
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(path, resolve);
  });
  const handle: ScriptedServer = {
    url: path === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix://${path}`,
    asked,
    script,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return handle;
}
