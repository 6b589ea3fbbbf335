/**
 * The sparse map as the specification says it, slowly: the root and the proofs of a set of leaves, recomputed from
 * nothing each time. Knows nothing of buckets, pages, versions or reads.
 */
import type { Crypto } from "@trustix/crypto";
import { concatBytes } from "@trustix/crypto";

export interface ReferenceLeaf {
  readonly path: Uint8Array;
  readonly valueHash: Uint8Array;
}

const ZERO = new Uint8Array(32);

export class ReferenceMap {
  readonly #crypto: Crypto;
  readonly #leaves = new Map<string, ReferenceLeaf>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** Inserts or updates: the golden data has updates, our map refuses them. */
  set(leaf: ReferenceLeaf): void {
    this.#leaves.set(Buffer.from(leaf.path).toString("hex"), leaf);
  }

  remove(path: Uint8Array): void {
    this.#leaves.delete(Buffer.from(path).toString("hex"));
  }

  root(): Uint8Array {
    return this.#subtree([...this.#leaves.values()], 0);
  }

  /** Siblings from the leaf upwards, and the leaf that stands at the end of the path, if any. */
  prove(path: Uint8Array): { sides: Uint8Array[]; end: ReferenceLeaf | undefined } {
    const sides: Uint8Array[] = [];
    let leaves = [...this.#leaves.values()];
    for (let depth = 0; leaves.length > 1; depth++) {
      const same = leaves.filter((leaf) => bit(leaf.path, depth) === bit(path, depth));
      const other = leaves.filter((leaf) => bit(leaf.path, depth) !== bit(path, depth));
      sides.unshift(this.#subtree(other, depth + 1));
      leaves = same;
    }
    return { sides, end: leaves[0] };
  }

  #subtree(leaves: readonly ReferenceLeaf[], depth: number): Uint8Array {
    if (leaves.length === 0) return ZERO;
    const [only] = leaves;
    if (leaves.length === 1) return this.#crypto.sha256(concatBytes(Uint8Array.of(0), only!.path, only!.valueHash));
    const left = this.#subtree(
      leaves.filter((leaf) => bit(leaf.path, depth) === 0),
      depth + 1,
    );
    const right = this.#subtree(
      leaves.filter((leaf) => bit(leaf.path, depth) === 1),
      depth + 1,
    );
    return this.#crypto.sha256(concatBytes(Uint8Array.of(1), left, right));
  }
}

function bit(path: Uint8Array, depth: number): number {
  return (path[depth >> 3]! >> (7 - (depth & 7))) & 1;
}
