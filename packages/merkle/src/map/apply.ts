/**
 * A batch of leaves into the trie in one pass, in the order of their paths: what two leaves share above them is hashed
 * and written once. Yields the records of the new version.
 *
 * Everything that can be refused is refused before the first change.
 */
import type { Needs, RecordChange } from "../needs.ts";
import { Arena } from "./arena.ts";
import { SparseMapError } from "./errors.ts";
import { encodeGarbage } from "./garbage.ts";
import type { Allocate } from "./keys.ts";
import { BUCKET_LEAVES, findLeaf, indexAt, LEAF_BYTES, maxIndex, minIndex } from "./leaves.ts";
import { load, Wanted } from "./load.ts";
import { EMPTY_MAP_ROOT } from "./map-hashes.ts";
import { borderFor } from "./open-pages.ts";
import { PAGE_LEVELS, PageWriter, SLOT_BUCKET, SLOT_EMPTY, SLOT_INNER, SLOT_PAGE, SLOT_SUBTREE } from "./pages.ts";
import { bitAt, comparePaths, PATH_BYTES } from "./paths.ts";
import type { MapState } from "./state.ts";
import { BUCKET, EMPTY, INNER, UNLOADED } from "./trie.ts";
import type { MapVersion } from "./version.ts";

export interface Applied {
  /** To be written in one batch, together with the head that names `at`. */
  readonly changes: RecordChange[];
  readonly at: MapVersion;
}

/** Brings what the sorted batch touches into memory. Throws `path_exists` for a path that is there already. */
export function* gather(state: MapState, batch: Uint8Array): Needs<void> {
  for (;;) {
    const wanted = new Wanted();
    scan(state, state.trie.root, 0, batch, 0, batch.length / LEAF_BYTES, wanted);
    if (!wanted.any) return;
    yield* load(state, wanted);
  }
}

function scan(
  state: MapState,
  node: number,
  depth: number,
  batch: Uint8Array,
  from: number,
  to: number,
  wanted: Wanted,
): void {
  if (from === to || node === EMPTY) return;
  const { trie, buckets } = state;
  const kind = trie.kind[node]!;
  if (kind === INNER) {
    const middle = firstRight(batch, from, to, depth);
    scan(state, trie.left[node]!, depth + 1, batch, from, middle, wanted);
    scan(state, trie.right[node]!, depth + 1, batch, middle, to, wanted);
    return;
  }
  const slot = state.slotOf(node);
  if (kind === UNLOADED || slot < 0) {
    const at = from * LEAF_BYTES;
    (kind === UNLOADED ? wanted.subtrees : wanted.buckets).push({ path: batch.slice(at, at + PATH_BYTES), depth });
    return;
  }
  for (let i = from; i < to; i++) {
    const known = findLeaf(buckets.bytes(slot), buckets.offset(slot), buckets.count(slot), batch, i * LEAF_BYTES);
    if (known < 0) continue;
    const index = indexAt(buckets.bytes(slot), buckets.offset(slot) + known * LEAF_BYTES);
    const text = `the map has a leaf for this path (log index ${index}); a key is written once`;
    throw new SparseMapError("path_exists", text);
  }
}

