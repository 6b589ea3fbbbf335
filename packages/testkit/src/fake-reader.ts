/** A fake log read as a node reads its own published logs (the shape of the node's `LogReader`). Proofs are kept. */
import { equalBytes, toHex } from "@trustix/crypto";
import type { MapProof } from "@trustix/merkle";
import type { Hash, LogHead, LogInfo, LogLeaf, MapEntry } from "@trustix/protocol";
import type { FakeLog, FakeTree } from "./fake-log.ts";

interface FakeMapValue {
  readonly entry: MapEntry | undefined;
  readonly proof: MapProof;
}

export class FakeReader {
  readonly info: LogInfo;
  readonly #log: FakeLog;
  readonly #proofs = new Map<string, FakeMapValue>();

  constructor(log: FakeLog) {
    this.info = log.info;
    this.#log = log;
  }

  head(): Promise<LogHead> {
    return Promise.resolve(this.#log.head());
  }

  /** Rejects for a root that no head had. */
  async mapValue(key: Uint8Array, mapRoot: Hash): Promise<FakeMapValue> {
    const id = `${toHex(key)} ${toHex(mapRoot)}`;
    let value = this.#proofs.get(id);
    if (value === undefined) {
      const size = this.#log.sizeAt(mapRoot);
      if (size === undefined) throw new Error(`map root ${toHex(mapRoot)} is not held`);
      const found = this.#log.find(key, size);
      const entry = found && { digest: found.digest, index: this.#log.entries.indexOf(found) };
      value = { entry, proof: this.#log.mapProof(key, size) };
      this.#proofs.set(id, value);
    }
    return value;
  }

  /** Under the newest head. */
  async claims(paths: readonly Hash[]): Promise<(MapEntry | undefined)[]> {
    const { treeSize } = await this.head();
    const entries = this.#log.entries.slice(0, treeSize);
    return paths.map((path) => {
      const index = entries.findIndex(({ key }) => equalBytes(this.#log.pathOf(key), path));
      return index < 0 ? undefined : { digest: entries[index]!.digest, index };
    });
  }

  consistencyProof(first: number, second: number): Promise<Hash[]> {
    return proofOf(this.#log.tree, first, second);
  }

  mhConsistencyProof(first: number, second: number): Promise<Hash[]> {
    return proofOf(this.#log.mapHeads, first, second);
  }

  auditProof(index: number, treeSize: number): Promise<Hash[]> {
    return Promise.resolve(this.#log.tree.audit(index, treeSize));
  }

  mhAuditProof(index: number, treeSize: number): Promise<Hash[]> {
    return Promise.resolve(this.#log.mapHeads.audit(index, treeSize));
  }

  async entries(start: number, finish: number): Promise<LogLeaf[]> {
    const leaves = this.#log.entries.slice(start, finish + 1);
    return leaves.map(({ key, digest, leaf }) => ({ key, valueDigest: digest, leafDigest: leaf }));
  }

  async mhEntries(start: number, finish: number): Promise<LogLeaf[]> {
    const leaves = this.#log.mapHeads.leaves.slice(start, finish + 1);
    return leaves.map((leafDigest) => ({ key: undefined, valueDigest: undefined, leafDigest }));
  }

  /** Fake logs hold no store paths. */
  keyByHashPart(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

async function proofOf(tree: FakeTree, first: number, second: number): Promise<Hash[]> {
  return tree.consistency(first, second);
}
