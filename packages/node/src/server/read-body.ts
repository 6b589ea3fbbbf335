/**
 * Bodies of requests, bounded: at most so many bytes on the wire and after decompression, whatever the headers say.
 * Nothing is allocated because a header promised it.
 */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { NodeError } from "../errors.ts";

export type AnyRequest = IncomingMessage | Http2ServerRequest;

/**
 * The whole body. `hold` is told of all bytes kept and may throw. Rejects with what it throws, with `too_large`, or with
 * `invalid_argument` for a body that breaks off.
 */
export function readBody(request: AnyRequest, maxBytes: number, hold: (bytes: number) => void): Promise<Uint8Array> {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > maxBytes) return Promise.reject(tooLarge(`${declared} bytes`, maxBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let ended = false;
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      try {
        if (length > maxBytes) throw tooLarge(`more than ${maxBytes} bytes`, maxBytes);
        hold(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        request.off("data", onData);
        reject(error as Error);
      }
    };
    request.on("data", onData);
    request.once("end", () => {
      ended = true;
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length));
    });
    // An error of the request is followed by this too.
    request.once("close", () => {
      if (!ended) reject(brokenOff());
    });
  });
}

/** Reads on and forgets, so that the caller can finish sending and read the answer; ends the connection over `maxBytes`. */
export function discardBody(request: AnyRequest, maxBytes: number): void {
  let length = 0;
  // A stream of HTTP/2 need not be read to its end: it is closed once the answer is out (RFC 9113 section 8.1). A slow
  // body over HTTP/1.1 ends by the server's limit on whole requests.
  if ("stream" in request) request.stream.once("finish", () => request.stream.close());
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxBytes) request.destroy();
  });
}

const inflate = promisify(gunzip);

/** A gzipped body. Rejects with `too_large` as soon as more comes out, with `invalid_argument` for what is no gzip. */
export async function gunzipBody(body: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  if (body.length === 0) return body;
  try {
    return await inflate(body, { maxOutputLength: maxBytes });
  } catch (cause) {
    if ((cause as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") {
      throw tooLarge(`more than ${maxBytes} bytes after decompression`, maxBytes);
    }
    throw new NodeError("invalid_argument", "body: not the gzip that Content-Encoding says", { cause });
  }
}

function tooLarge(came: string, maxBytes: number): NodeError {
  return new NodeError("too_large", `body: ${came} came, at most ${maxBytes} wanted`);
}

function brokenOff(): NodeError {
  return new NodeError("invalid_argument", "body: the connection ended before the body did");
}
