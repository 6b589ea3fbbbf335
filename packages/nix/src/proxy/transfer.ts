/** One file from an upstream to one client, checked on the way; the last bytes go out only when all is right. */
import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { equalBytes, type Crypto } from "@trustix/crypto";
import type { ContentAddress, SignedFacts } from "@trustix/nix-formats";
import type { ByteRange } from "./byte-range.ts";
import type { Decoders } from "./decoders.ts";
import type { Delivery } from "./delivery.ts";
import type { Encoders } from "./encoders.ts";
import type { Filter } from "./filter.ts";
import { HeldSink, type Head } from "./held-sink.ts";
import type { Clock } from "../clock.ts";
import type { ProxyLimits } from "./model.ts";
import { NarCheck } from "./nar-check.ts";
import { fileOf } from "./render-narinfo.ts";
import { SourceError } from "../http/source-error.ts";

/** An upstream's file, its head read. */
export interface Opened {
  readonly body: Readable;
  /** Bytes of the upstream's file, where it says them. */
  readonly fileSize: number | undefined;
  /** Bytes of the whole answer to the client, where they are known. */
  readonly size: number | undefined;
}

export interface TransferOptions {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly limits: ProxyLimits;
  readonly decoders: Decoders;
  readonly encoders: Encoders;
  readonly facts: SignedFacts;
  readonly content: ContentAddress | undefined;
  readonly delivery: Delivery;
  readonly opened: Opened;
  readonly range: ByteRange | "whole";
  readonly response: ServerResponse;
  readonly head: Head;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/**
 * Bytes of the body sent. Rejects with `ClientGone`, with `SourceError` for bytes that are not those of the facts, or with
 * what the upstream's body failed with.
 */
export async function transfer(options: TransferOptions): Promise<number> {
  const { crypto, clock, limits, decoders, encoders, facts, content, delivery, opened, range, response, head, signal } =
    options;
  const stop = () => opened.body.destroy();
  opened.body.on("error", () => undefined);
  signal.addEventListener("abort", stop, { once: true });
  const size = head.headers["content-length"];
  const sink = new HeldSink({
    response,
    clock,
    heldBytes: limits.heldBytes,
    stall: limits.stall,
    head,
    size: typeof size === "number" ? size : undefined,
  });
  const transcoded = delivery.form === "transcoded";
  const { compression } = delivery.source;
  let check: NarCheck | undefined;
  let encoder: Filter | undefined;
  try {
    if (transcoded && delivery.compression !== "none") {
      encoder = encoders.open(delivery.compression, facts.narSize, (chunk) => sink.push(chunk));
    }
    const onPlain = (chunk: Uint8Array) => (encoder === undefined ? sink.push(chunk) : encoder.write(chunk));
    check = await NarCheck.open({ crypto, facts, content, compression, decoders, ...(transcoded && { onPlain }) });
    const file = new FileCheck(crypto, options);
    for await (const chunk of opened.body as AsyncIterable<Uint8Array>) {
      file.take(chunk);
      const checked = check.write(chunk);
      const part = transcoded ? undefined : cut(chunk, file.position - chunk.length, range);
      const read = part === undefined ? undefined : sink.push(part);
      if (checked !== undefined && read !== undefined) await Promise.all([checked, read]);
      else if (checked !== undefined) await checked;
      else if (read !== undefined) await read;
      releaseChunk(chunk);
    }
    await check.finish();
    file.finish();
    // Only now: what ends a compressed stream must not follow what is wrong.
    await encoder?.end();
    await sink.finish();
    return sink.sent;
  } finally {
    signal.removeEventListener("abort", stop);
    opened.body.destroy();
    check?.destroy();
    encoder?.destroy();
  }
}

/**
 * Gives a chunk's memory back at once, as `releaseOutput` does, when all that reads it has done so. Does nothing unless the
 * chunk is all of its memory: the connection to the upstream may still need what comes after it.
 */
function releaseChunk({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** The file as the upstream has it: not longer than it may be, and for a range the very file that was named. */
class FileCheck {
  position = 0;
  readonly #announced: number | undefined;
  readonly #most: number;
  readonly #hash: { update(chunk: Uint8Array): void; digest(): Uint8Array } | undefined;
  readonly #wanted: Uint8Array | undefined;

  constructor(crypto: Crypto, { facts, delivery, opened, range }: TransferOptions) {
    this.#announced = opened.fileSize;
    // No compression makes a NAR longer by more than a little.
    this.#most = opened.fileSize ?? facts.narSize + Math.ceil(facts.narSize / 16) + 4096;
    // Of an uncompressed file the NAR check is the check of the file.
    if (range !== "whole" && delivery.source.compression !== "none") {
      this.#wanted = fileOf(delivery.source, facts).fileHash;
      this.#hash = crypto.sha256Stream();
    }
  }

  take(chunk: Uint8Array): void {
    this.position += chunk.length;
    if (this.position > this.#most) throw new SourceError("mismatch", `a file of more than ${this.#most} bytes`);
    this.#hash?.update(chunk);
  }

  finish(): void {
    if (this.#announced !== undefined && this.position !== this.#announced) {
      throw new SourceError("mismatch", `a file of ${this.position} bytes, ${this.#announced} announced`);
    }
    if (this.#hash === undefined) return;
    if (this.#wanted === undefined || !equalBytes(this.#hash.digest(), this.#wanted)) {
      throw new SourceError("mismatch", "the file is not the one with the announced file hash");
    }
  }
}

/** The part of a chunk, which begins at `position` of the file, that lies in the range. */
function cut(chunk: Uint8Array, position: number, range: ByteRange | "whole"): Uint8Array | undefined {
  if (range === "whole") return chunk;
  const start = Math.max(range.start - position, 0);
  const end = Math.min(range.end + 1 - position, chunk.length);
  return start < end ? chunk.subarray(start, end) : undefined;
}
