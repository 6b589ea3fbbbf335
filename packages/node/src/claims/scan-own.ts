/**
 * The keys of this node's own logs that nobody in the claims table claims anything for, in the order of the logs and their
 * entries. Together with `scanClaims` this is every key that anybody is known to claim, each once.
 */
import type { Crypto } from "@trustix/crypto";
import { mapPath, type Hash } from "@trustix/protocol";
import type { LogReader } from "../model.ts";
import { claimKey } from "../logs/keys.ts";
import { decodeClaim } from "./claims.ts";
import type { ClaimScan, ScannedClaim, ScannedKey } from "./scan-claims.ts";

export interface OwnScan extends Omit<ClaimScan, "own" | "after"> {
  readonly crypto: Crypto;
  readonly own: readonly Pick<LogReader, "info" | "claims" | "entries" | "head">[];
  /** Where to begin: position of the log among `own`, index of its entry. */
  readonly from: OwnPlace;
}

export interface OwnPlace {
  readonly log: number;
  readonly index: number;
}

export interface OwnKeys {
  readonly keys: readonly ScannedKey[];
  /** What comes after them. */
  readonly next: OwnPlace;
}

const ENTRIES_AT_ONCE = 256;

/** In batches, which may be empty. Throws what the store throws; `unavailable` for a log that was never signed. */
export async function* scanOwn(scan: OwnScan): AsyncGenerator<OwnKeys> {
  const { own, from } = scan;
  for (let log = from.log; log < own.length; log++) {
    const { treeSize } = await own[log]!.head();
    for (let index = log === from.log ? from.index : 0; index < treeSize; index += ENTRIES_AT_ONCE) {
      const last = Math.min(index + ENTRIES_AT_ONCE, treeSize) - 1;
      yield { keys: await keysOf(scan, log, index, last), next: { log, index: last + 1 } };
    }
  }
}

async function keysOf(scan: OwnScan, log: number, first: number, last: number): Promise<ScannedKey[]> {
  const { crypto, own } = scan;
  const reader = own[log]!;
  const entries = await reader.entries(first, last);
  const paths = entries.map(({ key }) => mapPath(crypto, key!));
  const isElsewhere = await claimedInTable(scan, paths);
  const others = await Promise.all(own.map(async (other, i) => (i === log ? [] : other.claims(paths))));
  return entries.flatMap(({ valueDigest }, i): ScannedKey[] => {
    // A log before this one has brought it.
    if (isElsewhere[i] === true || others.some((found, k) => k < log && found[i] !== undefined)) return [];
    const claims: ScannedClaim[] = [
      { logId: reader.info.id, digest: valueDigest!, index: first + i, firstSeen: 0 },
      ...others.flatMap((found, k) => {
        const entry = found[i];
        return entry === undefined ? [] : [{ logId: own[k]!.info.id, ...entry, firstSeen: 0 }];
      }),
    ];
    return [{ path: paths[i]!, claims }];
  });
}

/** Whether a voter of the scan has a claim in the table that counts. */
async function claimedInTable({ reads, voters }: OwnScan, paths: readonly Hash[]): Promise<boolean[]> {
  const serials = [...voters].filter(([, { size }]) => size() !== undefined);
  const keys = paths.flatMap((path) => serials.map(([serial]) => claimKey(path, serial)));
  const records = await reads.getMany(keys);
  return paths.map((_, i) =>
    serials.some(([, { size }], k) => {
      const record = records[i * serials.length + k];
      return record !== undefined && decodeClaim(record, keys[i * serials.length + k]!).index < size()!;
    }),
  );
}