/** The first leaf of `from..to`, sorted and alike in `depth` bits, whose next bit is 1. */
function firstRight(batch: Uint8Array, from: number, to: number, depth: number): number {
  while (from < to) {
    const middle = (from + to) >> 1;
    if (bitAt(batch, middle * LEAF_BYTES, depth) === 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Puts a gathered batch in. Cannot fail: all it needs is in memory. */
export function insert(state: MapState, batch: Uint8Array, version: number): Applied {
  const before = state.at;
  const size = 1 + maxIndex(batch, 0, batch.length / LEAF_BYTES);
  const border = Math.max(before?.border ?? 0, borderFor(size, state.leavesPerSubtree));
  const inserter = new Inserter(state, version, border);
  const { trie } = state;
  trie.root = inserter.insert(trie.root, 0, batch, 0, batch.length / LEAF_BYTES);
  const paged = state.pageVersion.has(trie.root);
  if (!paged && trie.kind[trie.root] === INNER) state.loaded.set(trie.root, version);
  const at: MapVersion = { root: trie.hash(trie.root), size, version, border: paged ? border : 0 };
  if (before !== undefined && inserter.replaced.length > 0) {
    const list = encodeGarbage(state.keys, inserter.replaced);
    state.garbage.set(before.version, { list, version });
    inserter.changes.push([state.keys.garbage(before.version), list]);
  }
  state.at = at;
  state.generation++;
  return { changes: inserter.changes, at };
}

/** The version of a map without leaves. */
export function emptyVersion(version: number): MapVersion {
  return { root: EMPTY_MAP_ROOT.slice(), size: 0, version, border: 0 };
}

class Inserter {
  readonly changes: RecordChange[] = [];
  /** Keys of the pages that this version's replace. */
  readonly replaced: Uint8Array[] = [];
  readonly #state: MapState;
  readonly #version: number;
  readonly #border: number;
  readonly #alloc: Allocate;
  readonly #writer = new PageWriter();
  readonly #merged = new Uint8Array(BUCKET_LEAVES * LEAF_BYTES);

  constructor(state: MapState, version: number, border: number) {
    this.#state = state;
    this.#version = version;
    this.#border = border;
    const arena = new Arena();
    this.#alloc = (bytes) => arena.take(bytes);
  }

  /** Leaves `from..to` below `node`, which stands at `depth`; returns the node that stands there now. */
  insert(node: number, depth: number, batch: Uint8Array, from: number, to: number): number {
    const { trie, hasher } = this.#state;
    if (node === EMPTY) return this.#build(batch, from, to, depth);
    if (trie.kind[node] === BUCKET) return this.#intoBucket(node, depth, batch, from, to);
    const middle = firstRight(batch, from, to, depth);
    if (middle > from) {
      const left = this.insert(trie.left[node]!, depth + 1, batch, from, middle);
      trie.left[node] = left;
    }
    if (to > middle) {
      const right = this.insert(trie.right[node]!, depth + 1, batch, middle, to);
      trie.right[node] = right;
    }
    trie.sumUp(node, hasher);
    if (depth % PAGE_LEVELS === 0) this.#closeLevel(node, depth, batch, from);
    return node;
  }

  /** A subtree of these leaves alone. */
  #build(leaves: Uint8Array, from: number, to: number, depth: number): number {
    if (from === to) return EMPTY;
    const { trie, hasher, buckets } = this.#state;
    const count = to - from;
    if (count <= BUCKET_LEAVES) {
      const node = trie.add(BUCKET);
      trie.left[node] = 1 + buckets.add(node, leaves, from * LEAF_BYTES, count, this.#version);
      this.#closeBucket(node, depth, leaves, from * LEAF_BYTES, count);
      return node;
    }
    const middle = firstRight(leaves, from, to, depth);
    const left = this.#build(leaves, from, middle, depth + 1);
    const right = this.#build(leaves, middle, to, depth + 1);
    const node = trie.add(INNER);
    trie.left[node] = left;
    trie.right[node] = right;
    trie.sumUp(node, hasher);
    if (depth % PAGE_LEVELS === 0) this.#closeLevel(node, depth, leaves, from);
    return node;
  }

  #intoBucket(node: number, depth: number, batch: Uint8Array, from: number, to: number): number {
    const { trie, buckets, keys } = this.#state;
    const slot = this.#state.slotOf(node);
    const stored = buckets.bytes(slot);
    const offset = buckets.offset(slot);
    const held = buckets.count(slot);
    const count = held + to - from;
    const merged = count <= BUCKET_LEAVES ? this.#merged : new Uint8Array(count * LEAF_BYTES);
    merge(stored, offset, held, batch, from, to, merged);
    if (count > BUCKET_LEAVES) {
      this.changes.push([keys.bucket(merged, 0, depth, this.#alloc), undefined]);
      buckets.free(slot);
      trie.free(node);
      return this.#build(merged, 0, count, depth);
    }
    stored.set(merged.subarray(0, count * LEAF_BYTES), offset);
    buckets.changed(slot, count, this.#version);
    this.#closeBucket(node, depth, merged, 0, count);
    return node;
  }

  #closeBucket(node: number, depth: number, leaves: Uint8Array, offset: number, count: number): void {
    const { trie, hasher, keys } = this.#state;
    trie.right[node] = count;
    trie.min[node] = minIndex(leaves, offset, count);
    trie.max[node] = maxIndex(leaves, offset, count);
    hasher.fold(leaves, offset, count, depth);
    trie.takeDigest(node, hasher);
    const record = this.#alloc(count * LEAF_BYTES);
    record.set(leaves.subarray(offset, offset + count * LEAF_BYTES));
    this.changes.push([keys.bucket(leaves, offset, depth, this.#alloc), record]);
  }

  /** An inner node at a depth where pages begin: writes its page, or notes that the subtree changed. */
  #closeLevel(node: number, depth: number, leaves: Uint8Array, from: number): void {
    const { trie, loaded, pageVersion, keys, pages } = this.#state;
    trie.recent[node] = 1;
    if (depth >= this.#border) {
      if (loaded.has(node)) loaded.set(node, this.#version);
      return;
    }
    const offset = from * LEAF_BYTES;
    const older = pageVersion.get(node);
    if (older !== undefined) this.replaced.push(keys.page(leaves, offset, depth, older));
    loaded.delete(node);
    pageVersion.set(node, this.#version);
    this.#writeSlots(node, 0);
    const key = keys.page(leaves, offset, depth, this.#version, this.#alloc);
    const record = this.#writer.done(this.#alloc);
    pages.add(key, record, this.#version);
    this.changes.push([key, record]);
  }

  #writeSlots(node: number, level: number): void {
    const { trie, loaded, pageVersion } = this.#state;
    const writer = this.#writer;
    const kind = trie.kind[node]!;
    if (kind === EMPTY) return writer.u8(SLOT_EMPTY);
    if (kind === BUCKET) {
      writer.slot(SLOT_BUCKET, trie, node);
      return writer.u8(trie.right[node]!);
    }
    if (level < PAGE_LEVELS) {
      writer.u8(SLOT_INNER);
      this.#writeSlots(trie.left[node]!, level + 1);
      this.#writeSlots(trie.right[node]!, level + 1);
      return;
    }
    const page = pageVersion.get(node);
    if (page === undefined) {
      writer.slot(SLOT_SUBTREE, trie, node);
      if (kind === INNER && !loaded.has(node)) loaded.set(node, this.#version);
    } else {
      writer.slot(SLOT_PAGE, trie, node);
      writer.u48(page);
    }
  }
}

/** Merges sorted leaves of a bucket with leaves `from..to` of the batch. */
function merge(
  held: Uint8Array,
  offset: number,
  count: number,
  batch: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
): void {
  let at = 0;
  let next = 0;
  for (let i = from; i < to; i++) {
    const first = next;
    while (next < count && comparePaths(held, offset + next * LEAF_BYTES, batch, i * LEAF_BYTES) < 0) next++;
    out.set(held.subarray(offset + first * LEAF_BYTES, offset + next * LEAF_BYTES), at);
    at += (next - first) * LEAF_BYTES;
    out.set(batch.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES), at);
    at += LEAF_BYTES;
  }
  out.set(held.subarray(offset + next * LEAF_BYTES, offset + count * LEAF_BYTES), at);
}
