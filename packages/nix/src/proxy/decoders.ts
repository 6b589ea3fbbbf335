/** Which compressions can be looked into here, and how. */
import { createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib";
import type { Filter, OnOutput } from "./filter.ts";
import { GatheringFilter } from "./gathering-filter.ts";
import type { Compression } from "./nar-name.ts";
import { ProcessFilter } from "./process-filter.ts";
import type { Programs } from "./programs.ts";
import { xzWasmDecoder } from "./xz-wasm-decoder.ts";
import { ZlibDecoder } from "./zlib-decoder.ts";

/** 558 MB/s of zstd with half of it against 193 with the default of 16 KiB (Node 24, measured); this saves another twentieth. */
const OUTPUT_BYTES = 512 * 1024;

/** What `xz -9` needs is 65 MiB; a file that wants more is no NAR that a cache would make. */
const XZ_ARGS = ["--decompress", "--stdout", "--no-sparse", "--memlimit-decompress=192MiB"];

export class Decoders {
  readonly #programs: Programs;

  constructor(programs: Programs) {
    this.#programs = programs;
  }

  /** bzip2 only by its program: nothing else here reads it. */
  supports(compression: Compression): boolean {
    return compression !== "bzip2" || this.#programs.bzip2 !== undefined;
  }

  /** `size`: of what should come out. More may come out, and is for `onOutput` to refuse. */
  async open(compression: Exclude<Compression, "none">, size: number, onOutput: OnOutput): Promise<Filter> {
    return new GatheringFilter(await this.#open(compression, size, onOutput), size);
  }

  async #open(compression: Exclude<Compression, "none">, size: number, onOutput: OnOutput): Promise<Filter> {
    const { xz, bzip2 } = this.#programs;
    // With room to spare: a buffer that is just full does not tell that this was all.
    const chunk = { chunkSize: Math.min(OUTPUT_BYTES, size + 1024) };
    switch (compression) {
      case "zstd":
        return new ZlibDecoder(() => createZstdDecompress(chunk), onOutput, { severalStreams: true });
      case "gzip":
        return new ZlibDecoder(() => createGunzip(chunk), onOutput, { severalStreams: false });
      case "br":
        return new ZlibDecoder(() => createBrotliDecompress(chunk), onOutput, { severalStreams: false });
      case "xz":
        return xz === undefined ? await xzWasmDecoder(onOutput) : new ProcessFilter(xz, XZ_ARGS, onOutput);
      case "bzip2":
        if (bzip2 === undefined) throw new Error("there is no bzip2 program");
        return new ProcessFilter(bzip2, ["--decompress", "--stdout"], onOutput);
    }
  }
}

/**
 * Gives the memory of an output back at once; only for the last reader of this output and of all that came before. Left to
 * the garbage collector, NARs that stream by make it run every 14 MB, and it takes more time than the decompressor.
 *
 * Does nothing unless the output reaches to the end of a decompressor's whole buffer: then nobody writes to that any more.
 */
export function releaseOutput(output: Uint8Array): void {
  const { buffer, byteOffset, byteLength } = output;
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== OUTPUT_BYTES) return;
  if (byteOffset + byteLength === OUTPUT_BYTES) buffer.transfer(0);
}
