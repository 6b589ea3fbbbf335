/**
 * What a sparse map holds in memory, and how much of it stays.
 *
 * The part of the trie above the border is always here. Below it hang subtrees that are here as a whole or not at all;
 * buckets come and go one by one. Nothing written by a version that is not durable yet is ever dropped: the store could
 * not answer for it.
 */
import type { Crypto } from "@trustix/crypto";
import { BucketCache } from "./bucket-cache.ts";
import { MapKeys } from "./keys.ts";
import { MapHasher } from "./map-hashes.ts";
import { PageCache } from "./page-cache.ts";
import { PAGE_LEVELS } from "./pages.ts";
import { bitAt } from "./paths.ts";
import { BUCKET, INNER, NODE_BYTES, Trie, UNLOADED } from "./trie.ts";
import type { MapVersion } from "./version.ts";

export interface SparseMapOptions {
  /** Memory for buckets, 560 bytes each (about 100 an entry). Default 128 MiB. */
  readonly bucketCacheBytes?: number;
  /** Memory for the trie, about 25 bytes an entry; subtrees used longest ago are dropped. Default 256 MiB. */
  readonly trieBytes?: number;
  /** Memory for pages of older versions. Default 8 MiB. */
  readonly pageCacheBytes?: number;
  /** Leaves that a subtree below the border should have, about: the border is where so many are left. Default 1024. */
  readonly leavesPerSubtree?: number;
}

/** A node by its place. */
export interface Place {
  readonly path: Uint8Array;
  readonly depth: number;
}

export class MapState {
  readonly hasher: MapHasher;
  readonly keys: MapKeys;
  readonly trie: Trie = new Trie();
  readonly buckets: BucketCache;
  readonly pages: PageCache;
  /** Nodes that have a page, with the version that wrote it last. */
  readonly pageVersion = new Map<number, number>();
  /** Roots of loaded subtrees below the border, with the version that changed them last (-1: none since loaded). */
  readonly loaded = new Map<number, number>();
  /** Garbage records of versions not yet durable, by the version they belong to. */
  readonly garbage = new Map<number, { readonly list: Uint8Array; readonly version: number }>();
  readonly leavesPerSubtree: number;
  at: MapVersion | undefined;
  /** The newest version that the store has. */
  durable: number;
  /** Counts changes, so that what was asked before one is not taken for what stands after it. */
  generation = 0;
  /** While a batch gathers what it needs, nothing is dropped: it would gather for ever. */
  writing = false;
  readonly #nodeLimit: number;

  constructor(crypto: Crypto, prefix: Uint8Array, at: MapVersion | undefined, options: SparseMapOptions) {
    this.hasher = new MapHasher(crypto);
    this.keys = new MapKeys(prefix);
    this.buckets = new BucketCache(options.bucketCacheBytes ?? 128 * 2 ** 20);
    this.pages = new PageCache(options.pageCacheBytes ?? 8 * 2 ** 20);
    this.leavesPerSubtree = options.leavesPerSubtree ?? 1024;
    this.#nodeLimit = Math.floor((options.trieBytes ?? 256 * 2 ** 20) / NODE_BYTES);
    this.at = at;
    this.durable = at?.version ?? -1;
  }

  get trieFull(): boolean {
    return this.trie.used >= this.#nodeLimit;
  }

  /** The node at exactly this place, 0 when there is none. */
  nodeAt(path: Uint8Array, depth: number): number {
    const { trie } = this;
    let node = trie.root;
    for (let d = 0; d < depth; d++) {
      if (trie.kind[node] !== INNER) return 0;
      if (d % PAGE_LEVELS === 0) trie.recent[node] = 1;
      node = trie.child(node, bitAt(path, 0, d));
    }
    return node;
  }

  /** The slot of a bucket in the cache, -1 when it is not there. */
  slotOf(bucket: number): number {
    return this.trie.left[bucket]! - 1;
  }

  /** Brings memory back within its bounds. Called at the end of an operation, never in the middle of one. */
  trim(): void {
    if (this.writing) return;
    const { trie, buckets, loaded, durable } = this;
    this.pages.trim(durable);
    if (buckets.used > buckets.limit) buckets.trim(durable, (owner) => void (trie.left[owner] = 0));
    // Two rounds: the first may only find subtrees walked through lately.
    for (let steps = 2 * loaded.size; trie.used > this.#nodeLimit && steps > 0; steps--) {
      const next = loaded.entries().next().value;
      if (next === undefined) return;
      const [root, version] = next;
      loaded.delete(root);
      if (version > durable || trie.recent[root] === 1) {
        trie.recent[root] = 0;
        loaded.set(root, version);
      } else {
        this.#unload(root);
      }
    }
  }

  /** Frees a node with all below it. */
  release(node: number): void {
    const { trie } = this;
    if (node === 0) return;
    if (trie.kind[node] === INNER) {
      this.release(trie.left[node]!);
      this.release(trie.right[node]!);
    } else if (trie.kind[node] === BUCKET && trie.left[node] !== 0) {
      this.buckets.free(this.slotOf(node));
    }
    trie.free(node);
  }

  #unload(root: number): void {
    const { trie } = this;
    this.release(trie.left[root]!);
    this.release(trie.right[root]!);
    trie.kind[root] = UNLOADED;
    trie.left[root] = 0;
    trie.right[root] = 0;
  }
}
