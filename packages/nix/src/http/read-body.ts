/** A whole body of bounded length, also when it comes compressed although nobody asked for that: some caches store it so. */
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";
import type { HttpAnswer } from "./http-get.ts";
import { SourceError } from "./source-error.ts";

const DECODERS: Readonly<Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Buffer>> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

/** At most `maxBytes`, compressed and not. Throws `SourceError`: `malformed`; rejects as the body does. */
export async function readBody(answer: HttpAnswer, maxBytes: number, what: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw tooLong(what, maxBytes);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const encoding = answer.headers["content-encoding"];
  if (encoding === undefined || encoding === "identity" || encoding === "") return bytes;
  const decode = typeof encoding === "string" && Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (decode === undefined) throw new SourceError("malformed", `${what}: content encoding ${JSON.stringify(encoding)}`);
  try {
    return decode(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLong(what, maxBytes);
    throw new SourceError("malformed", `${what}: its ${String(encoding)} encoding is broken`, { cause });
  }
}

function tooLong(what: string, maxBytes: number): SourceError {
  return new SourceError("malformed", `${what}: more than ${maxBytes} bytes`);
}
