/**
 * Bringing buckets and subtrees from the store into memory.
 *
 * The map may change between a request and its answer. So an answer is taken only where it hashes to what the trie says
 * stands there *now*; one that does not is ignored if the map changed meanwhile (the operation looks again and asks
 * again), and is an error otherwise: the store is damaged.
 */
import type { Needs, ReadAnswer } from "../needs.ts";
import { BUCKET_LEAVES, LEAF_BYTES, maxIndex, minIndex } from "./leaves.ts";
import { SparseMapError } from "./errors.ts";
import { comparePaths, sharedBits } from "./paths.ts";
import type { MapState, Place } from "./state.ts";
import { BUCKET, INNER, UNLOADED } from "./trie.ts";

/** What an operation found missing on its way. */
export class Wanted {
  readonly buckets: Place[] = [];
  readonly subtrees: Place[] = [];

  get any(): boolean {
    return this.buckets.length > 0 || this.subtrees.length > 0;
  }
}

/** From so many buckets on, one range over their neighbourhood is cheaper than asking for each. */
const RANGE_FROM = 16;

/**
 * Loads what is wanted. All of it may have changed again when this returns: look again.
 * `around`: a place above all wanted buckets, of a size worth reading as a whole; its buckets are kept even beyond the
 * cache's limit.
 */
export function* load(state: MapState, wanted: Wanted, around?: Place): Needs<void> {
  for (const place of wanted.subtrees) {
    const asked = state.generation;
    const answer = yield { kind: "range", ...state.keys.bucketsBelow(place.path, place.depth) };
    unlessChanged(state, asked, () => takeSubtree(state, place, answer, around !== undefined));
  }
  if (wanted.buckets.length === 0) return;
  const asked = state.generation;
  if (around !== undefined && wanted.buckets.length >= RANGE_FROM) {
    const answer = yield { kind: "range", ...state.keys.bucketsBelow(around.path, around.depth) };
    unlessChanged(state, asked, () => {
      for (const bucket of readBuckets(state, around, answer)) takeBucket(state, bucket, bucket.record);
    });
    return;
  }
  const answer = yield {
    kind: "get",
    keys: wanted.buckets.map(({ path, depth }) => state.keys.bucket(path, 0, depth)),
  };
  unlessChanged(state, asked, () => {
    for (const [i, place] of wanted.buckets.entries()) takeBucket(state, place, answer[i]);
  });
}

/** A bucket's record with its place. */
export interface StoredBucket extends Place {
  readonly record: Uint8Array;
  /** How many leaves it has. */
  readonly count: number;
}

function unlessChanged(state: MapState, asked: number, take: () => void): void {
  try {
    take();
  } catch (error) {
    if (state.generation === asked || !(error instanceof SparseMapError)) throw error;
  }
}

/** Puts a bucket into the cache where the trie wants one. */
function takeBucket(state: MapState, place: Place, record: Uint8Array | undefined): void {
  const { trie, hasher, buckets } = state;
  const node = state.nodeAt(place.path, place.depth);
  if (trie.kind[node] !== BUCKET || trie.left[node] !== 0) return;
  if (record === undefined) throw new SparseMapError("missing_record", `${nameOf(place)} is not stored`);
  const count = checkBucket(place, record);
  hasher.fold(record, 0, count, place.depth);
  const known = trie.hasDigest(node, hasher) && trie.right[node] === count;
  if (!known || trie.min[node] !== minIndex(record, 0, count) || trie.max[node] !== maxIndex(record, 0, count)) {
    throw new SparseMapError("bad_record", `${nameOf(place)} is not what the map has there`);
  }
  trie.left[node] = 1 + buckets.add(node, record, 0, count, -1);
}

/** Rebuilds a subtree from its buckets where the trie has it unloaded. */
function takeSubtree(state: MapState, place: Place, answer: ReadAnswer, keep: boolean): void {
  const { trie } = state;
  const node = state.nodeAt(place.path, place.depth);
  if (trie.kind[node] !== UNLOADED) return;
  const stored = readBuckets(state, place, answer);
  const built = rebuild(state, stored, 0, stored.length, place.depth, keep);
  if (built === 0 || !sameHash(state, node, built) || trie.max[built]! > trie.max[node]!) {
    state.release(built);
    throw new SparseMapError("bad_record", `the buckets below ${nameOf(place)} are not what the map has there`);
  }
  replace(state, place, built);
  trie.free(node);
  // A map of few leaves is one bucket, which may stand where a subtree could.
  if (trie.kind[built] === INNER) state.loaded.set(built, -1);
}

