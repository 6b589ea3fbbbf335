/**
 * The sparse map: 256-bit paths, one leaf each. The root depends on the leaves only, never on their order or batches.
 *
 * One object is one writer's map; proofs may be made by the same object at the same time. Steps:
 * - `apply` changes the memory and returns the records of the new version, to be written in one batch. The next `apply`
 *   may follow while that batch is under way; until `committed` says it is durable, what it wrote is served from memory.
 * - If a batch fails, drop the object and open the map again at the last durable head.
 * - Versions before the current one are provable until `retire` deletes what only they need.
 *
 * Operations are generators (`Needs`): `apply`s must not overlap, everything else may be suspended and resumed in any
 * order.
 *
 * @example
 * const map = drive(SparseMap.open(crypto, prefix, undefined), answer);
 * const { changes, at } = drive(map.apply([{ path, leafHash: mapLeafHash(crypto, path, valueHash), index: 0 }], 1), answer);
 * // write `changes`, then:
 * map.committed(at.version);
 * const found = drive(map.prove(path, at), answer);
 * if (found.kind === "present") verifyPresence(crypto, at.root, path, valueHash, found.proof);
 */
import type { Crypto } from "@trustix/crypto";
import type { Needs, RecordChange } from "../needs.ts";
import { emptyVersion, gather, insert } from "./apply.ts";
import type { Applied } from "./apply.ts";
import { SparseMapError } from "./errors.ts";
import { retirePages } from "./garbage.ts";
import { findLeaf, indexAt, LEAF_BYTES, MAX_INDEX } from "./leaves.ts";
import type { MapLeaf } from "./leaves.ts";
import { load, Wanted } from "./load.ts";
import { openPages } from "./open-pages.ts";
import { PATH_BYTES } from "./paths.ts";
import { provePath } from "./prove.ts";
import type { MapAnswer } from "./prove.ts";
import { sortLeaves } from "./sort-leaves.ts";
import { MapState } from "./state.ts";
import type { Place, SparseMapOptions } from "./state.ts";
import { BUCKET, UNLOADED } from "./trie.ts";
import type { MapVersion } from "./version.ts";
import { unloadedPlaces, placeOfBucket } from "./walk.ts";

export class SparseMap {
  readonly #state: MapState;
  #toWarm: Place[] | undefined;

  private constructor(state: MapState) {
    this.#state = state;
  }

  /**
   * The map below `prefix` at a durable version; `undefined`: a map that has none yet. Reads the pages above the border.
   * Throws `missing_record` and `bad_record`.
   */
  static *open(
    crypto: Crypto,
    prefix: Uint8Array,
    at: MapVersion | undefined,
    options: SparseMapOptions = {},
  ): Needs<SparseMap> {
    const state = new MapState(crypto, prefix, at, options);
    if (at !== undefined) yield* openPages(state, at);
    return new SparseMap(state);
  }

  /** The version in memory: the last applied, durable or not. `undefined` before the first. */
  get at(): MapVersion | undefined {
    return this.#state.at;
  }

  /** The log index of the leaf at each path, `undefined` where there is none, under the version in memory. */
  *locate(paths: readonly Uint8Array[]): Needs<(number | undefined)[]> {
    const state = this.#state;
    for (const path of paths) {
      if (path.length !== PATH_BYTES)
        throw new SparseMapError("bad_argument", `a path has 32 bytes, got ${path.length}`);
    }
    for (;;) {
      const wanted = new Wanted();
      const asked = new Set<number>();
      const found = paths.map((path) => this.#locate(path, wanted, asked));
      if (!wanted.any) {
        state.trim();
        return found;
      }
      yield* load(state, wanted);
    }
  }

  /**
   * Adds leaves in one pass. `version` is larger than any before; indices are not below the size before. No leaves:
   * nothing changes, and `at` stays what it was. Throws `bad_argument` and `path_exists`, and has changed nothing then.
   */
  *apply(leaves: readonly MapLeaf[], version: number): Needs<Applied> {
    const state = this.#state;
    const before = state.at;
    if (!Number.isSafeInteger(version) || version <= (before?.version ?? -1) || version >= MAX_INDEX) {
      const wanted = before === undefined ? "wanted 0 to 2^48 - 1" : `wanted more than ${before.version}`;
      throw new SparseMapError("bad_argument", `version ${version} of the map, ${wanted}`);
    }
    if (leaves.length === 0) {
      state.at = before ?? emptyVersion(version);
      return { changes: [], at: state.at };
    }
    const batch = sortLeaves(leaves, before?.size ?? 0);
    if (state.writing) throw new SparseMapError("bad_argument", "another batch is being applied");
    state.writing = true;
    try {
      yield* gather(state, batch);
      return insert(state, batch, version);
    } finally {
      state.writing = false;
      state.trim();
    }
  }

  /** The batches of this version and all before it are durable: the store answers for them from now on. */
  committed(version: number): void {
    const state = this.#state;
    state.durable = Math.max(state.durable, version);
    for (const [of, { version }] of state.garbage) if (version <= state.durable) state.garbage.delete(of);
    state.trim();
  }

  /**
   * What stands at `path` under a version that is retained, with its proof. Throws `version_gone` for one that was
   * retired, `bad_argument` for one that is yet to come.
   */
  prove(path: Uint8Array, at: MapVersion): Needs<MapAnswer> {
    return provePath(this.#state, path, at);
  }

  /**
   * The changes that delete what only these versions need. They are the oldest retained ones, all of them up to the last,
   * and none is the current one. To be written no earlier than the batch that made the next version.
   */
  retire(versions: readonly number[]): Needs<RecordChange[]> {
    return retirePages(this.#state, versions);
  }

  /**
   * Loads one more subtree that is not in memory, while there is room; returns how many are left to load. Call until it
   * is 0, with pauses for other work: the first proofs and batches after a start are faster for it.
   */
  *warm(): Needs<number> {
    const state = this.#state;
    this.#toWarm ??= unloadedPlaces(state.trie).reverse();
    const place = this.#toWarm.pop();
    const wanted = new Wanted();
    if (place !== undefined && state.trie.kind[state.nodeAt(place.path, place.depth)] === UNLOADED) {
      wanted.subtrees.push(place);
    }
    if (wanted.any && !state.trieFull) yield* load(state, wanted);
    // What is loaded beyond the limit drives out what was loaded before.
    if (state.trieFull || !this.#toWarm?.length) this.#toWarm = undefined;
    state.trim();
    return this.#toWarm?.length ?? 0;
  }

  #locate(path: Uint8Array, wanted: Wanted, asked: Set<number>): number | undefined {
    const state = this.#state;
    const { trie, buckets } = state;
    const { node, depth } = placeOfBucket(trie, path);
    if (node === 0) return undefined;
    const slot = state.slotOf(node);
    if (trie.kind[node] === BUCKET && slot >= 0) {
      buckets.touch(slot);
      const at = findLeaf(buckets.bytes(slot), buckets.offset(slot), buckets.count(slot), path, 0);
      return at < 0 ? undefined : indexAt(buckets.bytes(slot), buckets.offset(slot) + at * LEAF_BYTES);
    }
    if (!asked.has(node)) {
      asked.add(node);
      (trie.kind[node] === UNLOADED ? wanted.subtrees : wanted.buckets).push({ path, depth });
    }
    return undefined;
  }
}
