/**
 * RFC 6962 as geometry: which ranges of leaves a root, an audit path and a consistency proof are made of. Provers and
 * verifiers read the same lists, so they cannot disagree on length or order. No hashing here.
 */
import type { Subtree } from "./tiles.ts";

/** Leaves `from <= i < to`, a node of the tree: `from` is a multiple of the next power of two. */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

/** The largest power of two below `count`; `count` is at least 2. */
function splitPoint(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

/** Siblings of leaf `index` in a tree of `size` leaves, from the leaf upwards (RFC 6962 section 2.1.1). */
export function auditRanges(index: number, size: number): LeafRange[] {
  const downwards: LeafRange[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + splitPoint(to - from);
    if (index < middle) {
      downwards.push({ from: middle, to });
      to = middle;
    } else {
      downwards.push({ from, to: middle });
      from = middle;
    }
  }
  return downwards.reverse();
}

/**
 * What a consistency proof from `first` to `second` is made of, in its order (RFC 6962 section 2.1.2), for
 * `0 < first < second`. `seed` is the node both roots grow from: the first node of the proof, or the whole first tree
 * (then the proof leaves it out, because the verifier has its root).
 */
export function consistencyRanges(first: number, second: number): { seed: LeafRange | undefined; rest: LeafRange[] } {
  const downwards: LeafRange[] = [];
  let from = 0;
  let to = second;
  while (to !== first) {
    const middle = from + splitPoint(to - from);
    if (first <= middle) {
      downwards.push({ from: middle, to });
      to = middle;
    } else {
      downwards.push({ from, to: middle });
      from = middle;
    }
  }
  return { seed: from === 0 ? undefined : { from, to }, rest: downwards.reverse() };
}

/** The complete subtrees that make up a node, left to right: one for each bit of its number of leaves. */
export function subtreesOf(range: LeafRange): Subtree[] {
  const subtrees: Subtree[] = [];
  let from = range.from;
  let left = range.to - range.from;
  while (left > 0) {
    let height = 0;
    let leaves = 1;
    while (leaves * 2 <= left) {
      leaves *= 2;
      height++;
    }
    subtrees.push({ height, index: from / leaves });
    from += leaves;
    left -= leaves;
  }
  return subtrees;
}
