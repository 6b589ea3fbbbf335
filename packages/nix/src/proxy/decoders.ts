/** Which compressions can be looked into here, and how. */
import { createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib";
import type { Filter, OnOutput } from "./filter.ts";
import type { Compression } from "./nar-name.ts";
import { ProcessFilter } from "./process-filter.ts";
import type { Programs } from "./programs.ts";
import { xzWasmDecoder } from "./xz-wasm-decoder.ts";
import { ZlibDecoder } from "./zlib-decoder.ts";

/** 558 MB/s of zstd against 193 with the default of 16 KiB (Node 24, measured). */
const CHUNK = { chunkSize: 256 * 1024 };

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

  async open(compression: Exclude<Compression, "none">, onOutput: OnOutput): Promise<Filter> {
    const { xz, bzip2 } = this.#programs;
    switch (compression) {
      case "zstd":
        return new ZlibDecoder(() => createZstdDecompress(CHUNK), onOutput, { severalStreams: true });
      case "gzip":
        return new ZlibDecoder(() => createGunzip(CHUNK), onOutput, { severalStreams: false });
      case "br":
        return new ZlibDecoder(() => createBrotliDecompress(CHUNK), onOutput, { severalStreams: false });
      case "xz":
        return xz === undefined ? await xzWasmDecoder(onOutput) : new ProcessFilter(xz, XZ_ARGS, onOutput);
      case "bzip2":
        if (bzip2 === undefined) throw new Error("there is no bzip2 program");
        return new ProcessFilter(bzip2, ["--decompress", "--stdout"], onOutput);
    }
  }
}
