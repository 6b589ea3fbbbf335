/**
 * What anybody may read of a published log. Every answer is of the newest published head or of an older one: records
 * that a flush under way may be writing are only ever read as far as the published sizes reach. Tiles and bundles of an
 * older size are prefixes of today's, and old map roots are proved from today's buckets, so no reader needs a snapshot
 * and none waits for the writer.
 */
import type { Crypto } from "@trustix/crypto";
import {
  type MapAnswer,
  TILE_WIDTH,
  TileNodes,
  absenceBeside,
  auditProof,
  consistencyProof,
  tileKey,
} from "@trustix/merkle";
import {
  type Hash,
  type LogHead,
  type LogLeaf,
  type MapEntry,
  mapEntryBytes,
  mapPath,
  mapValueHash,
} from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import type { LogReader, MapValue } from "../model.ts";
import { RecordReader } from "./byte-records.ts";
import { nodeErrorOf } from "./explain-failure.ts";
import { KeptBundles } from "./kept-bundles.ts";
import { HASH_PART_BYTES } from "./keys.ts";
import type { MapRoots } from "./map-roots.ts";
import type { PublishedLog } from "./published-log.ts";
import { readEntries, readEntry } from "./read-entries.ts";
import { resolveNeeds } from "./resolve-needs.ts";

export interface LogReaderOptions {
  readonly reads: Reads;
  readonly crypto: Crypto;
  readonly published: PublishedLog;
  readonly roots: MapRoots;
  /** Leaves in one answer, 1000 unless given; existing clients ask for up to 1000. */
  readonly maxRange?: number;
}

/** A tree's tiles, and those of their nodes that are kept. */
interface Nodes {
  readonly prefix: Uint8Array;
  readonly kept: TileNodes;
}

