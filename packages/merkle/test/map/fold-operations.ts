/**
 * 100 000 operations folded into one hash, which two implementations must reach.
 *
 * **Numbers.** `x` starts as the seed 20261123. The next number is: `x ^= x << 13; x ^= x >>> 17; x ^= x << 5`, as
 * unsigned 32 bits (xorshift32). `below(n)` is the next number modulo `n`.
 *
 * **Keys.** Key `i` has the path `SHA-256(u32be i)`; but where `i % 50 == 49`, the path is that of key `i - 1` with bit
 * `i % 256` and all behind it inverted: paths that share up to 255 bits. Its value hash is `SHA-256(path)`.
 *
 * **Operations**, counted one each, until there were so many:
 * - `below(100) == 0`, or there is no key yet: a batch of `1 + below(60)` inserts of the next keys, the last operations
 *   permitting. It makes a new version, the map of all keys so far. Inserted in the order of a walk from a random place:
 *   key `first + (start + k) % count`, with `start = below(count)`.
 * - otherwise a proof: the version is the last but `below(min(1000, versions))`; the key is `below(keys + keys / 4 + 1)`
 *   (integer division), so that some were never inserted and some were not there yet.
 *
 * **Fold.** `h` starts as 32 zeros. Of a batch: `h = SHA-256(h || root)`. Of a proof:
 * `h = SHA-256(h || u8 kind || u16be n || mask || side nodes || leaf data)` with kind 1 for presence, 0 for absence; `n`
 * side nodes, their mask and side nodes in the compact form; leaf data only where a foreign leaf stands there.
 */
import { concatBytes, toHex } from "@trustix/crypto";
import type { MapProof, MapVersion, SparseMapOptions } from "../../src/index.ts";
import { hashOf, proofIn, withLeaf } from "./persistent-map.ts";
import type { Tree } from "./persistent-map.ts";
import { checked, crypto, leafOf, pathOf, valueHashOf, World } from "./world.ts";

const SEED = 20_261_123;
/** Operations and the hash they fold to. */
export const PUBLISHED = {
  5_000: "667ed832d1de8059bb3a3c73af91d3f8a4451f0fe7fc7dc14d8013a83b66d3f5",
  100_000: "542de997d9d8ded927ace407cded14f9492be53007675c8e5e4289e6427f7cb0",
} as const;

interface Side {
  /** The root of the version that these keys make. */
  insert(paths: readonly Uint8Array[], first: number): Uint8Array;
  prove(path: Uint8Array, version: number): { present: boolean; proof: MapProof };
}

function keyPath(i: number): Uint8Array {
  if (i % 50 !== 49) return pathOf(i);
  const path = keyPath(i - 1);
  const from = i % 256;
  path[from >> 3]! ^= 0xff >> (from & 7);
  for (let byte = (from >> 3) + 1; byte < 32; byte++) path[byte]! ^= 0xff;
  return path;
}

export function foldOperations(operations: number, side: Side): string {
  let x = SEED;
  const below = (n: number): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
  let hash: Uint8Array = new Uint8Array(32);
  let keys = 0;
  let versions = 0;
  for (let done = 0; done < operations;) {
    if (below(100) === 0 || keys === 0) {
      const count = Math.min(1 + below(60), operations - done);
      const start = below(count);
      const paths = Array.from({ length: count }, (_, k) => keyPath(keys + ((start + k) % count)));
      hash = crypto.sha256(concatBytes(hash, side.insert(paths, keys)));
      keys += count;
      versions++;
      done += count;
    } else {
      const version = versions - 1 - below(Math.min(1000, versions));
      const path = keyPath(below(keys + Math.floor(keys / 4) + 1));
      const { present, proof } = side.prove(path, version);
      const count = proof.numSideNodes;
      const head = Uint8Array.of(present ? 1 : 0, count >> 8, count);
      const leaf = proof.nonMembershipLeafData ?? new Uint8Array(0);
      hash = crypto.sha256(concatBytes(hash, head, proof.bitMask, ...proof.sideNodes, leaf));
      done++;
    }
  }
  return toHex(hash);
}

/** The map under test, opened again now and then; versions beyond the last 1000 are retired. */
export function fastSide(options: SparseMapOptions): Side {
  const world = new World({ leavesPerSubtree: 32, ...options });
  let retired = 0;
  return {
    insert(paths, first) {
      const version = world.versions.length;
      const leaves = paths.map((path, i) => leafOf(path, first + i));
      const { changes, at } = world.records.run(world.map.apply(leaves, version));
      world.records.write(changes);
      world.map.committed(version);
      world.versions.push(at);
      for (; retired < version - 999; retired++) world.retire([world.versions[retired]!]);
      if (version % 97 === 96) world.reopen();
      return at.root;
    },
    prove(path, version) {
      const at: MapVersion = world.versions[version]!;
      const answer = world.prove(path, at);
      return { present: answer.kind === "present", proof: checked(answer, path, at) };
    },
  };
}

export function slowSide(): Side {
  const versions: Tree[] = [];
  return {
    insert(paths) {
      let tree = versions.at(-1);
      for (const path of paths) tree = withLeaf(crypto, tree, path, valueHashOf(path));
      versions.push(tree);
      return hashOf(tree);
    },
    prove(path, version) {
      const { sides, end } = proofIn(versions[version], path);
      const present = end !== undefined && toHex(end.path) === toHex(path);
      const bitMask = new Uint8Array(Math.ceil(sides.length / 8));
      for (const [i, node] of sides.entries())
        if (node.every((byte) => byte === 0)) bitMask[i >> 3]! |= 0x80 >> (i & 7);
      const beside = present || end === undefined ? undefined : concatBytes(Uint8Array.of(0), end.path, end.valueHash);
      const proof: MapProof = {
        sideNodes: sides.filter((node) => node.some((byte) => byte !== 0)),
        nonMembershipLeafData: beside,
        bitMask,
        numSideNodes: sides.length,
      };
      return { present, proof };
    },
  };
}
