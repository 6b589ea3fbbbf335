/** Records of no known kind between a log's own: nothing reads them, so nothing would notice that they are damage. */
import { toHex } from "@trustix/crypto";
import type { LogKeys } from "../logs/keys.ts";
import type { Check } from "./fsck.ts";

/** What a log of this node has. */
export function kindsOfPublished(keys: LogKeys): Uint8Array[] {
  const own = [keys.mapHeadTiles, keys.queuePosition, keys.heads().from, keys.mapRoots().from];
  return [...kindsOfAll(keys), ...own, keys.queueFrom(0).from, keys.allRefused().from];
}

/** What the copy of a followed log has. */
export function kindsOfCopy(keys: LogKeys): Uint8Array[] {
  return [...kindsOfAll(keys), keys.mirrorState, keys.missingValues().from];
}

function kindsOfAll(keys: LogKeys): Uint8Array[] {
  return [keys.bundles, keys.logTiles, keys.map, keys.hashParts().from];
}

/** `known`: keys of each kind that may be there. */
export async function checkSpaces(
  { reads, keys, findings }: Pick<Check, "reads" | "keys" | "findings">,
  known: readonly Uint8Array[],
): Promise<void> {
  const kinds = new Set(known.map((key) => key[3]!));
  const space = keys.bundles.subarray(0, 3);
  for (let kind = 0; kind < 256; kind++) {
    if (kinds.has(kind)) continue;
    const from = Uint8Array.of(...space, kind);
    const to = kind === 255 ? Uint8Array.of(...space, 255, 255) : Uint8Array.of(...space, kind + 1);
    for await (const [key] of reads.range(from, to, { keysOnly: true, limit: 1 }))
      findings.add("surplus", `a record of unknown kind ${kind} (key ${toHex(key)})`);
  }
}
