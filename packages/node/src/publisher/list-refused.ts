/** The refused claims of a log, for the operator's eyes. */
import type { Reads } from "@trustix/storage";
import type { LogKeys } from "../logs/keys.ts";
import type { RefusedClaim } from "../model.ts";
import { decodeRefused } from "./refused-record.ts";

const MAX_CLAIMS = 10_000;
const MAX_BYTES = 64 << 20;

/** Oldest first; at most 10 000 claims or 64 MiB, whichever is less. Throws `corrupt`. */
export async function listRefused(reads: Reads, keys: LogKeys): Promise<RefusedClaim[]> {
  const claims: RefusedClaim[] = [];
  let bytes = 0;
  const { from, to } = keys.allRefused();
  for await (const [key, value] of reads.range(from, to, { limit: MAX_CLAIMS })) {
    bytes += value.length;
    if (bytes > MAX_BYTES) break;
    claims.push(decodeRefused(value, key));
  }
  return claims.sort((a, b) => a.time - b.time);
}
