/** RFC 6962 section 2.1, word for word and slow: what the tiled tree is compared with. */
import { createHash } from "node:crypto";

type Leaves = readonly Uint8Array[];

const sha256 = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

const ONE = Uint8Array.of(1);

/** MTH, over leaf hashes. */
export function mth(leaves: Leaves): Uint8Array {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  const k = split(leaves.length);
  return sha256(ONE, mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

/** PATH(m, D[n]). */
export function path(m: number, leaves: Leaves): Uint8Array[] {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  if (m < k) return [...path(m, leaves.slice(0, k)), mth(leaves.slice(k))];
  return [...path(m - k, leaves.slice(k)), mth(leaves.slice(0, k))];
}

/** PROOF(m, D[n]). */
export function proof(m: number, leaves: Leaves): Uint8Array[] {
  return subproof(m, leaves, true);
}

function subproof(m: number, leaves: Leaves, whole: boolean): Uint8Array[] {
  if (m === leaves.length) return whole ? [] : [mth(leaves)];
  const k = split(leaves.length);
  if (m <= k) return [...subproof(m, leaves.slice(0, k), whole), mth(leaves.slice(k))];
  return [...subproof(m - k, leaves.slice(k), false), mth(leaves.slice(0, k))];
}

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** The same functions remembering subtree hashes, so that all pairs of 300 sizes take seconds. */
export function memoised(leaves: Leaves): {
  root(n: number): Uint8Array;
  path(m: number, n: number): Uint8Array[];
  proof(m: number, n: number): Uint8Array[];
} {
  const known = new Map<string, Uint8Array>();
  const hash = (from: number, to: number): Uint8Array => {
    const id = `${from}-${to}`;
    let value = known.get(id);
    if (value === undefined) {
      if (to - from === 0) value = sha256();
      else if (to - from === 1) value = leaves[from]!;
      else value = sha256(ONE, hash(from, from + split(to - from)), hash(from + split(to - from), to));
      known.set(id, value);
    }
    return value;
  };
  const pathIn = (m: number, from: number, to: number): Uint8Array[] => {
    if (to - from === 1) return [];
    const k = from + split(to - from);
    return m < k ? [...pathIn(m, from, k), hash(k, to)] : [...pathIn(m, k, to), hash(from, k)];
  };
  const proofIn = (m: number, from: number, to: number, whole: boolean): Uint8Array[] => {
    if (m === to) return whole ? [] : [hash(from, to)];
    const k = from + split(to - from);
    return m <= k ? [...proofIn(m, from, k, whole), hash(k, to)] : [...proofIn(m, k, to, false), hash(from, k)];
  };
  return {
    root: (n) => hash(0, n),
    path: (m, n) => pathIn(m, 0, n),
    proof: (m, n) => proofIn(m, 0, n, true),
  };
}
