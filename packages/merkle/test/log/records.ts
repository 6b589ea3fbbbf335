/** A store for tests: a `Map` of records that answers the trees' requests and counts them. */
import { fromHex, toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { LogTree, drive } from "../../src/index.ts";
import type { Needs, ReadAnswer, ReadRequest, RecordChange } from "../../src/index.ts";

export const crypto = nodeCrypto();
export const PREFIX = fromHex("10000174");

export class Records {
  readonly map = new Map<string, Uint8Array>();
  requests = 0;

  write(changes: readonly RecordChange[]): void {
    for (const [key, value] of changes) {
      if (value === undefined) this.map.delete(toHex(key));
      else this.map.set(toHex(key), value);
    }
  }

  answer(request: ReadRequest): ReadAnswer {
    this.requests++;
    if (request.kind !== "get") throw new Error("the log tree reads by key only");
    return request.keys.map((key) => this.map.get(toHex(key)));
  }

  run<T>(needs: Needs<T>): T {
    return drive(needs, (request) => this.answer(request));
  }
}

export function packed(leaves: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(leaves.length * 32);
  for (const [i, leaf] of leaves.entries()) out.set(leaf, i * 32);
  return out;
}

/** `count` leaf hashes that all differ. */
export function someLeaves(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => crypto.sha256(Uint8Array.of(0, i & 255, i >> 8, i >> 16)));
}

/** Records of a log with these leaves. */
export function stored(leaves: readonly Uint8Array[]): { records: Records; tree: LogTree } {
  const records = new Records();
  const tree = records.run(LogTree.open(crypto, PREFIX, 0));
  records.write(tree.append(packed(leaves)));
  return { records, tree };
}
