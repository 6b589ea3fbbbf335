/** Records of no known kind between a log's own: nothing reads them, so nothing would notice that they are damage. */
import { toHex } from "@trustix/crypto";
import type { Check } from "./fsck.ts";

export async function checkSpaces({ reads, keys, findings }: Check): Promise<void> {
  const known = [keys.bundles, keys.logTiles, keys.mapHeadTiles, keys.map, keys.queuePosition, keys.heads().from];
  known.push(keys.mapRoots().from, keys.queueFrom(0).from, keys.allRefused().from, keys.hashParts().from);
  const kinds = new Set(known.map((prefix) => prefix[3]!));
  const space = keys.bundles.subarray(0, 3);
  for (let kind = 0; kind < 256; kind++) {
    if (kinds.has(kind)) continue;
    const from = Uint8Array.of(...space, kind);
    const to = kind === 255 ? Uint8Array.of(...space, 255, 255) : Uint8Array.of(...space, kind + 1);
    for await (const [key] of reads.range(from, to, { keysOnly: true, limit: 1 }))
      findings.add("surplus", `a record of unknown kind ${kind} (key ${toHex(key)})`);
  }
}
