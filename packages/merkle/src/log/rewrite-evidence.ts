/**
 * Showing that a log rewrote its history: nodes that verify under the larger root give another root for the smaller
 * size than the one the log once signed. Whoever has both signed heads and these nodes can check it alone.
 *
 * A consistency proof from a size that is a power of two leaves that tree's own root out, so it can show nothing about
 * it; its neighbour's proof holds that root as a node.
 */
import type { Crypto } from "@trustix/crypto";
import { equalBytes } from "@trustix/crypto";
import { LogProofError } from "./errors.ts";
import { HASH_BYTES, nodeHash } from "./hashes.ts";
import type { LeafRange } from "./ranges.ts";
import { consistencyRanges } from "./ranges.ts";

/** Which proof shows the root at `first`: the one from `asked` to `second`, with the hash of leaf 0 where needed. */
export interface RewriteDetour {
  readonly asked: number;
  readonly needsLeafZero: boolean;
}

/** For `0 < first < second`. */
export function rewriteDetour(first: number, second: number): RewriteDetour {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first <= 0 || first >= second) {
    throw new LogProofError("bad_range", `no tree of ${second} leaves grew from one of ${first}`);
  }
  if (first === 1 || (first === 2 && second === 3)) return { asked: 1, needsLeafZero: true };
  if (!Number.isInteger(Math.log2(first))) return { asked: first, needsLeafZero: false };
  return { asked: first + 1 < second ? first + 1 : first - 1, needsLeafZero: false };
}

/**
 * The root at `first` that these nodes prove under `secondRoot`; `undefined` if they do not lead to `secondRoot`, which
 * proves nothing about anybody. `proof` is the answer to `rewriteDetour`.
 */
export function rootShownBy(
  crypto: Crypto,
  input: {
    readonly first: number;
    readonly second: number;
    readonly secondRoot: Uint8Array;
    readonly proof: readonly Uint8Array[];
    readonly leafZero?: Uint8Array | undefined;
  },
): Uint8Array | undefined {
  const { first, second, secondRoot, proof, leafZero } = input;
  const { asked, needsLeafZero } = rewriteDetour(first, second);
  const { seed, rest } = consistencyRanges(asked, second);
  if (proof.length !== rest.length + (seed === undefined ? 0 : 1)) return undefined;
  if (proof.some((node) => node.length !== HASH_BYTES)) return undefined;
  const start = needsLeafZero ? leafZero : proof[0];
  if (start === undefined || start.length !== HASH_BYTES) return undefined;

  let covered: LeafRange = seed ?? { from: 0, to: asked };
  let newer = start;
  let older = start;
  let shown = isTree(covered, first) ? start : undefined;
  for (const [i, range] of rest.entries()) {
    const node = proof[seed === undefined ? i : i + 1]!;
    if (isTree(range, first)) shown = node;
    if (range.from >= covered.to) {
      newer = nodeHash(crypto, newer, node);
      covered = { from: covered.from, to: range.to };
    } else {
      newer = nodeHash(crypto, node, newer);
      older = nodeHash(crypto, node, older);
      covered = { from: range.from, to: covered.to };
    }
    if (isTree(covered, first)) shown = newer;
  }
  if (!equalBytes(newer, secondRoot)) return undefined;
  return asked === first ? older : shown;
}

function isTree(range: LeafRange, size: number): boolean {
  return range.from === 0 && range.to === size;
}
