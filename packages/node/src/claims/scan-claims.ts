/**
 * Everything that anybody is known to claim, key by key in the order of their map paths, with the claims of this node's
 * own logs beside those of the table. A few hundred keys at a time, so that whoever scans millions leaves room for others.
 */
import { equalBytes } from "@trustix/crypto";
import type { Hash, LogId } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { allClaims, claimsBehind, serialOfClaim } from "../logs/keys.ts";
import type { LogReader } from "../model.ts";
import { decodeClaim } from "./claims.ts";

export interface ScannedClaim {
  readonly logId: LogId;
  readonly digest: Hash;
  /** Of the entry in the voter's log that makes the claim. */
  readonly index: number;
  /** Milliseconds since 1970 when this node first had it. */
  readonly firstSeen: number;
}

export interface ScannedKey {
  /** H(key). */
  readonly path: Hash;
  readonly claims: readonly ScannedClaim[];
}

export interface ScannedVoter {
  readonly logId: LogId;
  /** Claims with a smaller index count; `undefined`: none does. */
  readonly size: () => number | undefined;
}

export interface ClaimScan {
  readonly reads: Reads;
  /** By serial; rows of other voters are passed over. */
  readonly voters: ReadonlyMap<number, ScannedVoter>;
  /** Keys that nobody else claims anything for are not looked for in them. */
  readonly own: readonly Pick<LogReader, "info" | "claims">[];
  /** Only keys with larger paths; `undefined`: all. */
  readonly after?: Hash | undefined;
}

const KEYS_AT_ONCE = 500;

/** In batches. Throws `corrupt`, and what the store throws. */
export async function* scanClaims(scan: ClaimScan): AsyncGenerator<readonly ScannedKey[]> {
  let batch: { path: Hash; claims: ScannedClaim[] }[] = [];
  const { from, to } = scan.after === undefined ? allClaims() : claimsBehind(scan.after);
  for await (const [key, value] of scan.reads.range(from, to)) {
    const voter = scan.voters.get(serialOfClaim(key));
    const size = voter?.size();
    if (voter === undefined || size === undefined) continue;
    const claim = decodeClaim(value, key);
    if (claim.index >= size) continue;
    const path = key.subarray(1, 33);
    const last = batch.at(-1);
    if (last !== undefined && equalBytes(last.path, path)) {
      last.claims.push({ logId: voter.logId, ...claim });
      continue;
    }
    if (batch.length === KEYS_AT_ONCE) {
      yield await withOwn(scan, batch);
      batch = [];
    }
    batch.push({ path: path.slice(), claims: [{ logId: voter.logId, ...claim }] });
  }
  if (batch.length > 0) yield withOwn(scan, batch);
}

/** Own claims are as old as the youngest that they are compared with: only then is there anything to compare. */
async function withOwn(
  { own }: ClaimScan,
  batch: { readonly path: Hash; readonly claims: ScannedClaim[] }[],
): Promise<readonly ScannedKey[]> {
  for (const log of own) {
    const found = await log.claims(batch.map(({ path }) => path));
    for (const [i, { claims }] of batch.entries()) {
      const entry = found[i];
      if (entry === undefined) continue;
      const firstSeen = Math.max(...claims.map((claim) => claim.firstSeen));
      claims.push({ logId: log.info.id, digest: entry.digest, index: entry.index, firstSeen });
    }
  }
  return batch;
}
