/**
 * Which compressions can be made here, and how: for a client that knows a NAR in a form that no honest source has. Fast and
 * small rather than tight, because this is rare and the client is near: no level used needs more than some MiB.
 */
import { constants, createBrotliCompress, createGzip, createZstdCompress } from "node:zlib";
import { ZlibFilter, type Filter, type OnOutput } from "./filter.ts";
import { GatheringFilter } from "./gathering-filter.ts";
import { ClientGone } from "./held-sink.ts";
import type { Compression } from "./nar-name.ts";
import { ProcessFilter } from "./process-filter.ts";
import type { Programs } from "./programs.ts";
import { SourceError } from "../http/source-error.ts";

const CHUNK = { chunkSize: 64 * 1024 };

export class Encoders {
  readonly #programs: Programs;

  constructor(programs: Programs) {
    this.#programs = programs;
  }

  /** xz and bzip2 only by their programs. */
  supports(compression: Compression): boolean {
    if (compression === "xz" || compression === "bzip2") return this.#programs[compression] !== undefined;
    return true;
  }

  /**
   * For exactly `size` bytes. Its end, without which no client takes the body for whole, comes out only with `end`. Fails
   * with `ClientGone` of `onOutput`, else with `SourceError`: `recompression`.
   */
  open(compression: Exclude<Compression, "none">, size: number, onOutput: OnOutput): Filter {
    const filter = new GatheringFilter(this.#open(compression, size, onOutput), size);
    return {
      write: (chunk) => filter.write(chunk).catch(asOwnTrouble),
      end: () => filter.end().catch(asOwnTrouble),
      destroy: () => filter.destroy(),
    };
  }

  #open(compression: Exclude<Compression, "none">, size: number, onOutput: OnOutput): Filter {
    switch (compression) {
      case "zstd": {
        const params = { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 };
        return new ZlibFilter(createZstdCompress({ ...CHUNK, params, pledgedSrcSize: size }), onOutput);
      }
      case "gzip":
        return new ZlibFilter(createGzip({ ...CHUNK, level: 1 }), onOutput);
      case "br": {
        const params = { [constants.BROTLI_PARAM_QUALITY]: 1 };
        return new ZlibFilter(createBrotliCompress({ ...CHUNK, params }), onOutput);
      }
      case "xz":
      case "bzip2": {
        const program = this.#programs[compression];
        if (program === undefined) throw new Error(`there is no ${compression} program`);
        const level = compression === "xz" ? ["-0", "--threads=1"] : ["-1"];
        return new ProcessFilter(program, ["--compress", "--stdout", ...level], onOutput);
      }
    }
  }
}

function asOwnTrouble(cause: unknown): never {
  if (cause instanceof ClientGone) throw cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new SourceError("recompression", `the NAR cannot be compressed again: ${why}`, { cause });
}
