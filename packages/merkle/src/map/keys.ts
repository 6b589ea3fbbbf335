/**
 * Store keys of the map, below a prefix that the node gives:
 *
 *   `b` prefix bits  depth            bucket, overwritten in place
 *   `p` prefix bits  depth  u48 v     page that version `v` wrote
 *   `g` u48 v                         keys of the pages that version `v` is the last to need
 *
 * Prefix bits are `ceil(depth / 8)` bytes, zeros behind; depth is a byte (nine different paths share at most 252 bits,
 * so no bucket lies deeper than 253). Buckets cover disjoint subtrees, so the order of their keys is
 * the order of their paths, and all buckets below a node lie in one range.
 */
import { writeU48 } from "./leaves.ts";
import { maskInto, PATH_BYTES } from "./paths.ts";

const BUCKET = 0x62;
const PAGE = 0x70;
const GARBAGE = 0x67;

const U48_BYTES = 6;

/** Where keys are written to: a fresh array, or a slice of an arena. */
export type Allocate = (bytes: number) => Uint8Array;

export const allocate: Allocate = (bytes) => new Uint8Array(bytes);

export class MapKeys {
  readonly #prefix: Uint8Array;

  constructor(prefix: Uint8Array) {
    this.#prefix = prefix.slice();
  }

  /** Key of the bucket at `depth` on the path that begins at `offset`. */
  bucket(path: Uint8Array, offset: number, depth: number, alloc: Allocate = allocate): Uint8Array {
    const key = alloc(this.#prefix.length + 2 + ((depth + 7) >> 3));
    const at = this.#begin(key, BUCKET);
    maskInto(path, offset, depth, key, at);
    key[key.length - 1] = depth;
    return key;
  }

  /** Depth of the bucket with this key and its path prefix, zeros behind. `undefined` for a key that is none. */
  parseBucket(key: Uint8Array): { path: Uint8Array; depth: number } | undefined {
    const at = this.#prefix.length + 1;
    const bytes = key.length - at - 1;
    if (bytes < 0 || bytes > PATH_BYTES) return undefined;
    const depth = key[key.length - 1]!;
    if ((depth + 7) >> 3 !== bytes) return undefined;
    const path = new Uint8Array(PATH_BYTES);
    path.set(key.subarray(at, at + bytes));
    return { path, depth };
  }

  /** All keys of buckets at or below `depth` on this path. */
  bucketsBelow(path: Uint8Array, depth: number): { from: Uint8Array; to: Uint8Array } {
    const bytes = (depth + 7) >> 3;
    const from = new Uint8Array(this.#prefix.length + 1 + bytes);
    const at = this.#begin(from, BUCKET);
    maskInto(path, 0, depth, from, at);
    const to = from.slice();
    // Plus one at bit `depth`; a carry out of the path ends behind the last bucket.
    let step = bytes === 0 ? 1 : 1 << ((8 - (depth & 7)) & 7);
    for (let i = to.length - 1; step !== 0; i--) {
      const sum = to[i]! + step;
      to[i] = sum;
      step = sum > 255 ? 1 : 0;
    }
    return { from, to };
  }

  page(path: Uint8Array, offset: number, depth: number, version: number, alloc: Allocate = allocate): Uint8Array {
    const bytes = (depth + 7) >> 3;
    const key = alloc(this.#prefix.length + 2 + bytes + U48_BYTES);
    const at = this.#begin(key, PAGE);
    maskInto(path, offset, depth, key, at);
    key[at + bytes] = depth;
    writeU48(version, key, at + bytes + 1);
    return key;
  }

  garbage(version: number): Uint8Array {
    const key = new Uint8Array(this.#prefix.length + 1 + U48_BYTES);
    writeU48(version, key, this.#begin(key, GARBAGE));
    return key;
  }

  /** What follows the prefix, for garbage lists. */
  withoutPrefix(key: Uint8Array): Uint8Array {
    return key.subarray(this.#prefix.length);
  }

  /** Whether this is a page's key, without its prefix. */
  isPage(rest: Uint8Array): boolean {
    const bytes = rest.length - 2 - U48_BYTES;
    return bytes >= 0 && rest[0] === PAGE && (rest[1 + bytes]! + 7) >> 3 === bytes;
  }

  withPrefix(rest: Uint8Array): Uint8Array {
    const key = new Uint8Array(this.#prefix.length + rest.length);
    key.set(this.#prefix);
    key.set(rest, this.#prefix.length);
    return key;
  }

  #begin(key: Uint8Array, space: number): number {
    const prefix = this.#prefix;
    for (let i = 0; i < prefix.length; i++) key[i] = prefix[i]!;
    key[prefix.length] = space;
    return prefix.length + 1;
  }
}
