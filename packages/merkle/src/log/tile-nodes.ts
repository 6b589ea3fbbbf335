/**
 * Inner nodes of the tiles of one tree that were read before. A proof takes a hash of each height out of a tile, which
 * costs up to 255 hashes (80 us) when they are made of the bottom row; kept, they cost nothing, nor does the read.
 *
 * A tile only grows, and a complete subtree never changes, so what was kept stays right at every size. Bounded: 16 KiB a
 * tile; the one used longest ago goes first.
 */
import type { Crypto } from "@trustix/crypto";
import { HASH_BYTES, NodeHasher } from "./hashes.ts";
import type { TilePlace } from "./tiles.ts";

/** `rows[h]`: the roots of the complete subtrees of `2^h` hashes, left to right. */
type Rows = readonly Uint8Array[];

export class TileNodes {
  readonly #most: number;
  /** By level and number. */
  readonly #tiles = new Map<string, Rows>();

  /** Keeps `most` tiles: 256 are 65 536 leaves and 4 MiB. */
  constructor(most = 256) {
    this.#most = most;
  }

  /** The root over a place: fresh bytes. `undefined` when its tile is not kept as far as that. */
  find({ level, tile, offset, count }: TilePlace): Uint8Array | undefined {
    const id = `${level}/${tile}`;
    const rows = this.#tiles.get(id);
    const at = (offset / count) * HASH_BYTES;
    const row = rows?.[Math.log2(count)];
    if (rows === undefined || row === undefined || row.length < at + HASH_BYTES) return undefined;
    this.#tiles.delete(id);
    this.#tiles.set(id, rows);
    return row.slice(at, at + HASH_BYTES);
  }

  /** Keeps the nodes of a tile as it was read. */
  keep(crypto: Crypto, { level, tile }: Pick<TilePlace, "level" | "tile">, bytes: Uint8Array): void {
    const hasher = new NodeHasher(crypto);
    const rows = [bytes.slice()];
    for (let below = rows[0]!; below.length >= 2 * HASH_BYTES; below = rows.at(-1)!) {
      const row = new Uint8Array(Math.floor(below.length / (2 * HASH_BYTES)) * HASH_BYTES);
      for (let at = 0; at < row.length; at += HASH_BYTES) {
        hasher.into(below, 2 * at, below, 2 * at + HASH_BYTES, row, at);
      }
      rows.push(row);
    }
    this.#tiles.set(`${level}/${tile}`, rows);
    if (this.#tiles.size > this.#most) this.#tiles.delete(this.#tiles.keys().next().value!);
  }
}
