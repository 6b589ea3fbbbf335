/** The refused claims of a log, for the operator's eyes. */
import type { Reads } from "@trustix/storage";
import type { LogKeys } from "../logs/keys.ts";
import { NodeError } from "../errors.ts";
import type { RefusedClaim, RefusedPage } from "../model.ts";
import { decodeRefused } from "./refused-record.ts";

const PAGE_CLAIMS = 1000;
const PAGE_BYTES = 1 << 20;
/** A place is the end of a record's key: the hash of the claim's key, the digest of its value. */
const PLACE_BYTES = 64;

/**
 * The claims after the place `after`, in the order of their keys' hashes: 1000 or 1 MiB of them, but always one if there
 * is any. Throws `corrupt`, and `invalid_argument` for a place that no page ended with.
 */
export async function listRefused(reads: Reads, keys: LogKeys, after?: Uint8Array): Promise<RefusedPage> {
  if (after !== undefined && after.length !== PLACE_BYTES)
    throw new NodeError("invalid_argument", `a place of ${after.length} bytes came, ${PLACE_BYTES} wanted`);
  const { from, to } = after === undefined ? keys.allRefused() : keys.refusedAfter(after);
  const claims: RefusedClaim[] = [];
  let bytes = 0;
  let last = after;
  for await (const [key, value] of reads.range(from, to, { limit: PAGE_CLAIMS + 1 })) {
    bytes += value.length;
    if (claims.length === PAGE_CLAIMS || (claims.length > 0 && bytes > PAGE_BYTES)) return { claims, next: last };
    claims.push(decodeRefused(value, key));
    last = key.slice(key.length - PLACE_BYTES);
  }
  return { claims, next: undefined };
}
