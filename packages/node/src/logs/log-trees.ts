/** The three trees of a log in memory, as of its last durable head: what the writer appends to. */
import type { Crypto } from "@trustix/crypto";
import { BUNDLE_ENTRIES, LogTree, SparseMap, type SparseMapOptions } from "@trustix/merkle";
import type { Reads } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import { type StoredHead, readLastHead } from "./head-record.ts";
import type { LogKeys } from "./keys.ts";
import { resolveNeeds } from "./resolve-needs.ts";

export interface LogTrees {
  readonly log: LogTree;
  readonly mapHeads: LogTree;
  readonly map: SparseMap;
  /** The partial bundle at the end of the log; `undefined` when the last one is full. */
  lastBundle: Uint8Array | undefined;
}

export interface LoadedLog {
  /** `undefined` for a log that never signed. */
  readonly last: StoredHead | undefined;
  readonly trees: LogTrees;
}

/** Reads the right edges of the trees at the last durable head. Throws `corrupt`; `bad_config` for a copy. */
export async function loadLog(
  reads: Reads,
  crypto: Crypto,
  keys: LogKeys,
  options?: SparseMapOptions,
): Promise<LoadedLog> {
  const last = await readLastHead(reads, keys);
  const [copy] = await reads.getMany([keys.mirrorState]);
  if (copy !== undefined)
    throw new NodeError(
      "bad_config",
      "the store holds a copy of this log, made by following it: it cannot be published from it",
      {
        hint: "publish it from another state folder",
      },
    );
  const size = last?.head.treeSize ?? 0;
  const log = await resolveNeeds(LogTree.open(crypto, keys.logTiles, size), reads);
  const mapHeads = await resolveNeeds(LogTree.open(crypto, keys.mapHeadTiles, last?.head.mhTreeSize ?? 0), reads);
  const map = await resolveNeeds(SparseMap.open(crypto, keys.map, last?.map, options), reads);
  const lastBundle = size % BUNDLE_ENTRIES === 0 ? undefined : await readBundle(reads, keys, size);
  return { last, trees: { log, mapHeads, map, lastBundle } };
}

async function readBundle(reads: Reads, keys: LogKeys, size: number): Promise<Uint8Array> {
  const n = Math.floor(size / BUNDLE_ENTRIES);
  const [bundle] = await reads.getMany([keys.bundle(n)]);
  if (!bundle) throw new NodeError("corrupt", `bundle ${n} of a log of ${size} entries is not stored`);
  return bundle;
}
