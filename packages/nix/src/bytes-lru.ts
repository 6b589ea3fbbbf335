/** A map that holds at most so many bytes: what was used longest ago goes first. An entry's size is told when it is set. */

export class BytesLru<V> {
  readonly #entries = new Map<string, { value: V; bytes: number }>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What the entry itself costs besides its value: key, map slot, object. */
  static readonly OVERHEAD = 200;

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** An entry larger than the whole is not kept. */
  set(key: string, value: V, bytes: number): void {
    this.delete(key);
    const cost = bytes + key.length + BytesLru.OVERHEAD;
    if (cost > this.#maxBytes) return;
    this.#entries.set(key, { value, bytes: cost });
    this.#bytes += cost;
    while (this.#bytes > this.#maxBytes) this.delete(this.#entries.keys().next().value!);
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
