/** A map that holds at most so many bytes: what was used longest ago goes first. An entry's size is told when it is set. */
import { LRUCache } from "lru-cache";

export class BytesLru<V extends {}> {
  readonly #entries: LRUCache<string, V>;

  constructor(maxBytes: number) {
    this.#entries = new LRUCache({ maxSize: maxBytes });
  }

  /** What the entry itself costs besides its value: key, map slot, object. */
  static readonly OVERHEAD = 200;

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  /** An entry larger than the whole is not kept, nor what was there before it. */
  set(key: string, value: V, bytes: number): void {
    this.#entries.set(key, value, { size: bytes + key.length + BytesLru.OVERHEAD });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
