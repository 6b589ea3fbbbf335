/**
 * Decompressing by zlib's streams. With `severalStreams` a new one takes over where the last one ended (zstd frames: Node's
 * decoder stops after the first); without it whatever follows the first stream is an error.
 */
import { ZlibFilter, type Filter, type OnOutput, type ZlibStream } from "./filter.ts";

export class ZlibDecoder implements Filter {
  readonly #make: () => ZlibStream;
  readonly #onOutput: OnOutput;
  readonly #severalStreams: boolean;
  #current: ZlibFilter | undefined;
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
      await stream.write(rest);
      const { left } = stream;
      rest = left > 0 ? rest.subarray(rest.length - left) : new Uint8Array();
      if (left > 0 || stream.ended) this.#streamEnded(left);
    }
  }

  #stream(): ZlibFilter {
    if (this.#current !== undefined) return this.#current;
    if (this.#whole && !this.#severalStreams) throw new Error("data after the end of the compressed stream");
    this.#current = new ZlibFilter(this.#make(), this.#onOutput);
    return this.#current;
  }

  #streamEnded(left: number): void {
    this.#current?.destroy();
    this.#current = undefined;
    this.#whole = true;
    if (left > 0 && !this.#severalStreams) throw new Error("data after the end of the compressed stream");
  }

  async end(): Promise<void> {
    if (this.#current !== undefined) return this.#current.end();
    if (!this.#whole) throw new Error("the compressed stream is empty");
    return undefined;
  }

  destroy(): void {
    this.#current?.destroy();
    this.#current = undefined;
  }
}
