/**
 * A small whole log in memory, for tests of those who read logs: real trees, real proofs, real signatures, and
 * liar's heads on demand. Its map is the definition written down, so it is also a second implementation of it.
 */
import type { Crypto } from "@trustix/crypto";
import { compareBytes, concatBytes, equalBytes, toHex, utf8 } from "@trustix/crypto";
import { LogTree, auditProof, consistencyProof, drive, leafHash } from "@trustix/merkle";
import type { MapProof, ReadAnswer, ReadRequest } from "@trustix/merkle";
import type { Hash, LogHead, LogInfo, Protocol } from "@trustix/protocol";
import { TEST, logIdOf, logLeafDigest, mapEntryBytes, mapPath, mapValueHash, signHead } from "@trustix/protocol";

const PREFIX = new Uint8Array(0);
const ZERO = new Uint8Array(32);

export interface FakeEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly digest: Hash;
  readonly leaf: Hash;
  /** What the map commits to; `undefined`: a liar leaves it out of the map. */
  readonly entryBytes: Uint8Array | undefined;
}

interface MapLeaf {
  readonly path: Hash;
  readonly valueHash: Hash;
}

/** The map of the first `size` entries; hashes by range of leaves and depth. */
interface MapAt {
  readonly size: number;
  readonly leaves: readonly MapLeaf[];
  readonly hashes: Map<string, Hash>;
}

