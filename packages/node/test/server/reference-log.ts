/**
 * A whole log in a page, written from the specification and nothing else: RFC 6962 by recursion, the sparse map by
 * recursion over its contents, the write rule. Slow and literal; the server is tested over it, apart from the real trees.
 */
import { concatBytes, equalBytes } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import {
  keyPairOfSeed,
  logIdOf,
  logLeafDigest,
  mapEntryBytes,
  signHead,
  TEST,
  valueDigestOf,
  type Hash,
  type LogHead,
  type LogInfo,
  type LogLeaf,
  type Protocol,
} from "@trustix/protocol";
import { NodeError } from "../../src/errors.ts";
import type { LogReader, MapValue, Publisher, RefusedClaim, RefusedPage, SubmitItem } from "../../src/model.ts";

export const crypto = nodeCrypto();
const H = (...parts: Uint8Array[]) => crypto.sha256(concatBytes(...parts));
const ZERO = Uint8Array.of(0);
const ONE = Uint8Array.of(1);
const PLACEHOLDER = new Uint8Array(32);

const split = (n: number) => 2 ** Math.floor(Math.log2(n - 1));

function root(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return H();
  if (leaves.length === 1) return leaves[0]!;
  const k = split(leaves.length);
  return H(ONE, root(leaves.slice(0, k)), root(leaves.slice(k)));
}

/** RFC 6962 section 2.1.1. */
function path(m: number, leaves: readonly Hash[]): Hash[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  if (m < k) return [...path(m, leaves.slice(0, k)), root(leaves.slice(k))];
  return [...path(m - k, leaves.slice(k)), root(leaves.slice(0, k))];
}

/** RFC 6962 section 2.1.2. */
function consistency(m: number, leaves: readonly Hash[], complete = true): Hash[] {
  const n = leaves.length;
  if (m === n) return complete ? [] : [root(leaves)];
  const k = split(n);
  if (m <= k) return [...consistency(m, leaves.slice(0, k), complete), root(leaves.slice(k))];
  return [...consistency(m - k, leaves.slice(k), false), root(leaves.slice(0, k))];
}

interface MapLeaf {
  readonly path: Hash;
  readonly valueHash: Hash;
}

const bit = (bytes: Uint8Array, i: number) => (bytes[i >> 3]! >> (7 - (i & 7))) & 1;

function mapRoot(leaves: readonly MapLeaf[], depth = 0): Hash {
  if (leaves.length === 0) return PLACEHOLDER;
  if (leaves.length === 1) return H(ZERO, leaves[0]!.path, leaves[0]!.valueHash);
  const half = (side: number) =>
    mapRoot(
      leaves.filter((leaf) => bit(leaf.path, depth) === side),
      depth + 1,
    );
  return H(ONE, half(0), half(1));
}

function mapProof(leaves: readonly MapLeaf[], key: Hash): MapValue["proof"] {
  const sides: Hash[] = [];
  let here = leaves;
  for (let depth = 0; here.length > 1; depth++) {
    const side = bit(key, depth);
    sides.unshift(
      mapRoot(
        here.filter((leaf) => bit(leaf.path, depth) !== side),
        depth + 1,
      ),
    );
    here = here.filter((leaf) => bit(leaf.path, depth) === side);
  }
  const bitMask = new Uint8Array(Math.ceil(sides.length / 8));
  sides.forEach((side, i) => {
    if (equalBytes(side, PLACEHOLDER)) bitMask[i >> 3]! |= 0x80 >> (i & 7);
  });
  const other = here.find((leaf) => !equalBytes(leaf.path, key));
  return {
    sideNodes: sides.filter((side) => !equalBytes(side, PLACEHOLDER)),
    nonMembershipLeafData: other && concatBytes(ZERO, other.path, other.valueHash),
    bitMask,
    numSideNodes: sides.length,
  };
}

interface Entry extends SubmitItem {
  readonly digest: Hash;
  readonly index: number;
}

/** Reader, publisher and values of one log, in memory. */
export class ReferenceLog implements Omit<LogReader, "claims">, Publisher {
  readonly info: LogInfo;
  readonly #seed: Uint8Array;
  readonly #entries: Entry[] = [];
  readonly #heads: LogHead[] = [];
  #queue: SubmitItem[] = [];
  readonly #refused: RefusedClaim[] = [];

  constructor(seed: Uint8Array, meta: Record<string, string> = {}, protocol: Protocol = TEST) {
    const { publicKey } = keyPairOfSeed(crypto, seed);
    this.#seed = seed;
    this.info = { id: logIdOf(crypto, { protocol, publicKey }), protocol, publicKey, meta };
    this.#sign();
  }

