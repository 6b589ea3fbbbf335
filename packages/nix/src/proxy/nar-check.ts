/**
 * Checks a NAR while it streams by: decompresses, counts, hashes. Nothing is kept but what waits to be hashed.
 *
 * What was decompressed is hashed one turn later: by then the decompressor, which runs in another thread or process, is at
 * work on the next piece, so that both go on at the same time.
 */
import { equalBytes, type Crypto } from "@trustix/crypto";
import { formatNix32Hash, sha256Hash, type ContentAddress, type SignedFacts } from "@trustix/nix-formats";
import { releaseOutput, type Decoders } from "./decoders.ts";
import type { Filter, OnOutput } from "./filter.ts";
import type { Compression } from "./nar-name.ts";
import { narHasher, type NarHasher } from "./proven-content.ts";
import { SourceError } from "../http/source-error.ts";

/** What may wait to be hashed; more is hashed at once. */
const MAX_WAITING = 4 << 20;

export class NarCheck {
  readonly #facts: SignedFacts;
  readonly #hash: NarHasher;
  readonly #onPlain: OnOutput | undefined;
  readonly #deferred: boolean;
  #decoder: Filter | undefined;
  #size = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #scheduled = false;

  private constructor(facts: SignedFacts, hash: NarHasher, deferred: boolean, onPlain: OnOutput | undefined) {
    this.#facts = facts;
    this.#hash = hash;
    this.#deferred = deferred;
    this.#onPlain = onPlain;
  }

  /** `content` is checked as well; `onPlain` gets the NAR itself while it is checked. */
  static async open(options: {
    crypto: Crypto;
    facts: SignedFacts;
    content?: ContentAddress | undefined;
    compression: Compression;
    decoders: Decoders;
    onPlain?: OnOutput;
  }): Promise<NarCheck> {
    const { crypto, facts, content, compression, decoders } = options;
    const check = new NarCheck(facts, narHasher(crypto, content), compression !== "none", options.onPlain);
    // Plain bytes need no decoder and no promise for each chunk.
    if (compression !== "none") {
      check.#decoder = await decoders.open(compression, facts.narSize, (chunk) => check.#take(chunk));
    }
    return check;
  }

  /**
   * A piece of the file. The promise, if there is one, resolves when the next may come; rejects with `SourceError`. Then its
   * memory is the caller's again.
   */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#decoder === undefined) return this.#take(chunk);
    const taken = this.#decoder.write(chunk).catch(asMismatch);
    // Whoever wrote may be busy failing for another reason and not wait for this.
    taken.catch(() => undefined);
    return taken;
  }

  /** Resolves if the whole was the NAR of the facts. Rejects with `SourceError`: `mismatch`. */
  async finish(): Promise<void> {
    await this.#decoder?.end().catch(asMismatch);
    this.#hashWaiting();
    const { narHash, narSize } = this.#facts;
    if (this.#size !== narSize) throw new SourceError("mismatch", `the NAR has ${this.#size} bytes, ${narSize} wanted`);
    const digest = this.#hash.digest();
    if (equalBytes(digest, narHash)) return;
    const [came, wanted] = [digest, narHash].map((bytes) => formatNix32Hash(sha256Hash(bytes)));
    throw new SourceError("mismatch", `the NAR has the hash ${came}, ${wanted} wanted`);
  }

  /** When nobody wants to know any more. */
  destroy(): void {
    this.#decoder?.destroy();
    this.#waiting = [];
  }

  #take(chunk: Uint8Array): Promise<void> | undefined {
    this.#size += chunk.length;
    if (this.#size > this.#facts.narSize) {
      throw new SourceError("mismatch", `the NAR has more than ${this.#facts.narSize} bytes`);
    }
    if (this.#deferred) this.#defer(chunk);
    else this.#hash.update(chunk);
    return this.#onPlain?.(chunk);
  }

  #defer(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > MAX_WAITING) this.#hashWaiting();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#hashWaiting();
    });
  }

  #hashWaiting(): void {
    for (const chunk of this.#waiting) {
      this.#hash.update(chunk);
      // Whoever gets the NAR itself may still be at it.
      if (this.#onPlain === undefined) releaseOutput(chunk);
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

/** What does not decompress is not the NAR that was decided on. */
function asMismatch(cause: unknown): never {
  if (cause instanceof SourceError) throw cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new SourceError("mismatch", `the file does not decompress: ${why}`, { cause });
}
