/**
 * One pass over all claims into a tally. Where all agree, their digests say so; where they differ, the values are read and
 * compared as facts, and the key is read, because what differs counts for or against its package.
 */
import { type Crypto, equalBytes, toHex } from "@trustix/crypto";
import type { PathClaim, Tally } from "@trustix/decider";
import type { Hash, LogId, LogLeaf, Protocol } from "@trustix/protocol";
import { type ClaimScan, type ScannedClaim, type ScannedKey, scanClaims } from "../claims/scan-claims.ts";
import { comparesFacts, opinionsOf } from "@trustix/decider";
import type { Values } from "../model.ts";

export interface CountOptions {
  readonly crypto: Crypto;
  readonly scan: ClaimScan;
  readonly protocol: Protocol;
  readonly values: Values;
  /** The entry of a voter's log, for the key in it. */
  readonly entry: (logId: LogId, index: number) => Promise<LogLeaf | undefined>;
  readonly signal: AbortSignal;
}

/** Returns how many keys were counted. Throws what the store throws, and when `signal` is aborted. */
export async function countClaims(tally: Tally, options: CountOptions): Promise<number> {
  let count = 0;
  for await (const batch of scanClaims(options.scan)) {
    options.signal.throwIfAborted();
    for (const key of batch) {
      count++;
      if (agree(key.claims)) tally.add(undefined, key.claims.map(asClaimed));
      else await addDiffering(tally, key, options);
    }
    // Millions of rows are no reason to answer nobody meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return count;
}

function agree(claims: readonly ScannedClaim[]): boolean {
  return claims.every(({ digest }) => equalBytes(digest, claims[0]!.digest));
}

function asClaimed({ logId, digest, firstSeen }: ScannedClaim): PathClaim {
  return { voter: logId, opinion: digest, firstSeen };
}

async function addDiffering(tally: Tally, { claims }: ScannedKey, options: CountOptions): Promise<void> {
  const { crypto, protocol, values, entry } = options;
  const key = (await entry(claims[0]!.logId, claims[0]!.index))?.key;
  if (key === undefined) return tally.add(undefined, claims.map(asClaimed));
  const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("utf8");
  if (!comparesFacts(protocol)) return tally.add(text, claims.map(asClaimed));
  const digests = new Map<string, Hash>(claims.map(({ digest }) => [toHex(digest), digest]));
  const stored = await values.getMany([...digests.values()]);
  const known = new Map([...digests.keys()].flatMap((name, i) => (stored[i] ? [[name, stored[i]] as const] : [])));
  const { opinions } = opinionsOf(crypto, key, known);
  tally.add(
    text,
    claims.map((claim) => ({ ...asClaimed(claim), opinion: opinions.get(toHex(claim.digest)) ?? claim.digest })),
  );
}
