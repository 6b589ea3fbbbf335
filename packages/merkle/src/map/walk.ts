/** Ways through the trie that are not an operation of their own. */
import { PAGE_LEVELS } from "./pages.ts";
import { bitAt } from "./paths.ts";
import type { Place } from "./state.ts";
import { INNER, UNLOADED } from "./trie.ts";
import type { Trie } from "./trie.ts";

/** The first node on the path that is not inner: a bucket, an unloaded subtree, or 0. */
export function placeOfBucket(trie: Trie, path: Uint8Array): { node: number; depth: number } {
  let node = trie.root;
  let depth = 0;
  while (trie.kind[node] === INNER) {
    if (depth % PAGE_LEVELS === 0) trie.recent[node] = 1;
    node = trie.child(node, bitAt(path, 0, depth));
    depth++;
  }
  return { node, depth };
}

/** The subtrees that are not in memory, in the order of their paths. */
export function unloadedPlaces(trie: Trie): Place[] {
  const places: Place[] = [];
  const cursor = new Uint8Array(32);
  const walk = (node: number, depth: number): void => {
    if (trie.kind[node] === UNLOADED) places.push({ path: cursor.slice(), depth });
    if (trie.kind[node] !== INNER) return;
    const mask = 0x80 >> (depth & 7);
    walk(trie.left[node]!, depth + 1);
    cursor[depth >> 3]! |= mask;
    walk(trie.right[node]!, depth + 1);
    cursor[depth >> 3]! &= ~mask;
  };
  walk(trie.root, 0);
  return places;
}
