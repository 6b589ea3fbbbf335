/**
 * Catching up after the store went back: the entries that were published and lost are fetched from whoever kept them
 * and appended under the very head that was signed over them. Nothing new is signed, and nothing the source says is
 * believed: entries that do not make the roots of a head signed by our own key are refused.
 */
import { equalBytes } from "@trustix/crypto";
import { type Hash, type LogHead, type UnsignedHead, headDigest, verifyHead } from "@trustix/protocol";
import type { Change } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import type { SubmitItem } from "../model.ts";
import { appendEntries } from "./append-entries.ts";
import { valueKey } from "../logs/keys.ts";
import { judgeQueued } from "./judge-items.ts";
import type { PublisherOptions } from "./options.ts";
import { type PreparedItem, checkItems, prepareItems } from "../logs/prepare-items.ts";
import type { Work } from "./working-state.ts";

/** Somebody who has what we lost: a follower's mirror, a newer copy of the state. */
export interface LostEntries {
  head(): Promise<LogHead>;
  /** Keys and values of entries `start..finish` inclusive, at most 1000. */
  entries(start: number, finish: number): Promise<readonly SubmitItem[]>;
  /** Leaf hashes `start..finish` inclusive of the map-head log, at most 1000. */
  mapHeadLeaves(start: number, finish: number): Promise<readonly Hash[]>;
}

const CALL = 1000;
/** All of it is one batch, so it is held in memory. */
const MAX_ENTRIES = 2_000_000;
const MAX_BYTES = 512 << 20;
const MAX_VALUE = 16 << 20;

/** The records that bring the store up to the source's head. Changes the trees of `work`: drop it whatever happens. */
export async function recoverChanges(work: Work, source: LostEntries, options: PublisherOptions): Promise<Change[]> {
  const { crypto, published, store, clock } = options;
  const { info, keys } = published;
  const { trees } = work;
  const head = await source.head();
  if (!verifyHead(crypto, info.publicKey, head))
    throw new NodeError("unverifiable", `the source's head of ${head.treeSize} entries is not signed by the log's key`);
  if (work.last && head.treeSize <= work.last.head.treeSize)
    throw new NodeError("stale_head", `the source has ${head.treeSize} entries, the store ${work.last.head.treeSize}`);
  if (head.mhTreeSize <= trees.mapHeads.size)
    throw new NodeError(
      "unverifiable",
      `the source's head has ${head.mhTreeSize} map heads, the store ${trees.mapHeads.size}`,
    );
  if (head.treeSize - trees.log.size > MAX_ENTRIES || head.mhTreeSize - trees.mapHeads.size > MAX_ENTRIES)
    throw new NodeError(
      "too_large",
      `${head.treeSize - trees.log.size} entries are missing, at most ${MAX_ENTRIES} can be recovered`,
    );

  const items = await fetchItems(source, trees.log.size, head.treeSize, options);
  const verdict = await judgeQueued(work, items, store, keys);
  if (verdict.accepted.length !== items.length)
    throw new NodeError("unverifiable", "the source's entries claim a key twice, or one that the store has");
  const mapHeadLeaves = await fetchLeaves(source, trees.mapHeads.size, head.mhTreeSize - 1);
  const sign = (made: UnsignedHead): LogHead => {
    if (equalBytes(headDigest(crypto, made), headDigest(crypto, head))) return head;
    throw new NodeError("unverifiable", `the source's entries do not make its head of ${head.treeSize} entries`);
  };
  const at = { protocolId: info.protocol.id, time: clock.now(), valueKey };
  const append = { crypto, keys, trees, items, mapHeadLeaves, ...at, sign };
  return (await appendEntries(append, store)).changes;
}

async function fetchItems(
  source: LostEntries,
  from: number,
  to: number,
  { crypto }: PublisherOptions,
): Promise<PreparedItem[]> {
  const items: PreparedItem[] = [];
  let bytes = 0;
  for (let at = from; at < to; at += CALL) {
    const finish = Math.min(at + CALL, to) - 1;
    const fetched = await source.entries(at, finish);
    checkCount("entries", fetched.length, at, finish);
    checkItems(fetched, MAX_VALUE);
    for (const { key, value } of fetched) bytes += key.length + value.length;
    if (bytes > MAX_BYTES)
      throw new NodeError("too_large", `the missing entries have over ${MAX_BYTES} bytes, more than can be recovered`);
    items.push(...prepareItems(crypto, fetched));
  }
  return items;
}

async function fetchLeaves(source: LostEntries, from: number, to: number): Promise<Uint8Array> {
  const leaves = new Uint8Array((to - from) * 32);
  for (let at = from; at < to; at += CALL) {
    const finish = Math.min(at + CALL, to) - 1;
    const fetched = await source.mapHeadLeaves(at, finish);
    checkCount("map-head leaves", fetched.length, at, finish);
    for (const [i, leaf] of fetched.entries()) {
      if (leaf.length !== 32) throw new NodeError("unverifiable", `map-head leaf ${at + i} has ${leaf.length} bytes`);
      leaves.set(leaf, (at + i - from) * 32);
    }
  }
  return leaves;
}

function checkCount(what: string, got: number, start: number, finish: number): void {
  if (got !== finish - start + 1)
    throw new NodeError("unverifiable", `${what} ${start} to ${finish}: the source gave ${got}`);
}
