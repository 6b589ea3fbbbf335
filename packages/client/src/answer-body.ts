/** Bodies of answers: collected within a bound, decompressed within a bound. */
import { gunzip, gunzipSync } from "node:zlib";
import { RpcError } from "./rpc-error.ts";

/**
 * Up to this size a body is decompressed on the spot (20 us for a small answer; a thread's round trip costs more).
 * A bomb of 4 KiB holds 4 MiB at most: some 5 ms.
 */
const SYNC_BYTES = 4 << 10;

/** Chunks of one body; the caller stops reading when `add` says it is over the limit. */
export class BodyCollector {
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False: the body is over the limit, and what was collected is gone. */
  add(chunk: Uint8Array): boolean {
    this.#length += chunk.length;
    if (this.#length > this.#limit) {
      this.#chunks.length = 0;
      return false;
    }
    this.#chunks.push(chunk);
    return true;
  }

  bytes(): Uint8Array {
    return plain(this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#length));
  }
}

/** The same bytes as what pure code expects: its slices are copies, a Buffer's are not. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The body as the message is. Throws `RpcError`: over `limit` bytes, damaged, or an encoding that was not offered. */
export async function decodeBody(encoding: string, body: Uint8Array, limit: number): Promise<Uint8Array> {
  if (encoding === "" || encoding === "identity") return body;
  if (encoding !== "gzip") {
    throw new RpcError(
      "internal",
      `it answered in encoding ${JSON.stringify(encoding.slice(0, 40))}, gzip or none wanted`,
      {
        origin: "answer",
      },
    );
  }
  // An empty message may come as an empty body in spite of the header.
  if (body.length === 0) return body;
  const options = { maxOutputLength: limit };
  try {
    if (body.length <= SYNC_BYTES) return plain(gunzipSync(body, options));
    return await new Promise<Uint8Array>((resolve, reject) => {
      gunzip(body, options, (error, result) => (error === null ? resolve(plain(result)) : reject(error)));
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(limit);
    throw new RpcError("internal", "its answer is not gzip although it says so", { origin: "answer", cause });
  }
}

export function tooLarge(limit: number): RpcError {
  return new RpcError("resource_exhausted", `its answer is larger than ${limit} bytes`, { origin: "answer" });
}
