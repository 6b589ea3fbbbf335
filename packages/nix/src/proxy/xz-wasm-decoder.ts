/** xz in WebAssembly: where there is no `xz` program. On the main thread, at some 50 MB/s. */
import type { Filter, OnOutput } from "./filter.ts";

/** Loads the decoder on first use. */
export async function xzWasmDecoder(onOutput: OnOutput): Promise<Filter> {
  const { default: xz } = await import("xz-decompress");
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  // The stream's own promises follow from what `drained` reports.
  writer.closed.catch(() => undefined);
  const drained = (async () => {
    const output = new xz.XzReadableStream(readable).getReader();
    try {
      for (let next = await output.read(); !next.done; next = await output.read()) await onOutput(next.value);
    } catch (error) {
      await output.cancel(error).catch(() => undefined);
      await writer.abort(error).catch(() => undefined);
      throw error;
    }
  })();
  drained.catch(() => undefined);
  return {
    // A copy: the stream reads it when it wants to.
    write: (chunk) => Promise.race([writer.write(Uint8Array.from(chunk)), drained.then(trailing)]),
    end: async () => {
      // Closing waits for the reader, and the reader for the last byte: only the reader's end counts.
      writer.close().catch(() => undefined);
      await drained;
    },
    destroy: () => void writer.abort(new Error("given up")).catch(() => undefined),
  };
}

function trailing(): never {
  throw new Error("data after the end of the compressed stream");
}
