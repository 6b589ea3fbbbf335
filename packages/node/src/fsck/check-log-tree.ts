/**
 * Grows a tree from its leaves and holds every stored tile against it: full tiles as they are completed, the right edge
 * at the end. What is stored and was never grown is surplus.
 */
import { compareBytes, equalBytes, toHex, type Crypto } from "@trustix/crypto";
import { LogTree, type RecordChange, drive } from "@trustix/merkle";
import type { Reads } from "@trustix/storage";
import { rangeOf } from "../logs/keys.ts";
import type { Findings } from "./report.ts";

export class TreeCheck {
  readonly tree: LogTree;
  readonly #reads: Reads;
  readonly #prefix: Uint8Array;
  readonly #what: string;
  readonly #findings: Findings;
  /** The edge as last written, by key in hex: complete tiles leave it when they are compared. */
  readonly #open = new Map<string, RecordChange>();
  #tiles = 0;

  constructor(crypto: Crypto, reads: Reads, prefix: Uint8Array, what: string, findings: Findings) {
    this.tree = drive(LogTree.open(crypto, prefix, 0), () => []);
    this.#reads = reads;
    this.#prefix = prefix;
    this.#what = what;
    this.#findings = findings;
  }

  /** Leaf hashes one after the other. */
  async append(leafHashes: Uint8Array): Promise<void> {
    for (const change of this.tree.append(leafHashes)) {
      const name = toHex(change[0]);
      if (change[1]!.length === 256 * 32) {
        this.#open.delete(name);
        await this.#compare(change);
      } else this.#open.set(name, change);
    }
  }

  /** Compares the edge, and looks for tiles that should not be. */
  async finish(): Promise<void> {
    for (const change of this.#open.values()) await this.#compare(change);
    const { from, to } = rangeOf(this.#prefix);
    let stored = 0;
    for await (const _ of this.#reads.range(from, to, { keysOnly: true })) stored++;
    if (stored > this.#tiles)
      this.#findings.add("surplus", `${this.#what}: ${stored} tiles are stored, ${this.#tiles} wanted`);
  }

  /** `root` is what a head says of the tree as it is now. */
  compareRoot(root: Uint8Array, where: string): void {
    const grown = this.tree.root();
    if (!equalBytes(grown, root))
      this.#findings.add("wrong", `${where}: ${this.#what} root ${toHex(root)}, its entries make ${toHex(grown)}`);
  }

  async #compare([key, wanted]: RecordChange): Promise<void> {
    this.#tiles++;
    const [stored] = await this.#reads.getMany([key]);
    if (!stored) this.#findings.add("missing", `${this.#what} tile ${toHex(key)}`);
    else if (compareBytes(stored, wanted!) !== 0)
      this.#findings.add("wrong", `${this.#what} tile ${toHex(key)} is not what the entries make it`);
  }
}
