/**
 * The growing tree. Its right edge is held in memory: one open tile a level, and one preimage buffer a height.
 *
 * Invariant: for each bit `h` of `size` that is set, buffer `h` holds the root of that complete subtree as its left
 * half. A leaf is carried upwards: where the bit is set it becomes a right half, the node is hashed straight into the
 * buffer above, and so on. So a leaf costs one hash on average and nothing is copied between heights.
 */
import type { Crypto } from "@trustix/crypto";
import { toHex } from "@trustix/crypto";
import type { Needs, RecordChange } from "../needs.ts";
import { LogTreeError } from "./errors.ts";
import { EMPTY_ROOT, HASH_BYTES, NODE_BYTES, nodeHash } from "./hashes.ts";
import { subtreesOf } from "./ranges.ts";
import { TILE_HEIGHT, TILE_WIDTH, checkSize, hashInTile, placeOf, tileKey } from "./tiles.ts";

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
/** A size has at most 53 bits, a carry may reach one above. */
const HEIGHTS = 54;
const LEFT = 1;
const RIGHT = 1 + HASH_BYTES;

interface OpenTile {
  index: number;
  width: number;
  bytes: Uint8Array;
}

export class LogTree {
  readonly #crypto: Crypto;
  readonly #prefix: Uint8Array;
  #size = 0;
  /** All preimage buffers one after the other, and a view of each. */
  readonly #nodes = new Uint8Array(HEIGHTS * NODE_BYTES);
  readonly #views: readonly Uint8Array[];
  readonly #tiles: OpenTile[] = [];

  private constructor(crypto: Crypto, prefix: Uint8Array) {
    this.#crypto = crypto;
    this.#prefix = prefix;
    this.#views = Array.from({ length: HEIGHTS }, (_, h) => this.#nodes.subarray(h * NODE_BYTES, (h + 1) * NODE_BYTES));
    for (const view of this.#views) view[0] = 1;
  }

  /** The tree of the first `size` stored leaves. Reads the right edge in one request. Throws `LogTreeError`. */
  static *open(crypto: Crypto, prefix: Uint8Array, size: number): Needs<LogTree> {
    checkSize(size, "a tree size");
    const tree = new LogTree(crypto, prefix);
    const edge: { level: number; index: number; width: number }[] = [];
    for (let level = 0, rows = size; rows > 0; level++, rows = Math.floor(rows / TILE_WIDTH)) {
      edge.push({ level, index: Math.floor(rows / TILE_WIDTH), width: rows % TILE_WIDTH });
    }
    const partial = edge.filter(({ width }) => width > 0);
    if (partial.length === 0) return tree;
    const keys = partial.map(({ level, index }) => tileKey(prefix, level, index));
    const answer = yield { kind: "get", keys };
    for (const { level, index, width } of edge)
      tree.#tiles[level] = { index, width, bytes: new Uint8Array(TILE_BYTES) };
    for (const [i, { level, index, width }] of partial.entries()) {
      const stored = answer[i];
      if (stored === undefined) {
        throw new LogTreeError("missing_record", `log tile ${level}/${index} is not stored (key ${toHex(keys[i]!)})`);
      }
      if (stored.length < width * HASH_BYTES) {
        throw new LogTreeError(
          "bad_record",
          `log tile ${level}/${index} has ${stored.length} bytes, a tree of ${size} leaves needs ${width * HASH_BYTES}`,
        );
      }
      tree.#tiles[level]!.bytes.set(stored.subarray(0, width * HASH_BYTES));
    }
    for (const subtree of subtreesOf({ from: 0, to: size })) {
      const place = placeOf(subtree);
      tree.#views[subtree.height]!.set(hashInTile(crypto, tree.#tiles[place.level]!.bytes, place), LEFT);
    }
    tree.#size = size;
    return tree;
  }

  /** Leaves in the tree. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds leaf hashes, 32 bytes each, one after the other. Returns the tiles that changed, whole: full ones once, and the
   * right edge as it is now. If the batch that carries them fails, drop the tree and open it again.
   */
  append(leafHashes: Uint8Array): RecordChange[] {
    const count = leafHashes.length / HASH_BYTES;
    if (!Number.isInteger(count)) {
      throw new LogTreeError("bad_entry", `leaf hashes are 32 bytes each, got ${leafHashes.length} bytes`);
    }
    checkSize(this.#size + count, "a tree size");
    const changes: RecordChange[] = [];
    let touchedLevels = 0;
    for (let i = 0; i < count; i++) {
      const levels = this.#carry(leafHashes, i * HASH_BYTES, changes);
      if (levels > touchedLevels) touchedLevels = levels;
    }
    for (let level = 0; level < touchedLevels; level++) {
      const tile = this.#tiles[level]!;
      if (tile.width > 0) {
        changes.push([tileKey(this.#prefix, level, tile.index), tile.bytes.slice(0, tile.width * HASH_BYTES)]);
      }
    }
    return changes;
  }

  /** The root of all leaves. */
  root(): Uint8Array {
    if (this.#size === 0) return EMPTY_ROOT(this.#crypto);
    const roots = subtreesOf({ from: 0, to: this.#size }).map(({ height }): Uint8Array =>
      this.#views[height]!.slice(LEFT, LEFT + HASH_BYTES),
    );
    return roots.reduceRight((right, left) => nodeHash(this.#crypto, left, right));
  }

  /** Adds one leaf, given at `at`; returns how many levels of tiles it touched. */
  #carry(leaves: Uint8Array, at: number, changes: RecordChange[]): number {
    const nodes = this.#nodes;
    this.#addToTile(0, leaves, at, changes);
    let bits = this.#size;
    let target = bits % 2 === 1 ? RIGHT : LEFT;
    // A plain loop: 32 bytes are copied faster this way than through `set` and a fresh view.
    for (let i = 0; i < HASH_BYTES; i++) nodes[target + i] = leaves[at + i]!;
    let height = 0;
    while (bits % 2 === 1) {
      bits = (bits - 1) / 2;
      const above = (height + 1) * NODE_BYTES;
      target = above + (bits % 2 === 1 ? RIGHT : LEFT);
      this.#crypto.sha256Into(this.#views[height]!, nodes, target);
      height++;
      if (height % TILE_HEIGHT === 0) this.#addToTile(height / TILE_HEIGHT, nodes, target, changes);
    }
    this.#size++;
    return Math.floor(height / TILE_HEIGHT) + 1;
  }

  #addToTile(level: number, source: Uint8Array, at: number, changes: RecordChange[]): void {
    const tile = (this.#tiles[level] ??= { index: 0, width: 0, bytes: new Uint8Array(TILE_BYTES) });
    const to = tile.width * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) tile.bytes[to + i] = source[at + i]!;
    tile.width++;
    if (tile.width < TILE_WIDTH) return;
    changes.push([tileKey(this.#prefix, level, tile.index), tile.bytes]);
    this.#tiles[level] = { index: tile.index + 1, width: 0, bytes: new Uint8Array(TILE_BYTES) };
  }
}
