/**
 * The chain of heads: each validly signed, one after the other, the map-head log growing by one with each. Leaves of
 * heads that were retired are taken from their tiles: the root of the newest head commits to them.
 */
import { toHex } from "@trustix/crypto";
import { TILE_WIDTH, leafHash, tileKey } from "@trustix/merkle";
import { verifyHead } from "@trustix/protocol";
import { type StoredHead, decodeHead, mapHeadIndexOf } from "../logs/head-record.ts";
import { RecordReader } from "../logs/byte-records.ts";
import { numberOf } from "../logs/keys.ts";
import { TreeCheck } from "./check-log-tree.ts";
import type { Check } from "./fsck.ts";

export interface HeadsFound {
  readonly heads: number;
  readonly newest: StoredHead | undefined;
}

export async function checkHeads(check: Check): Promise<HeadsFound> {
  const { reads, crypto, keys, findings, progress } = check;
  const tree = new TreeCheck(crypto, reads, keys.mapHeadTiles, "map-head log", findings);
  let heads = 0;
  let newest: StoredHead | undefined;
  for await (const stored of storedHeads(check)) {
    const { head } = stored;
    const where = `head ${mapHeadIndexOf(head)}`;
    heads++;
    if (!verifyHead(crypto, check.info.publicKey, head)) findings.add("wrong", `${where}: not signed by the log's key`);
    if (newest && head.treeSize <= newest.head.treeSize)
      findings.add("wrong", `${where}: ${head.treeSize} entries, the head before it has ${newest.head.treeSize}`);
    await appendRetired(check, tree, mapHeadIndexOf(head));
    await tree.append(leafHash(crypto, head.mapRoot));
    tree.compareRoot(head.mhRoot, where);
    await checkRootRecord(check, stored);
    newest = stored;
    progress("heads", tree.tree.size, head.mhTreeSize);
  }
  await tree.finish();
  const { from, to } = keys.mapRoots();
  let roots = 0;
  for await (const _ of reads.range(from, to, { keysOnly: true })) roots++;
  if (roots > heads) findings.add("surplus", `${roots} map roots are recorded for ${heads} heads`);
  return { heads, newest };
}

/** Readable heads in their order; what cannot be read, or lies under another's number, is a problem and left out. */
export async function* storedHeads(check: Check): AsyncGenerator<StoredHead> {
  const { from, to } = check.keys.heads();
  for await (const [key, value] of check.reads.range(from, to)) {
    const number = numberOf(key);
    const stored = check.findings.reading(`head ${number}`, () => decodeHead(value, key));
    if (stored && mapHeadIndexOf(stored.head) !== number)
      check.findings.add("wrong", `head ${number} says it is number ${mapHeadIndexOf(stored.head)}`);
    else if (stored) yield stored;
  }
}

/** Leaves up to `next`, whose heads are no longer stored. */
async function appendRetired(check: Check, grown: TreeCheck, next: number): Promise<void> {
  for (let { size } = grown.tree; size < next; { size } = grown.tree) {
    const tile = Math.floor(size / TILE_WIDTH);
    const key = tileKey(check.keys.mapHeadTiles, 0, tile);
    const [stored] = await check.reads.getMany([key]);
    const end = Math.min(next, (tile + 1) * TILE_WIDTH);
    const leaves = stored?.subarray((size % TILE_WIDTH) * 32, (end - tile * TILE_WIDTH) * 32);
    const wanted = (end - size) * 32;
    if (leaves?.length !== wanted) check.findings.add("missing", `map-head leaves ${size} to ${end - 1}`);
    await grown.append(leaves?.length === wanted ? leaves : new Uint8Array(wanted));
  }
}

async function checkRootRecord({ reads, keys, findings }: Check, { head }: StoredHead): Promise<void> {
  const key = keys.mapRoot(head.mapRoot);
  const [record] = await reads.getMany([key]);
  const what = `record of map root ${toHex(head.mapRoot)}`;
  if (!record) return findings.add("missing", what);
  const number = findings.reading(what, () => new RecordReader(record, what, key).u48());
  if (number !== undefined && number !== mapHeadIndexOf(head))
    findings.add("wrong", `${what} names head ${number}, wanted ${mapHeadIndexOf(head)}`);
}
