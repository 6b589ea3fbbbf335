/**
 * Roots and proofs from stored tiles, at any size up to the stored one. Each operation names all the tiles it needs in
 * one request, then computes; inner nodes of a tile are recomputed from its bottom row, unless they are kept.
 */
import type { Crypto } from "@trustix/crypto";
import { toHex } from "@trustix/crypto";
import type { Needs } from "../needs.ts";
import { LogTreeError } from "./errors.ts";
import { EMPTY_ROOT, nodeHash } from "./hashes.ts";
import type { LeafRange } from "./ranges.ts";
import { auditRanges, consistencyRanges, subtreesOf } from "./ranges.ts";
import type { TileNodes } from "./tile-nodes.ts";
import { checkSize, hashInTile, placeOf, tileKey } from "./tiles.ts";
import type { TilePlace } from "./tiles.ts";

/** The root of the first `size` leaves. */
export function* rootAt(crypto: Crypto, prefix: Uint8Array, size: number): Needs<Uint8Array> {
  checkSize(size, "a tree size");
  if (size === 0) return EMPTY_ROOT(crypto);
  const [root] = yield* hashRanges(crypto, prefix, [{ from: 0, to: size }]);
  return root!;
}

/** Audit path of leaf `index` in the tree of `size` leaves, from the leaf upwards. Throws `LogTreeError`. */
export function* auditProof(
  crypto: Crypto,
  prefix: Uint8Array,
  index: number,
  size: number,
  kept?: TileNodes,
): Needs<Uint8Array[]> {
  checkSize(size, "a tree size");
  checkSize(index, "a leaf index");
  if (index >= size) {
    throw new LogTreeError("out_of_range", `leaf ${index} is not in a tree of ${size} leaves`);
  }
  return yield* hashRanges(crypto, prefix, auditRanges(index, size), kept);
}

/** Consistency proof from `first` to `second` leaves; empty for `first` 0 and for equal sizes. Throws `LogTreeError`. */
export function* consistencyProof(
  crypto: Crypto,
  prefix: Uint8Array,
  first: number,
  second: number,
  kept?: TileNodes,
): Needs<Uint8Array[]> {
  checkSize(first, "a tree size");
  checkSize(second, "a tree size");
  if (first > second) {
    throw new LogTreeError("out_of_range", `a consistency proof goes forward, asked from ${first} to ${second}`);
  }
  if (first === 0 || first === second) return [];
  const { seed, rest } = consistencyRanges(first, second);
  return yield* hashRanges(crypto, prefix, seed === undefined ? rest : [seed, ...rest], kept);
}

/** The hash of each range, reading all tiles they touch, and that are not kept, at once. */
function* hashRanges(
  crypto: Crypto,
  prefix: Uint8Array,
  ranges: readonly LeafRange[],
  kept?: TileNodes,
): Needs<Uint8Array[]> {
  const places = ranges.map((range) => subtreesOf(range).map(placeOf));
  const found = new Map<TilePlace, Uint8Array>();
  const wanted = new Map<string, TilePlace>();
  for (const place of places.flat()) {
    const hash = kept?.find(place);
    if (hash === undefined) wanted.set(idOf(place), place);
    else found.set(place, hash);
  }
  const tiles = new Map<string, Uint8Array>();
  if (wanted.size > 0) {
    const keys = [...wanted.values()].map(({ level, tile }) => tileKey(prefix, level, tile));
    const answer = yield { kind: "get", keys };
    for (const [i, [id, place]] of [...wanted].entries()) {
      const tile = answer[i];
      if (tile === undefined) {
        throw new LogTreeError("missing_record", `log tile ${id} is not stored (key ${toHex(keys[i]!)})`);
      }
      kept?.keep(crypto, place, tile);
      tiles.set(id, tile);
    }
  }
  const hashOf = (place: TilePlace): Uint8Array =>
    found.get(place) ?? kept?.find(place) ?? hashInTile(crypto, tiles.get(idOf(place))!, place);
  return places.map((parts) => parts.map(hashOf).reduceRight((right, left) => nodeHash(crypto, left, right)));
}

function idOf({ level, tile }: TilePlace): string {
  return `${level}/${tile}`;
}
