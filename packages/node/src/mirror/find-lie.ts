/**
 * The proof of a lie that only a reader of the whole log can see: the entries are the signed head's, and its map is not the
 * one they make, or they hold a key twice. What was signed is asked of the log itself, key by key, down to where its map
 * and ours differ; a log that does not answer proves nothing, and its votes stay unverifiable.
 */
import { type Evidence, type LogAtRemote, logClient, readLeaf } from "@trustix/client";
import { equalBytes } from "@trustix/crypto";
import { entryLeafHash, type MapProof } from "@trustix/merkle";
import { type Hash, type LogHead, mapPath } from "@trustix/protocol";
import type { EntryAt, LieError } from "./mirrored-log.ts";

interface LieSearch {
  readonly at: LogAtRemote;
  readonly head: LogHead;
  readonly lie: LieError["lie"];
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Keys asked about: each brings the search closer to the place where the maps differ. */
const MAX_QUESTIONS = 64;

/** Asks one place after the other until one shows it. `undefined`: none did. Throws what the store throws. */
export async function showLie(
  places: readonly LogAtRemote[],
  search: Omit<LieSearch, "at">,
): Promise<Evidence | undefined> {
  for (const at of places) {
    const evidence = await findLie({ ...search, at });
    if (evidence !== undefined || search.signal.aborted) return evidence;
  }
  return undefined;
}

function findLie(search: LieSearch): Promise<Evidence | undefined> {
  const { lie } = search;
  return lie.kind === "key_twice" ? showTwice(search, lie.key, lie.entries) : searchMap(search, lie);
}

async function showTwice(
  { at, head, signal, timeoutMs }: Omit<LieSearch, "lie">,
  key: Uint8Array,
  entries: readonly [EntryAt, EntryAt],
): Promise<Evidence | undefined> {
  const proofs = await Promise.all(
    entries.map(({ digest, index }) =>
      readLeaf(at, index, head, entryLeafHash(at.crypto, key, digest), { signal, timeoutMs }),
    ),
  );
  const [first, second] = proofs.map((proof, i) =>
    proof.kind === "leaf" ? { ...entries[i]!, logProof: proof.logProof } : undefined,
  );
  if (first === undefined || second === undefined) return undefined;
  return { publicKey: at.log.publicKey, kind: "key_twice", head, key, entries: [first, second] };
}

async function searchMap(
  { at, head, signal, timeoutMs }: LieSearch,
  { ours, keysBelow }: Extract<LieError["lie"], { kind: "map" }>,
): Promise<Evidence | undefined> {
  const client = logClient(at);
  const options = { signal, timeoutMs };
  // Subtrees that differ, the smallest last.
  const open: Subtree[] = [{ path: new Uint8Array(32), depth: 0 }];
  for (let asked = 0; asked < MAX_QUESTIONS && open.length > 0 && !signal.aborted; asked++) {
    const subtree = open.pop()!;
    const entry = await keysBelow(subtree.path, subtree.depth);
    // Theirs has a key there that the log has not: nobody can name it.
    if (entry === undefined) continue;
    const { key, digest, index } = entry;
    const got = await client.claim(key, head, options);
    switch (got.kind) {
      case "contradiction":
        return got.evidence;
      case "absent": {
        const leaf = await readLeaf(at, index, head, entryLeafHash(at.crypto, key, digest), options);
        if (leaf.kind !== "leaf") return undefined;
        const shown = { digest, index, logProof: leaf.logProof };
        const { mapProof } = got;
        return { publicKey: at.log.publicKey, kind: "key_missing_in_map", head, key, entry: shown, mapProof };
      }
      case "claims": {
        if (got.entry.index !== index) {
          const ours = { digest, index };
          const inOrder = index < got.entry.index ? ([ours, got.entry] as const) : ([got.entry, ours] as const);
          return showTwice({ at, head, signal, timeoutMs }, key, inOrder);
        }
        const path = mapPath(at.crypto, key);
        open.push(...differing(path, await ours(path), got.mapProof));
        break;
      }
      default:
        return undefined;
    }
  }
  return undefined;
}

interface Subtree {
  readonly path: Hash;
  /** Bits that paths in it share with `path`. */
  readonly depth: number;
}

/** The subtrees beside the path in which two maps differ, the largest first. */
function differing(path: Hash, ours: MapProof, theirs: MapProof): Subtree[] {
  const [a, b] = [sidesOf(ours), sidesOf(theirs)];
  const found: Subtree[] = [];
  for (let depth = 0; depth < Math.max(a.length, b.length); depth++) {
    const [left, right] = [a[depth], b[depth]];
    if (left !== undefined && right !== undefined && equalBytes(left, right)) continue;
    found.push({ path: flipped(path, depth), depth: depth + 1 });
  }
  return found;
}

/** Side nodes from the root downwards, empty ones as 32 zero bytes. */
function sidesOf({ sideNodes, bitMask, numSideNodes }: MapProof): Hash[] {
  let next = 0;
  const upwards = Array.from({ length: numSideNodes }, (_, i) =>
    (bitMask[i >> 3]! & (128 >> (i & 7))) !== 0 ? new Uint8Array(32) : sideNodes[next++]!,
  );
  return upwards.reverse();
}

function flipped(path: Hash, bit: number): Hash {
  const other = path.slice();
  other[bit >> 3]! ^= 128 >> (bit & 7);
  return other;
}
