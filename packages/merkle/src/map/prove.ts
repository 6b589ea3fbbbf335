/**
 * Proofs under any retained version.
 *
 * Under the current version everything stands in memory, but for a bucket. Under an older one, the pages of that version
 * say what stood above the border, and below it today's trie is read as it was then. Such a proof is folded up to the
 * old root before it leaves, so a damaged store gives an error and never a wrong proof.
 *
 * Pages never change. The rest may while a request is under way, so each try starts anew from today's trie.
 */
import type { Crypto } from "@trustix/crypto";
import { equalBytes } from "@trustix/crypto";
import type { Needs } from "../needs.ts";
import { SparseMapError } from "./errors.ts";
import { LEAF_BYTES, unpackLeaf } from "./leaves.ts";
import type { MapLeaf } from "./leaves.ts";
import { load, Wanted } from "./load.ts";
import { EMPTY_MAP_ROOT, HASH_BYTES, type MapHasher, mapLeafData } from "./map-hashes.ts";
import { MANY, NONE, OlderView, ONE } from "./older-view.ts";
import type { LoneBucket, Population } from "./older-view.ts";
import { PAGE_LEVELS, readPage, SLOT_EMPTY, SLOT_INNER, SLOT_PAGE } from "./pages.ts";
import { bitAt, PATH_BYTES, sharedBits } from "./paths.ts";
import type { MapState } from "./state.ts";
import { BUCKET, INNER, UNLOADED } from "./trie.ts";
import type { MapProof } from "./verify.ts";
import type { MapVersion } from "./version.ts";

/** What the map has at a path under one version, with all that the map itself knows of the proof. */
export type MapAnswer =
  /** The key is there; `index` says where its entry stands in the log. */
  | { readonly kind: "present"; readonly proof: MapProof; readonly index: number; readonly leafHash: Uint8Array }
  /** The key is absent, and nothing stands in its place. */
  | { readonly kind: "absent"; readonly proof: MapProof }
  /**
   * The key is absent, and `other` stands in its place. A proof names that leaf's value hash, which the map does not
   * hold: `absenceBeside` makes the proof once the caller has it from the log entry at `other.index`.
   */
  | { readonly kind: "beside"; readonly other: MapLeaf; readonly unfinished: MapProof };

/** The proof of absence beside `other`. `valueHash`: SHA-256 of that leaf's map entry. Throws `bad_argument` for another. */
export function absenceBeside(
  crypto: Crypto,
  answer: Extract<MapAnswer, { kind: "beside" }>,
  valueHash: Uint8Array,
): MapProof {
  const data = mapLeafData(answer.other.path, valueHash);
  if (valueHash.length !== HASH_BYTES || !equalBytes(crypto.sha256(data), answer.other.leafHash)) {
    throw new SparseMapError(
      "bad_argument",
      `this value hash is not that of the leaf with index ${answer.other.index}`,
    );
  }
  return { ...answer.unfinished, nonMembershipLeafData: data };
}

/** A node beside the path. */
interface Side {
  /** `undefined`: empty. */
  readonly hash: Uint8Array | undefined;
  readonly population: Population;
  readonly lone: LoneBucket | undefined;
}

/** Where today's trie takes over, and what stood beside the path above it. */
interface Start {
  readonly depth: number;
  /** The path ends in nothing there. */
  readonly empty: boolean;
  readonly sides: readonly Side[];
}

interface End {
  readonly sides: readonly Side[];
  readonly leaf: MapLeaf | undefined;
}

const AT_THE_ROOT: Start = { depth: 0, empty: false, sides: [] };

export function* provePath(state: MapState, path: Uint8Array, at: MapVersion): Needs<MapAnswer> {
  if (path.length !== PATH_BYTES) {
    throw new SparseMapError("bad_argument", `a path has 32 bytes, got ${path.length}`);
  }
  const current = state.at;
  if (current === undefined || at.version > current.version) {
    throw new SparseMapError("bad_argument", `the map is at version ${current?.version}, not yet at ${at.version}`);
  }
  if (at.size === 0) return answerOf(path, { sides: [], leaf: undefined });
  let start: Start | undefined;
  for (;;) {
    const older = at.version !== state.at?.version;
    if (older && start === undefined) start = yield* throughPages(state, path, at);
    const from = start ?? AT_THE_ROOT;
    const wanted = new Wanted();
    const end = from.empty ? { sides: from.sides, leaf: undefined } : descend(state, path, from, at.size, wanted);
    if (end !== undefined) {
      state.trim();
      if (older) checkRoot(state.hasher, path, end, at);
      return answerOf(path, end);
    }
    yield* load(state, wanted, { path, depth: from.depth });
  }
}