  get #leaves(): Hash[] {
    return this.#entries.map(({ key, digest }) => logLeafDigest(crypto, key, digest));
  }

  get #mhLeaves(): Hash[] {
    return this.#heads.map((head) => H(ZERO, head.mapRoot));
  }

  #map(size: number): MapLeaf[] {
    return this.#entries.slice(0, size).map(({ key, digest, index }) => ({
      path: H(key),
      valueHash: H(mapEntryBytes(digest, index)),
    }));
  }

  #sign(): void {
    const map = mapRoot(this.#map(this.#entries.length));
    const mhLeaves = [...this.#mhLeaves, H(ZERO, map)];
    const head = {
      logRoot: root(this.#leaves),
      treeSize: this.#entries.length,
      mapRoot: map,
      mhRoot: root(mhLeaves),
      mhTreeSize: mhLeaves.length,
    };
    this.#heads.push(signHead(crypto, this.#seed, head));
  }

  #standing(key: Uint8Array): Hash | undefined {
    const entry = this.#entries.find((one) => equalBytes(one.key, key));
    if (entry !== undefined) return entry.digest;
    const queued = this.#queue.find((one) => equalBytes(one.key, key));
    return queued && valueDigestOf(crypto, queued.value);
  }

  async submit(items: readonly SubmitItem[]): Promise<{ refused: Uint8Array[] }> {
    const refused: Uint8Array[] = [];
    for (const item of items) {
      const standing = this.#standing(item.key);
      if (standing === undefined) this.#queue.push(item);
      else if (!equalBytes(standing, valueDigestOf(crypto, item.value))) {
        refused.push(item.key);
        this.#refused.push({ ...item, standing, time: 1, foundAt: "submit" });
      }
    }
    return { refused };
  }

  async flush(): Promise<LogHead> {
    for (const { key, value } of this.#queue) {
      this.#entries.push({ key, value, digest: valueDigestOf(crypto, value), index: this.#entries.length });
    }
    if (this.#queue.length > 0) this.#sign();
    this.#queue = [];
    return this.head();
  }

  async head(): Promise<LogHead> {
    return this.#heads.at(-1)!;
  }

  async refused(): Promise<RefusedPage> {
    return { claims: [...this.#refused], next: undefined };
  }

  status() {
    return { waiting: this.#queue.length, refused: this.#refused.length, stopped: undefined, lastFlush: undefined };
  }

  endFlushing(): void {}

  async close(): Promise<void> {}

  async consistencyProof(first: number, second: number): Promise<Hash[]> {
    return proofBetween(this.#leaves, first, second);
  }

  async mhConsistencyProof(first: number, second: number): Promise<Hash[]> {
    return proofBetween(this.#mhLeaves, first, second);
  }

  async auditProof(index: number, treeSize: number): Promise<Hash[]> {
    return proofOf(this.#leaves, index, treeSize);
  }

  async mhAuditProof(index: number, treeSize: number): Promise<Hash[]> {
    return proofOf(this.#mhLeaves, index, treeSize);
  }

  async entries(start: number, finish: number): Promise<LogLeaf[]> {
    checkRange(finish, this.#entries.length);
    return this.#entries.slice(start, finish + 1).map(({ key, digest }) => ({
      key,
      valueDigest: digest,
      leafDigest: logLeafDigest(crypto, key, digest),
    }));
  }

  async mhEntries(start: number, finish: number): Promise<LogLeaf[]> {
    checkRange(finish, this.#heads.length);
    return this.#mhLeaves
      .slice(start, finish + 1)
      .map((leafDigest) => ({ key: undefined, valueDigest: undefined, leafDigest }));
  }

  async mapValue(key: Uint8Array, root: Hash): Promise<MapValue> {
    const head = this.#heads.find(({ mapRoot: at }) => equalBytes(at, root));
    if (head === undefined) throw new NodeError("root_gone", "map root is not held");
    const entry = this.#entries.slice(0, head.treeSize).find((one) => equalBytes(one.key, key));
    return {
      entry: entry && { digest: entry.digest, index: entry.index },
      proof: mapProof(this.#map(head.treeSize), H(key)),
    };
  }

  async keyByHashPart(hashPart: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#entries.find(({ key }) => equalBytes(H(key).subarray(0, 20), hashPart))?.key;
  }

  async getMany(digests: readonly Hash[]): Promise<(Uint8Array | undefined)[]> {
    return digests.map((digest) => this.#entries.find((entry) => equalBytes(entry.digest, digest))?.value);
  }
}

function checkRange(finish: number, size: number): void {
  if (finish >= size) throw new NodeError("invalid_argument", `entry ${finish} came, the log has ${size}`);
}

function checkSize(name: string, value: number, size: number): void {
  if (value > size) throw new NodeError("invalid_argument", `${name} size ${value} came, 0 to ${size} wanted`);
}

function proofBetween(leaves: readonly Hash[], first: number, second: number): Hash[] {
  checkSize("first", first, leaves.length);
  checkSize("second", second, leaves.length);
  if (first > second) throw new NodeError("invalid_argument", `first size ${first} is past second size ${second}`);
  return first === 0 || first === second ? [] : consistency(first, leaves.slice(0, second));
}

function proofOf(leaves: readonly Hash[], index: number, treeSize: number): Hash[] {
  checkSize("tree", treeSize, leaves.length);
  if (index >= treeSize) throw new NodeError("invalid_argument", `leaf ${index} is not in a tree of ${treeSize}`);
  return path(index, leaves.slice(0, treeSize));
}