function sameHash(state: MapState, a: number, b: number): boolean {
  const { words } = state.trie;
  for (let i = 0; i < 8; i++) if (words[a * 8 + i] !== words[b * 8 + i]) return false;
  return true;
}

function replace(state: MapState, place: Place, node: number): void {
  const { trie } = state;
  if (place.depth === 0) {
    trie.root = node;
    return;
  }
  const above = place.depth - 1;
  const bit = (place.path[above >> 3]! >> (7 - (above & 7))) & 1;
  trie.setChild(state.nodeAt(place.path, above), bit, node);
}

/** The buckets of a range below `place`: well formed, disjoint, in the order of their paths. Throws `bad_record`. */
export function readBuckets(state: Pick<MapState, "keys">, place: Place, answer: ReadAnswer): StoredBucket[] {
  const stored: StoredBucket[] = [];
  for (let i = 0; i + 1 < answer.length; i += 2) {
    const parsed = state.keys.parseBucket(answer[i]!);
    if (parsed === undefined) throw new SparseMapError("bad_record", `a key below ${nameOf(place)} is no bucket's`);
    const before = stored.at(-1);
    const overlaps =
      before !== undefined && sharedBits(before.path, 0, parsed.path, 0) >= Math.min(before.depth, parsed.depth);
    if (overlaps || parsed.depth < place.depth) {
      throw new SparseMapError("bad_record", `${nameOf(parsed)} lies across another, or across ${nameOf(place)}`);
    }
    const record = answer[i + 1] ?? new Uint8Array(0);
    stored.push({ ...parsed, record, count: checkBucket(parsed, record) });
  }
  return stored;
}

function rebuild(
  state: MapState,
  stored: readonly StoredBucket[],
  from: number,
  to: number,
  depth: number,
  keep: boolean,
): number {
  if (from === to) return 0;
  const { trie, hasher } = state;
  const first = stored[from]!;
  if (to - from === 1 && first.depth === depth) return addBucket(state, first, keep);
  let middle = from;
  while (middle < to && ((stored[middle]!.path[depth >> 3]! >> (7 - (depth & 7))) & 1) === 0) middle++;
  const left = rebuild(state, stored, from, middle, depth + 1, keep);
  const right = rebuild(state, stored, middle, to, depth + 1, keep);
  const node = trie.add(INNER);
  trie.left[node] = left;
  trie.right[node] = right;
  trie.sumUp(node, hasher);
  return node;
}

function addBucket(state: MapState, stored: StoredBucket, keep: boolean): number {
  const { trie, hasher, buckets } = state;
  const { record, count } = stored;
  const node = trie.add(BUCKET);
  trie.right[node] = count;
  trie.min[node] = minIndex(record, 0, count);
  trie.max[node] = maxIndex(record, 0, count);
  hasher.fold(record, 0, count, stored.depth);
  trie.takeDigest(node, hasher);
  if (keep || !buckets.full) trie.left[node] = 1 + buckets.add(node, record, 0, count, -1);
  return node;
}

/** How many leaves the record has. Throws `bad_record` unless they are 1 to 8, sorted, different, and of this place. */
export function checkBucket(place: Place, record: Uint8Array): number {
  const count = record.length / LEAF_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > BUCKET_LEAVES) {
    throw new SparseMapError("bad_record", `${nameOf(place)} has ${record.length} bytes, wanted 1 to 8 times 70`);
  }
  for (let i = 0; i < count; i++) {
    if (sharedBits(record, i * LEAF_BYTES, place.path, 0) < place.depth) {
      throw new SparseMapError("bad_record", `leaf ${i} of ${nameOf(place)} lies elsewhere`);
    }
    if (i > 0 && comparePaths(record, (i - 1) * LEAF_BYTES, record, i * LEAF_BYTES) >= 0) {
      throw new SparseMapError("bad_record", `leaves ${i - 1} and ${i} of ${nameOf(place)} are not in order`);
    }
  }
  return count;
}

/** A place in words, for errors. */
export function nameOf({ path, depth }: Place): string {
  let bits = "";
  for (let d = 0; d < Math.min(depth, 64); d++) bits += (path[d >> 3]! >> (7 - (d & 7))) & 1;
  return `bucket or subtree ${depth === 0 ? "at the root" : bits} of depth ${depth}`;
}
