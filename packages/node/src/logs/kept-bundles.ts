/**
 * Entry bundles that were read lately: a map proof needs one entry of 256, and reading 17 kB for it costs a quarter of the
 * call, most of it for collecting the bytes again. Whose entries are asked for lie beside each other: they were built together.
 *
 * An entry below the published size never changes, so nothing here goes stale; of what else a bundle holds nothing is known,
 * so of each it is kept how many of its entries were published before it was read.
 */
import { BUNDLE_ENTRIES } from "@trustix/merkle";

const MOST_BYTES = 4 << 20;

interface KeptBundle {
  readonly bytes: Uint8Array;
  readonly entries: number;
}

export class KeptBundles {
  readonly #mostBytes: number;
  /** By number, the one used longest ago first. */
  readonly #bundles = new Map<number, KeptBundle>();
  #bytes = 0;

  /** 4 MiB are 60 000 entries with keys of 32 bytes. */
  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = mostBytes;
  }

  /** The bundle with the entry, if that is known. */
  find(index: number): Uint8Array | undefined {
    const n = Math.floor(index / BUNDLE_ENTRIES);
    const kept = this.#bundles.get(n);
    if (kept === undefined || index % BUNDLE_ENTRIES >= kept.entries) return undefined;
    this.#bundles.delete(n);
    this.#bundles.set(n, kept);
    return kept.bytes;
  }

  /** Keeps bundle `n`, which was read when the log's published size was at least `size`. */
  keep(n: number, bytes: Uint8Array, size: number): void {
    const entries = Math.min(BUNDLE_ENTRIES, size - n * BUNDLE_ENTRIES);
    // The largest keys make bundles of 16 MB: one of them must not drive out all others.
    if (entries <= 0 || bytes.length > this.#mostBytes / 8) return;
    this.#forget(n);
    this.#bundles.set(n, { bytes, entries });
    this.#bytes += bytes.length;
    while (this.#bytes > this.#mostBytes) this.#forget(this.#bundles.keys().next().value!);
  }

  #forget(n: number): void {
    this.#bytes -= this.#bundles.get(n)?.bytes.length ?? 0;
    this.#bundles.delete(n);
  }
}
