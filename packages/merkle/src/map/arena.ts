/**
 * Small arrays cut from larger ones: an allocation a record costs more than filling it (a tenth of a flush, measured).
 * A slice keeps its whole block alive, so what is cut here goes to the store and is let go.
 */
const FIRST_BLOCK = 4 * 1024;
const LAST_BLOCK = 256 * 1024;

export class Arena {
  #block = new Uint8Array(FIRST_BLOCK);
  #at = 0;

  /** `bytes` zeros. */
  take(bytes: number): Uint8Array {
    if (this.#at + bytes > this.#block.length) {
      this.#block = new Uint8Array(Math.max(bytes, Math.min(LAST_BLOCK, this.#block.length * 2)));
      this.#at = 0;
    }
    const at = this.#at;
    this.#at += bytes;
    return this.#block.subarray(at, at + bytes);
  }
}