/** Down the pages of an older version. Requests one page a step: each names the version of the next. */
function* throughPages(state: MapState, path: Uint8Array, at: MapVersion): Needs<Start> {
  const sides: Side[] = [];
  let version = at.version;
  let wanted = at.root;
  for (let depth = 0; depth < at.border;) {
    const key = state.keys.page(path, 0, depth, version);
    const record = state.pages.get(key) ?? (yield { kind: "get", keys: [key] })[0];
    if (record === undefined) {
      throw new SparseMapError("version_gone", `version ${at.version} of the map is not kept any more`);
    }
    const page = readPage(record, state.hasher);
    if (!equalBytes(page.hash(1), wanted)) {
      throw new SparseMapError("bad_record", `a page of version ${version} does not hash to what stands above it`);
    }
    state.pages.add(key, record, version);
    let node = 1;
    for (let level = 0; level < PAGE_LEVELS && page.kind[node] === SLOT_INNER; level++) {
      const next = 2 * node + bitAt(path, 0, depth++);
      const beside = next ^ 1;
      const empty = page.kind[beside] === SLOT_EMPTY;
      // Two leaves are enough to know: a node with pages above it stands beside others, so nothing ends here.
      sides.push({ hash: empty ? undefined : page.hash(beside), population: empty ? NONE : MANY, lone: undefined });
      node = next;
    }
    if (page.kind[node] === SLOT_EMPTY) return { depth, empty: true, sides };
    if (page.kind[node] !== SLOT_PAGE) return { depth, empty: false, sides };
    version = page.version[node]!;
    wanted = page.hash(node);
  }
  return { depth: sides.length, empty: false, sides };
}

/** From the start down to where the path ends. `undefined`: see `wanted`. */
function descend(state: MapState, path: Uint8Array, from: Start, size: number, wanted: Wanted): End | undefined {
  const { trie, hasher } = state;
  const view = new OlderView(state, size, path, wanted);
  const sides: Side[] = [...from.sides];
  let depth = from.depth;
  let node = state.nodeAt(path, depth);
  while (trie.kind[node] === INNER) {
    if (depth % PAGE_LEVELS === 0) trie.recent[node] = 1;
    const bit = bitAt(path, 0, depth++);
    const population = view.sibling(trie.child(node, 1 - bit), depth);
    const lone = population === ONE ? view.lone : undefined;
    sides.push({ hash: population === NONE ? undefined : hasher.digest.slice(), population, lone });
    node = trie.child(node, bit);
  }
  let leaves = new Uint8Array(0);
  if (trie.kind[node] === UNLOADED) wanted.subtrees.push({ path, depth });
  else if (trie.kind[node] === BUCKET && state.slotOf(node) < 0) wanted.buckets.push({ path, depth });
  else if (trie.kind[node] === BUCKET) leaves = new Uint8Array(view.leavesOf(node));
  if (wanted.any) return undefined;

  leaves = intoBucket(hasher, leaves, path, depth, sides);
  let leaf = leaves.length === 0 ? undefined : unpackLeaf(leaves, 0);
  // A subtree of one leaf is that leaf: the path ends where the second leaf joins, or one level below nothing but others.
  while (sides.length > from.depth) {
    const side = sides.at(-1)!;
    if (side.population === MANY || (side.population === ONE && leaf !== undefined)) break;
    if (side.lone !== undefined) {
      leaf = view.leafOf(side.lone);
      if (leaf === undefined) return undefined;
    }
    sides.pop();
  }
  return { sides, leaf };
}

/** Follows the path among a bucket's leaves while there are at least two; returns the one it ends at, or none. */
function intoBucket(
  hasher: MapHasher,
  bucket: Uint8Array<ArrayBuffer>,
  path: Uint8Array,
  bucketDepth: number,
  sides: Side[],
): Uint8Array<ArrayBuffer> {
  let leaves = bucket;
  for (let depth = bucketDepth; leaves.length > LEAF_BYTES; depth++) {
    let middle = 0;
    while (middle < leaves.length && bitAt(leaves, middle, depth) === 0) middle += LEAF_BYTES;
    const right = bitAt(path, 0, depth) === 1;
    const beside = right ? leaves.subarray(0, middle) : leaves.subarray(middle);
    leaves = right ? leaves.subarray(middle) : leaves.subarray(0, middle);
    const count = beside.length / LEAF_BYTES;
    if (count > 0) hasher.fold(beside, 0, count, depth + 1);
    const hash = count === 0 ? undefined : hasher.digest.slice();
    sides.push({ hash, population: count > 1 ? MANY : count === 1 ? ONE : NONE, lone: undefined });
  }
  return leaves;
}

function checkRoot(hasher: MapHasher, path: Uint8Array, end: End, at: MapVersion): void {
  hasher.digest.set(end.leaf?.leafHash ?? EMPTY_MAP_ROOT);
  for (let depth = end.sides.length; depth > 0; depth--) {
    hasher.climb(bitAt(path, 0, depth - 1), end.sides[depth - 1]!.hash ?? EMPTY_MAP_ROOT);
  }
  if (equalBytes(hasher.digest, at.root)) return;
  throw new SparseMapError("bad_record", `the records of the map do not lead to the root of version ${at.version}`);
}

function answerOf(path: Uint8Array, { sides, leaf }: End): MapAnswer {
  const bitMask = new Uint8Array((sides.length + 7) >> 3);
  const sideNodes: Uint8Array[] = [];
  for (let i = 0; i < sides.length; i++) {
    const { hash } = sides[sides.length - 1 - i]!;
    if (hash === undefined) bitMask[i >> 3]! |= 0x80 >> (i & 7);
    else sideNodes.push(hash);
  }
  const proof: MapProof = { sideNodes, nonMembershipLeafData: undefined, bitMask, numSideNodes: sides.length };
  if (leaf === undefined) return { kind: "absent", proof };
  const { index, leafHash } = leaf;
  const own = sharedBits(leaf.path, 0, path, 0) === PATH_BYTES * 8;
  return own ? { kind: "present", proof, index, leafHash } : { kind: "beside", other: leaf, unfinished: proof };
}