export function openLogReader({ reads, crypto, published, roots, maxRange = 1000 }: LogReaderOptions): LogReader {
  const { info, keys } = published;
  const logNodes = { prefix: keys.logTiles, kept: new TileNodes() };
  const mapHeadNodes = { prefix: keys.mapHeadTiles, kept: new TileNodes(16) };
  const keptBundles = new KeptBundles();
  const explained = async <T>(what: string, read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      throw nodeErrorOf(error, `log ${info.id}: ${what}`);
    }
  };
  const leafHashes = async (prefix: Uint8Array, start: number, finish: number): Promise<Hash[]> => {
    const first = Math.floor(start / TILE_WIDTH);
    const last = Math.floor(finish / TILE_WIDTH);
    const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const tiles = await reads.getMany(numbers.map((n) => tileKey(prefix, 0, n)));
    return Array.from({ length: finish - start + 1 }, (_, i) => {
      const at = start + i;
      const from = (at % TILE_WIDTH) * 32;
      const hash = tiles[Math.floor(at / TILE_WIDTH) - first]?.subarray(from, from + 32);
      if (hash?.length !== 32) throw new NodeError("corrupt", `leaf ${at} is not in its tile`);
      return hash;
    });
  };
  /** Whether there is anything to read. */
  const checkRange = (start: number, finish: number, size: number): boolean => {
    for (const [name, value] of [
      ["start", start],
      ["finish", finish + 1],
    ] as const)
      if (!Number.isSafeInteger(value) || value < 0) throw invalid(`${name} is not an index`);
    if (start > finish + 1) throw invalid(`start ${start} is past finish ${finish}`);
    if (start > finish) return false;
    if (finish >= size) throw invalid(`entries ${start} to ${finish} came, the log has ${size}`);
    if (finish - start + 1 > maxRange)
      throw new NodeError("too_large", `${finish - start + 1} entries came, at most ${maxRange} wanted in one call`);
    return true;
  };
  const checkSize = (name: string, value: number, size: number): void => {
    if (!Number.isSafeInteger(value) || value < 0 || value > size)
      throw invalid(`${name} ${value} came, 0 to ${size} wanted`);
  };
  const consistency = async (of: Nodes, first: number, second: number, size: number): Promise<Hash[]> => {
    checkSize("first size", first, size);
    checkSize("second size", second, size);
    return resolveNeeds(consistencyProof(crypto, of.prefix, first, second, of.kept), reads);
  };
  const audit = async (of: Nodes, index: number, treeSize: number, size: number): Promise<Hash[]> => {
    checkSize("tree size", treeSize, size);
    return resolveNeeds(auditProof(crypto, of.prefix, index, treeSize, of.kept), reads);
  };
  const entryAt = async (index: number): Promise<MapEntry> => {
    const { valueDigest } = await readEntry(reads, keys, keptBundles, index, published.current.head.treeSize);
    return { digest: valueDigest, index };
  };
  const answerOf = async (answer: MapAnswer): Promise<MapValue> => {
    switch (answer.kind) {
      case "present":
        return { entry: await entryAt(answer.index), proof: answer.proof };
      case "absent":
        return { entry: undefined, proof: answer.proof };
      case "beside": {
        const { digest, index } = await entryAt(answer.other.index);
        const valueHash = mapValueHash(crypto, mapEntryBytes(digest, index));
        return { entry: undefined, proof: absenceBeside(crypto, answer, valueHash) };
      }
    }
  };

  return {
    info,
    async head(): Promise<LogHead> {
      return published.current.head;
    },
    consistencyProof: (first, second) =>
      explained("consistency proof", () => consistency(logNodes, first, second, published.current.head.treeSize)),
    auditProof: (index, treeSize) =>
      explained("audit proof", () => audit(logNodes, index, treeSize, published.current.head.treeSize)),
    mhConsistencyProof: (first, second) =>
      explained("map-head consistency proof", () =>
        consistency(mapHeadNodes, first, second, published.current.head.mhTreeSize),
      ),
    mhAuditProof: (index, treeSize) =>
      explained("map-head audit proof", () => audit(mapHeadNodes, index, treeSize, published.current.head.mhTreeSize)),
    entries: (start, finish) =>
      explained("entries", async (): Promise<LogLeaf[]> => {
        if (!checkRange(start, finish, published.current.head.treeSize)) return [];
        const indices = Array.from({ length: finish - start + 1 }, (_, i) => start + i);
        const [entries, hashes] = await Promise.all([
          readEntries(reads, keys, indices),
          leafHashes(keys.logTiles, start, finish),
        ]);
        return entries.map(({ key, valueDigest }, i) => ({ key, valueDigest, leafDigest: hashes[i]! }));
      }),
    mhEntries: (start, finish) =>
      explained("map-head entries", async (): Promise<LogLeaf[]> => {
        if (!checkRange(start, finish, published.current.head.mhTreeSize)) return [];
        const hashes = await leafHashes(keys.mapHeadTiles, start, finish);
        return hashes.map((leafDigest) => ({ key: undefined, valueDigest: undefined, leafDigest }));
      }),
    mapValue: (key, mapRoot) =>
      explained("map value", async (): Promise<MapValue> => {
        const at = await roots.find(mapRoot);
        if (!at) throw new NodeError("root_gone", "map root is not held: it was pruned or never published");
        return answerOf(await resolveNeeds(published.current.tree.prove(mapPath(crypto, key), at), reads));
      }),
    claims: (paths) =>
      explained("claims", async () => {
        const { head, tree } = published.current;
        const located = await resolveNeeds(tree.locate(paths), reads);
        // The map in memory may be ahead of the head.
        const held = located.map((index) => (index !== undefined && index < head.treeSize ? index : undefined));
        const indices = held.filter((index) => index !== undefined);
        const entries = await readEntries(reads, keys, indices);
        let next = 0;
        return held.map((index) => (index === undefined ? undefined : { digest: entries[next++]!.valueDigest, index }));
      }),
    keyByHashPart: (hashPart) =>
      explained("key by hash part", async () => {
        if (hashPart.length !== HASH_PART_BYTES)
          throw invalid(`a hash part of ${hashPart.length} bytes came, ${HASH_PART_BYTES} wanted`);
        const recordKey = keys.hashPart(hashPart);
        const [record] = await reads.getMany([recordKey]);
        if (!record) return undefined;
        const index = new RecordReader(record, "hash part record", recordKey).u48();
        // Written by a flush that has not been published yet.
        if (index >= published.current.head.treeSize) return undefined;
        const [entry] = await readEntries(reads, keys, [index]);
        return entry!.key;
      }),
  };
}

function invalid(message: string): NodeError {
  return new NodeError("invalid_argument", message);
}
