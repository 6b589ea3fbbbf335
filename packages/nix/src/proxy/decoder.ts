/**
 * Decompressing a stream to look at what is in it. What comes out is handed to `onOutput` while it comes; how much of it
 * there may be is for `onOutput` to bound, by throwing: then the decoder is dead.
 */
import type { Readable, Transform } from "node:stream";

/** Calls are serial: the next one comes after the last one's promise. */
export interface Decoder {
  /** Resolves when the chunk is taken in. Rejects when it cannot be part of such a stream. */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when everything has come out and the stream was whole. */
  end(): Promise<void>;
  /** Frees what it holds; harmless when called twice. */
  destroy(): void;
}

/** The promise, if there is one, resolves when more may come. Throws or rejects to end the decoding. */
export type OnOutput = (chunk: Uint8Array) => Promise<void> | undefined;

/** Hands a stream's data to `onOutput`, pausing the stream while that wants it; `fail` gets what it throws, once. */
export function consume(stream: Readable, onOutput: OnOutput, fail: (error: Error) => void): void {
  let failed = false;
  const failOnce = (error: unknown) => {
    if (failed) return;
    failed = true;
    fail(error instanceof Error ? error : new Error(String(error)));
  };
  stream.on("data", (output: Buffer) => {
    if (failed) return;
    try {
      const wait = onOutput(output);
      if (wait === undefined) return;
      stream.pause();
      wait.then(() => stream.resume(), failOnce);
    } catch (error) {
      failOnce(error);
    }
  });
}

/** What `node:zlib` makes; `bytesWritten` counts what the decompressor has taken in. */
type ZlibStream = Transform & { readonly bytesWritten: number };

/**
 * By one of zlib's streams. With `severalStreams` a new one takes over where the last one ended (zstd frames: Node's
 * decoder stops after the first); without it whatever follows the first stream is an error.
 */
export class ZlibDecoder implements Decoder {
  readonly #make: () => ZlibStream;
  readonly #onOutput: OnOutput;
  readonly #severalStreams: boolean;
  #current: ZlibStream | undefined;
  /** Bytes given to the current stream. */
  #given = 0;
  #error: Error | undefined;
  #whole = false;

  constructor(make: () => ZlibStream, onOutput: OnOutput, options: { severalStreams: boolean }) {
    this.#make = make;
    this.#onOutput = onOutput;
    this.#severalStreams = options.severalStreams;
  }

  async write(chunk: Uint8Array): Promise<void> {
    let rest = chunk;
    while (rest.length > 0) {
      const stream = this.#stream();
      this.#given += rest.length;
      await this.#written(stream, rest);
      const left = this.#given - stream.bytesWritten;
      rest = left > 0 ? rest.subarray(rest.length - left) : new Uint8Array();
      if (left > 0 || stream.readableEnded) this.#streamEnded(left);
    }
  }

  #written(stream: ZlibStream, chunk: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      // A stream that fails never calls back for the chunk it failed on: it only closes.
      const closed = () => reject(this.#error ?? new Error("the decompressor was closed"));
      stream.once("close", closed);
      stream.write(chunk, (error) => {
        stream.off("close", closed);
        const failed = this.#error ?? error;
        if (failed) reject(failed);
        else resolve();
      });
    });
  }

  #stream(): ZlibStream {
    if (this.#current !== undefined) return this.#current;
    if (this.#whole && !this.#severalStreams) throw new Error("data after the end of the compressed stream");
    const stream = this.#make();
    consume(stream, this.#onOutput, (error) => {
      this.#error = error;
      stream.destroy(error);
    });
    stream.on("error", (error) => {
      this.#error ??= error;
    });
    this.#current = stream;
    this.#given = 0;
    return stream;
  }

  #streamEnded(left: number): void {
    this.#current?.destroy();
    this.#current = undefined;
    this.#whole = true;
    if (left > 0 && !this.#severalStreams) throw new Error("data after the end of the compressed stream");
  }

  async end(): Promise<void> {
    const stream = this.#current;
    if (stream === undefined) {
      if (!this.#whole) throw this.#error ?? new Error("the compressed stream is empty");
      return;
    }
    if (stream.readableEnded) return;
    await new Promise<void>((resolve, reject) => {
      const settle = () => {
        if (this.#error === undefined && stream.readableEnded) resolve();
        else reject(this.#error ?? new Error("the decompressor was closed"));
      };
      stream.once("end", settle);
      stream.once("close", settle);
      stream.end();
    });
  }

  destroy(): void {
    this.#current?.destroy();
    this.#current = undefined;
  }
}