/** An RFC 6962 tree with its tiles. */
export class FakeTree {
  readonly #crypto: Crypto;
  readonly #records = new Map<string, Uint8Array>();
  readonly #tree: LogTree;
  readonly leaves: Hash[] = [];

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
    this.#tree = drive(LogTree.open(crypto, PREFIX, 0), () => []);
  }

  append(leaf: Hash): void {
    for (const [key, value] of this.#tree.append(leaf)) this.#records.set(toHex(key), value!);
    this.leaves.push(leaf);
  }

  root(): Hash {
    return this.#tree.root();
  }

  consistency(first: number, second: number): Hash[] {
    return drive(consistencyProof(this.#crypto, PREFIX, first, second), (request) => this.#answer(request));
  }

  audit(index: number, size: number): Hash[] {
    return drive(auditProof(this.#crypto, PREFIX, index, size), (request) => this.#answer(request));
  }

  #answer(request: ReadRequest): ReadAnswer {
    return request.kind === "get" ? request.keys.map((key) => this.#records.get(toHex(key))) : [];
  }
}

export class FakeLog {
  /** What makes its key. */
  readonly name: string;
  readonly info: LogInfo;
  readonly tree: FakeTree;
  readonly mapHeads: FakeTree;
  readonly entries: FakeEntry[] = [];
  readonly heads: LogHead[] = [];
  /** Values that it has and does not give out, by the hex of their digests. */
  readonly withheld = new Set<string>();
  readonly #values = new Map<string, Uint8Array>();
  readonly #crypto: Crypto;
  readonly #seed: Uint8Array;
  readonly #invented: { readonly key: Uint8Array; readonly entryBytes: Uint8Array }[] = [];
  /** The map as last asked for. */
  #map: MapAt | undefined;

  /** `name` makes the key: equal names are one log. The empty log is signed at once. */
  constructor(crypto: Crypto, name: string, protocol: Protocol = TEST) {
    this.#crypto = crypto;
    this.name = name;
    this.#seed = crypto.sha256(utf8(`fake log ${name}`));
    const publicKey = crypto.ed25519PublicKey(this.#seed);
    this.info = { id: logIdOf(crypto, { protocol, publicKey }), protocol, publicKey, meta: {} };
    this.tree = new FakeTree(crypto);
    this.mapHeads = new FakeTree(crypto);
    this.sign();
  }

  /** Adds claims and signs one head over them. */
  publish(...claims: readonly (readonly [key: string, value: string])[]): LogHead {
    this.add(...claims);
    return this.sign();
  }

  /** Adds claims that no head covers yet. */
  add(...claims: readonly (readonly [key: string, value: string])[]): void {
    for (const [keyText, valueText] of claims) {
      const [key, value] = [utf8(keyText), utf8(valueText)];
      const digest = this.#crypto.sha256(value);
      const leaf = logLeafDigest(this.#crypto, key, digest);
      this.#values.set(toHex(digest), value);
      this.entries.push({ key, value, digest, leaf, entryBytes: mapEntryBytes(digest, this.entries.length) });
      this.tree.append(leaf);
    }
  }

  /** Lets the map hold something else for an entry, or nothing; the log tree stays. To be called before signing. */
  lieInMap(index: number, entryBytes: Uint8Array | undefined): void {
    this.entries[index] = { ...this.entries[index]!, entryBytes };
    this.#map = undefined;
  }

  /** Lets the map hold a key that no entry has. To be called before signing. */
  inventInMap(key: string, entryBytes: Uint8Array): void {
    this.#invented.push({ key: utf8(key), entryBytes });
    this.#map = undefined;
  }

  /** Signs what there is, or what a liar says there is. */
  sign(lie: Partial<Omit<LogHead, "signature">> = {}): LogHead {
    const mapRoot = lie.mapRoot ?? this.mapRoot(this.entries.length);
    this.mapHeads.append(leafHash(this.#crypto, this.mapRoot(this.entries.length)));
    const head = signHead(this.#crypto, this.#seed, {
      logRoot: this.tree.root(),
      treeSize: this.entries.length,
      mhRoot: this.mapHeads.root(),
      mhTreeSize: this.mapHeads.leaves.length,
      ...lie,
      mapRoot,
    });
    this.heads.push(head);
    return head;
  }

  head(): LogHead {
    return this.heads.at(-1)!;
  }

  mapRoot(size: number): Hash {
    const map = this.#mapAt(size);
    return this.#subtree(map, 0, map.leaves.length, 0);
  }

  /** How many entries the map had at this root. */
  sizeAt(mapRoot: Hash): number | undefined {
    return this.heads.find((head) => equalBytes(head.mapRoot, mapRoot))?.treeSize;
  }

  /** Where a key stands in the map. */
  pathOf(key: Uint8Array): Hash {
    return mapPath(this.#crypto, key);
  }

  valueOf(digest: Hash): Uint8Array | undefined {
    const name = toHex(digest);
    return this.withheld.has(name) ? undefined : this.#values.get(name);
  }

  find(key: Uint8Array, size: number): FakeEntry | undefined {
    return this.entries.slice(0, size).find((entry) => entry.entryBytes !== undefined && equalBytes(entry.key, key));
  }

  /** The bytes of a key in the map of the first `size` entries. */
  entryBytes(key: Uint8Array, size: number): Uint8Array | undefined {
    const found = this.find(key, size) ?? this.#invented.find((invented) => equalBytes(invented.key, key));
    return found?.entryBytes;
  }

  /** Proof of presence or absence among the first `size` entries. */
  mapProof(key: Uint8Array, size: number): MapProof {
    const path = mapPath(this.#crypto, key);
    const map = this.#mapAt(size);
    let [from, to] = [0, map.leaves.length];
    const downwards: Hash[] = [];
    while (to - from > 1) {
      const depth = downwards.length;
      const middle = firstOne(map.leaves, from, to, depth);
      const right = bitAt(path, depth);
      downwards.push(right ? this.#subtree(map, from, middle, depth + 1) : this.#subtree(map, middle, to, depth + 1));
      [from, to] = right ? [middle, to] : [from, middle];
    }
    const sides = downwards.reverse();
    const bitMask = new Uint8Array(Math.ceil(sides.length / 8));
    for (const [i, side] of sides.entries()) if (equalBytes(side, ZERO)) bitMask[i >> 3]! |= 128 >> (i & 7);
    const other = from < to ? map.leaves[from] : undefined;
    return {
      sideNodes: sides.filter((side) => !equalBytes(side, ZERO)),
      numSideNodes: sides.length,
      bitMask,
      nonMembershipLeafData:
        other === undefined || equalBytes(other.path, path)
          ? undefined
          : concatBytes(Uint8Array.of(0), other.path, other.valueHash),
    };
  }

  #mapAt(size: number): MapAt {
    if (this.#map?.size === size) return this.#map;
    const byKey = new Map<string, MapLeaf>();
    for (const { key, entryBytes } of [...this.entries.slice(0, size), ...this.#invented]) {
      // A liar may log a key twice; the map can hold it only once.
      if (entryBytes === undefined || byKey.has(toHex(key))) continue;
      const valueHash = mapValueHash(this.#crypto, entryBytes);
      byKey.set(toHex(key), { path: mapPath(this.#crypto, key), valueHash });
    }
    const leaves = [...byKey.values()].sort((a, b) => compareBytes(a.path, b.path));
    this.#map = { size, leaves, hashes: new Map() };
    return this.#map;
  }

  /** The hash over the sorted leaves `from` to `to`, which share `depth` bits. */
  #subtree(map: MapAt, from: number, to: number, depth: number): Hash {
    if (from === to) return ZERO;
    const id = `${from} ${to} ${depth}`;
    let hash = map.hashes.get(id);
    if (hash === undefined) {
      const { path, valueHash } = map.leaves[from]!;
      if (to - from === 1) {
        hash = this.#crypto.sha256(concatBytes(Uint8Array.of(0), path, valueHash));
      } else {
        const middle = firstOne(map.leaves, from, to, depth);
        const [left, right] = [this.#subtree(map, from, middle, depth + 1), this.#subtree(map, middle, to, depth + 1)];
        hash = this.#crypto.sha256(concatBytes(Uint8Array.of(1), left, right));
      }
      map.hashes.set(id, hash);
    }
    return hash;
  }
}

/** Where the leaves begin whose bit at `depth` is 1. */
function firstOne(leaves: readonly MapLeaf[], from: number, to: number, depth: number): number {
  let middle = from;
  while (middle < to && !bitAt(leaves[middle]!.path, depth)) middle++;
  return middle;
}

function bitAt(path: Hash, depth: number): boolean {
  return (path[depth >> 3]! & (128 >> (depth & 7))) !== 0;
}
