/**
 * Pages by key, as bytes: those of versions not yet durable, which the store cannot answer, and as many others as fit.
 * A page never changes, so nothing here goes stale.
 */
interface CachedPage {
  readonly bytes: Uint8Array;
  readonly version: number;
}

/** What an entry costs beside its bytes: key, entry, array (Node 24, roughly). */
const ENTRY_BYTES = 250;

export class PageCache {
  readonly #limit: number;
  readonly #pages = new Map<string, CachedPage>();
  #bytes = 0;

  constructor(bytes: number) {
    this.#limit = bytes;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const name = nameOf(key);
    const page = this.#pages.get(name);
    if (page === undefined) return undefined;
    this.#pages.delete(name);
    this.#pages.set(name, page);
    return page.bytes;
  }

  /** Keeps a copy. `version` is the one that wrote the page. */
  add(key: Uint8Array, bytes: Uint8Array, version: number): void {
    const name = nameOf(key);
    if (this.#pages.has(name)) return;
    this.#pages.set(name, { bytes: bytes.slice(), version });
    this.#bytes += bytes.length + ENTRY_BYTES;
  }

  /** Forgets the pages used longest ago until the rest fits; what is not durable stays. */
  trim(durable: number): void {
    if (this.#bytes <= this.#limit) return;
    for (const [name, page] of this.#pages) {
      if (page.version > durable) continue;
      this.#pages.delete(name);
      this.#bytes -= page.bytes.length + ENTRY_BYTES;
      if (this.#bytes <= this.#limit) return;
    }
  }
}

function nameOf(key: Uint8Array): string {
  let name = "";
  for (const byte of key) name += String.fromCharCode(byte);
  return name;
}
