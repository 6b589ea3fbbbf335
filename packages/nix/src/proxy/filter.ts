/**
 * A stream of bytes made into another: compressed or decompressed. What comes out is handed to `onOutput` while it comes;
 * how much of it there may be is for `onOutput` to bound, by throwing: then the filter is dead.
 */
import type { Readable, Transform } from "node:stream";

/** Calls are serial: the next one comes after the last one's promise. */
export interface Filter {
  /**
   * Resolves when the chunk is taken in: its memory is the caller's again. Rejects when it cannot be part of such a stream.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when everything has come out and the stream was whole. */
  end(): Promise<void>;
  /** Frees what it holds; harmless when called twice. */
  destroy(): void;
}

/**
 * The promise, if there is one, resolves when more may come. Throws or rejects to end the filtering. The chunk belongs to
 * whom it is handed to.
 */
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

/** What `node:zlib` makes; `bytesWritten` counts what it has taken in. */
export type ZlibStream = Transform & { readonly bytesWritten: number };

/** One stream of `node:zlib`, which works in other threads. */
export class ZlibFilter implements Filter {
  readonly #stream: ZlibStream;
  #given = 0;
  #error: Error | undefined;

  constructor(stream: ZlibStream, onOutput: OnOutput) {
    this.#stream = stream;
    consume(stream, onOutput, (error) => {
      this.#error = error;
      stream.destroy(error);
    });
    stream.on("error", (error) => {
      this.#error ??= error;
    });
  }

  /** Bytes at the end of what was written that do not belong to the stream any more: a decompressor has seen its end. */
  get left(): number {
    return this.#given - this.#stream.bytesWritten;
  }

  /** Everything has come out. */
  get ended(): boolean {
    return this.#stream.readableEnded;
  }

  write(chunk: Uint8Array): Promise<void> {
    this.#given += chunk.length;
    const stream = this.#stream;
    return new Promise((resolve, reject) => {
      // A stream that fails never calls back for the chunk it failed on: it only closes.
      const closed = () => reject(this.#error ?? new Error("the stream was closed"));
      stream.once("close", closed);
      stream.write(chunk, (error) => {
        stream.off("close", closed);
        const failed = this.#error ?? error;
        if (failed) reject(failed);
        else resolve();
      });
    });
  }

  async end(): Promise<void> {
    const stream = this.#stream;
    if (stream.readableEnded) return;
    await new Promise<void>((resolve, reject) => {
      const settle = () => {
        if (this.#error === undefined && stream.readableEnded) resolve();
        else reject(this.#error ?? new Error("the stream was closed"));
      };
      if (stream.destroyed) return settle();
      stream.once("end", settle);
      stream.once("close", settle);
      stream.end();
    });
  }

  destroy(): void {
    this.#stream.destroy();
  }
}
