/**
 * A binary cache over HTTP: the folder that `nix copy` wrote, as any static file server would offer it, with ranges.
 * It can be told to misbehave, which is what tests are for.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** Answers a request instead of the cache; `false`: leave it to the cache. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface CacheServer {
  readonly url: string;
  /** Method and path of each request so far. */
  readonly requests: string[];
  misbehave: Misbehaviour | undefined;
  close(): Promise<void>;
}

const TYPES: readonly (readonly [suffix: string, type: string])[] = [
  ["nix-cache-info", "text/x-nix-cache-info"],
  [".narinfo", "text/x-nix-narinfo"],
];

/** Serves `folder` on the loopback; `port` 0 lets the system choose. The folder may be made later. */
export async function serveCache(folder: string, port = 0): Promise<CacheServer> {
  const requests: string[] = [];
  const cache: { misbehave: Misbehaviour | undefined } = { misbehave: undefined };
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (cache.misbehave?.(request, response) === true) return;
    answer(folder, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const { port: chosen } = server.address() as AddressInfo;
  return Object.assign(cache, {
    url: `http://127.0.0.1:${chosen}`,
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

async function answer(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Names as `nix copy` writes them and nothing else, so that no path leaves the folder.
  const path = /^\/((?:nar\/)?[0-9a-z][0-9a-z.-]*)$/.exec(request.url ?? "")?.[1];
  const file = path === undefined ? undefined : join(folder, path);
  const found = file === undefined ? undefined : await stat(file).catch(() => undefined);
  if (request.method !== "GET" && request.method !== "HEAD") return void response.writeHead(405).end();
  if (file === undefined || found === undefined || !found.isFile())
    return void response.writeHead(404).end("no such file\n");
  const type = TYPES.find(([suffix]) => file.endsWith(suffix))?.[1] ?? "application/x-nix-nar";
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const partial = request.headers.range !== undefined && from < found.size;
  const start = partial ? from : 0;
  response.writeHead(partial ? 206 : 200, {
    "Content-Type": type,
    "Content-Length": found.size - start,
    "Accept-Ranges": "bytes",
    ...(partial ? { "Content-Range": `bytes ${start}-${found.size - 1}/${found.size}` } : {}),
  });
  if (request.method === "HEAD") return void response.end();
  createReadStream(file, { start })
    .on("error", () => response.destroy())
    .pipe(response);
}
