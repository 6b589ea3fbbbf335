/** Brings the part of the trie above the border into memory: one request for each level of pages. */
import type { Needs } from "../needs.ts";
import { equalBytes } from "@trustix/crypto";
import { SparseMapError } from "./errors.ts";
import { EMPTY_MAP_ROOT } from "./map-hashes.ts";
import { PAGE_LEVELS, readPage, SLOT_BUCKET, SLOT_EMPTY, SLOT_INNER, SLOT_PAGE } from "./pages.ts";
import type { Page } from "./pages.ts";
import type { MapState, Place } from "./state.ts";
import { BUCKET, INNER, UNLOADED } from "./trie.ts";
import type { MapVersion } from "./version.ts";

interface PageToRead extends Place {
  readonly node: number;
  readonly version: number;
}

/** Fills an empty trie with what version `at` has above its border. Throws `missing_record` and `bad_record`. */
export function* openPages(state: MapState, at: MapVersion): Needs<void> {
  const { trie } = state;
  if (equalBytes(at.root, EMPTY_MAP_ROOT)) return;
  const root = trie.add(at.border === 0 ? UNLOADED : INNER);
  trie.root = root;
  trie.setHash(root, at.root, 0);
  trie.min[root] = 0;
  trie.max[root] = at.size - 1;
  if (at.border === 0) return;
  let level: PageToRead[] = [{ node: root, version: at.version, path: new Uint8Array(32), depth: 0 }];
  while (level.length > 0) {
    const keys = level.map(({ path, depth, version }) => state.keys.page(path, 0, depth, version));
    const records = yield { kind: "get", keys };
    const below: PageToRead[] = [];
    for (const [i, wanted] of level.entries()) {
      const record = records[i];
      const name = `the page of version ${wanted.version} at depth ${wanted.depth}`;
      if (record === undefined) throw new SparseMapError("missing_record", `${name} is not stored`);
      const page = readPage(record, state.hasher);
      if (!equalBytes(page.hash(1), trie.hash(wanted.node))) {
        throw new SparseMapError("bad_record", `${name} does not have the hash that stands above it`);
      }
      state.pages.add(keys[i]!, record, wanted.version);
      addPage(state, page, wanted, below);
    }
    level = below;
  }
}

function addPage(state: MapState, page: Page, wanted: PageToRead, below: PageToRead[]): void {
  const { trie } = state;
  const grow = (slot: number, node: number, path: Uint8Array, depth: number): void => {
    for (const bit of [0, 1]) {
      const next = 2 * slot + bit;
      const kind = page.kind[next]!;
      if (kind === SLOT_EMPTY) continue;
      const childPath = path.slice();
      if (bit === 1) childPath[depth >> 3]! |= 0x80 >> (depth & 7);
      const child = trie.add(
        kind === SLOT_BUCKET ? BUCKET : kind === SLOT_INNER || kind === SLOT_PAGE ? INNER : UNLOADED,
      );
      trie.setChild(node, bit, child);
      if (kind === SLOT_INNER) {
        grow(next, child, childPath, depth + 1);
        continue;
      }
      trie.setHash(child, page.hash(next), 0);
      trie.min[child] = page.min[next]!;
      trie.max[child] = page.max[next]!;
      if (kind === SLOT_BUCKET) trie.right[child] = page.count[next]!;
      if (kind === SLOT_PAGE)
        below.push({ node: child, version: page.version[next]!, path: childPath, depth: depth + 1 });
    }
    trie.sumUp(node, state.hasher);
  };
  state.pageVersion.set(wanted.node, wanted.version);
  grow(1, wanted.node, wanted.path, wanted.depth);
}

/** Depth of the border for a map of `size` leaves: the multiple of 3 nearest to where `leavesPerSubtree` are left. */
export function borderFor(size: number, leavesPerSubtree: number): number {
  if (size <= leavesPerSubtree) return 0;
  return PAGE_LEVELS * Math.round(Math.log2(size / leavesPerSubtree) / PAGE_LEVELS);
}
