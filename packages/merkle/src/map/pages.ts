/**
 * Pages: three levels of the trie above the border as one record, in pre-order. A byte says what stands at a node:
 *
 *   0 empty
 *   1 inner: its two children follow (the page's first node always is)
 *   2 bucket: hash(32) u48 min u48 max u8 leaves
 *   3 subtree without a page, to be rebuilt from its buckets: hash(32) u48 min u48 max. Lowest level only.
 *   4 subtree with a page: hash(32) u48 min u48 max u48 version of that page. Lowest level only.
 *
 * `min` and `max` are the smallest and the largest log index below.
 *
 * Inner hashes are not stored: they follow. Nodes of a page are numbered 1..15 as in a heap; 8..15 are its lowest level.
 */
import { SparseMapError } from "./errors.ts";
import { readU48, writeU48 } from "./leaves.ts";
import { HASH_BYTES } from "./map-hashes.ts";
import type { MapHasher } from "./map-hashes.ts";
import type { Trie } from "./trie.ts";

/** Levels of a page. */
export const PAGE_LEVELS = 3;
const NODES = 16;
const LOWEST = 8;
const HASH_WORDS = HASH_BYTES / 4;

export const SLOT_EMPTY = 0;
export const SLOT_INNER = 1;
export const SLOT_BUCKET = 2;
export const SLOT_SUBTREE = 3;
export const SLOT_PAGE = 4;
type SlotKind = typeof SLOT_BUCKET | typeof SLOT_SUBTREE | typeof SLOT_PAGE;

/** Most bytes of a page: 7 inner nodes above 8 pages. */
const MAX_PAGE_BYTES = 7 + 8 * (1 + HASH_BYTES + 3 * 6);

/** A page taken apart. */
export class Page {
  readonly kind = new Uint8Array(NODES);
  readonly min = new Float64Array(NODES);
  readonly max = new Float64Array(NODES);
  /** Leaves of a bucket. */
  readonly count = new Uint8Array(NODES);
  readonly version = new Float64Array(NODES);
  readonly words = new Uint32Array(NODES * HASH_WORDS);
  readonly bytes: Uint8Array = new Uint8Array(this.words.buffer);

  hash(node: number): Uint8Array {
    return this.bytes.subarray(node * HASH_BYTES, (node + 1) * HASH_BYTES);
  }
}

/** Writes pages, one after the other. */
export class PageWriter {
  readonly #bytes = new Uint8Array(MAX_PAGE_BYTES);
  #at = 0;

  /** A subtree by its hash and indices. A count or a version follows where the kind has one. */
  slot(kind: SlotKind, trie: Trie, node: number): void {
    this.u8(kind);
    trie.hashInto(node, this.#bytes, this.#at);
    this.#at += HASH_BYTES;
    this.u48(trie.min[node]!);
    this.u48(trie.max[node]!);
  }

  u8(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  u48(value: number): void {
    writeU48(value, this.#bytes, this.#at);
    this.#at += 6;
  }

  /** Copies what was written to memory that `alloc` gives and begins anew. */
  done(alloc: (bytes: number) => Uint8Array): Uint8Array {
    const record = alloc(this.#at);
    record.set(this.#bytes.subarray(0, this.#at));
    this.#at = 0;
    return record;
  }
}

/** Takes a page apart and computes its inner hashes. Throws `bad_record` for bytes that are no page. */
export function readPage(record: Uint8Array, hasher: MapHasher): Page {
  const page = new Page();
  let at = 0;
  const take = (bytes: number): number => {
    const from = at;
    at += bytes;
    if (at > record.length) throw badPage(`ends after ${record.length} bytes`);
    return from;
  };
  const read = (node: number): void => {
    const kind = record[take(1)]!;
    page.kind[node] = kind;
    if (node === 1 && kind !== SLOT_INNER) throw badPage(`begins with kind ${kind}`);
    if (kind === SLOT_EMPTY) return;
    if (kind === SLOT_INNER && node < LOWEST) {
      read(2 * node);
      read(2 * node + 1);
      hasher.nodeOfWords(page.words, 2 * node * HASH_WORDS, page.words, (2 * node + 1) * HASH_WORDS);
      page.bytes.set(hasher.digest, node * HASH_BYTES);
      return;
    }
    if (kind !== SLOT_BUCKET && (node < LOWEST || (kind !== SLOT_SUBTREE && kind !== SLOT_PAGE))) {
      throw badPage(`has kind ${kind} at node ${node}`);
    }
    const hash = take(HASH_BYTES);
    page.bytes.set(record.subarray(hash, hash + HASH_BYTES), node * HASH_BYTES);
    page.min[node] = readU48(record, take(6));
    page.max[node] = readU48(record, take(6));
    if (kind === SLOT_BUCKET) page.count[node] = record[take(1)]!;
    if (kind === SLOT_PAGE) page.version[node] = readU48(record, take(6));
  };
  read(1);
  if (at !== record.length) throw badPage(`has ${record.length - at} bytes behind its end`);
  return page;
}

function badPage(why: string): SparseMapError {
  return new SparseMapError("bad_record", `a page of the map ${why}`);
}
