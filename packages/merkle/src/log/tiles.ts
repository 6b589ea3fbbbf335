/**
 * Tiles, as in C2SP tlog-tiles: hash `i` of tile `(level, n)` is the root of the complete subtree of `256^level` leaves
 * number `256 n + i`. A tile has 1 to 256 hashes; only the last of a level is partial. A tile of an older size is a
 * prefix of today's, so one set of records proves every size up to the current one.
 */
import type { Crypto } from "@trustix/crypto";
import { LogTreeError } from "./errors.ts";
import { HASH_BYTES, NodeHasher } from "./hashes.ts";

export const TILE_WIDTH = 256;
/** Tree levels that one level of tiles spans. */
export const TILE_HEIGHT = 8;

/** `prefix || u8 level || u48be index`: the store key of a tile. */
export function tileKey(prefix: Uint8Array, level: number, index: number): Uint8Array {
  const key = new Uint8Array(prefix.length + 7);
  key.set(prefix);
  key[prefix.length] = level;
  writeU48(key, prefix.length + 1, index);
  return key;
}

/** Big endian; `value` below 2^48. */
export function writeU48(out: Uint8Array, at: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 48) {
    throw new LogTreeError("out_of_range", `a record number is 0 to 2^48 - 1, got ${value}`);
  }
  let rest = value;
  for (let i = 5; i >= 0; i--) {
    out[at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** Refuses what is not a number of leaves. */
export function checkSize(size: number, what: string): void {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new LogTreeError("out_of_range", `${what} is an integer from 0 to 2^53 - 1, got ${size}`);
  }
}

/** A complete subtree: `2^height` leaves, the `index`-th of that height. */
export interface Subtree {
  readonly height: number;
  readonly index: number;
}

/** Where a subtree lies: `count` neighbouring hashes of one tile. */
export interface TilePlace {
  readonly level: number;
  readonly tile: number;
  readonly offset: number;
  readonly count: number;
}

export function placeOf(subtree: Subtree): TilePlace {
  const level = Math.floor(subtree.height / TILE_HEIGHT);
  const count = 2 ** (subtree.height % TILE_HEIGHT);
  const perTile = TILE_WIDTH / count;
  return {
    level,
    tile: Math.floor(subtree.index / perTile),
    offset: (subtree.index % perTile) * count,
    count,
  };
}

/** The root over `place.count` neighbouring hashes of a tile: fresh bytes. */
export function hashInTile(crypto: Crypto, tile: Uint8Array, place: TilePlace): Uint8Array {
  const rows = tile.slice(place.offset * HASH_BYTES, (place.offset + place.count) * HASH_BYTES);
  if (rows.length !== place.count * HASH_BYTES) {
    throw new LogTreeError(
      "bad_record",
      `log tile level ${place.level} number ${place.tile} has ${tile.length} bytes, ` +
        `wanted at least ${(place.offset + place.count) * HASH_BYTES}`,
    );
  }
  const hasher = new NodeHasher(crypto);
  for (let width = place.count; width > 1; width /= 2) {
    for (let i = 0; i < width; i += 2) {
      const at = i * HASH_BYTES;
      hasher.into(rows, at, rows, at + HASH_BYTES, rows, at / 2);
    }
  }
  return rows.length === HASH_BYTES ? rows : rows.slice(0, HASH_BYTES);
}
