/** A map and a log tree under one signed head that exclude each other. */
import type { Crypto } from "@trustix/crypto";
import { equalBytes } from "@trustix/crypto";
import { entryLeafHash, verifyAbsence, verifyInclusion, verifyPresence } from "@trustix/merkle";
import type { LogHead } from "@trustix/protocol";
import { mapEntryBytes, mapPath, mapValueHash, parseMapEntry, verifyHead } from "@trustix/protocol";
import type { EntryContradiction, LoggedEntry } from "./evidence.ts";

/**
 * Why this shows nothing against the holder of `publicKey`; `undefined`: it convicts. Throws the errors of proofs that do
 * not hold (`LogProofError`, `MapProofError`) and of what is no map entry (`ProtocolError`).
 */
export function whyEntriesAgree(
  crypto: Crypto,
  publicKey: Uint8Array,
  evidence: EntryContradiction,
): string | undefined {
  const { head, key } = evidence;
  if (!verifyHead(crypto, publicKey, head)) return "its head is not signed by the key";
  switch (evidence.kind) {
    case "map_entry_differs": {
      const { entry: bytes, mapProof, leaf, logProof } = evidence;
      verifyPresence(crypto, head.mapRoot, mapPath(crypto, key), mapValueHash(crypto, bytes), mapProof);
      const { digest, index } = parseMapEntry(bytes);
      // Readers differ on other spellings, so nobody is accused of what one of them reads.
      if (!equalBytes(mapEntryBytes(digest, index), bytes)) return "its map entry is not spelt as the protocol says";
      if (leaf === undefined) {
        if (logProof.length > 0) return "it proves a leaf and names none";
        return index < head.treeSize ? `the log does not end before entry ${index}` : undefined;
      }
      verifyInclusion(crypto, { index, size: head.treeSize, leaf, root: head.logRoot, proof: logProof });
      return equalBytes(leaf, entryLeafHash(crypto, key, digest)) ? "the log's entry is the map's" : undefined;
    }
    case "key_twice": {
      const [first, second] = evidence.entries;
      if (first.index >= second.index) return "its two entries are not two, the first before the second";
      verifyEntry(crypto, head, key, first);
      verifyEntry(crypto, head, key, second);
      return undefined;
    }
    case "key_missing_in_map":
      verifyEntry(crypto, head, key, evidence.entry);
      verifyAbsence(crypto, head.mapRoot, mapPath(crypto, key), evidence.mapProof);
      return undefined;
  }
}

function verifyEntry(crypto: Crypto, head: LogHead, key: Uint8Array, entry: LoggedEntry): void {
  const leaf = entryLeafHash(crypto, key, entry.digest);
  const { index, logProof: proof } = entry;
  verifyInclusion(crypto, { index, size: head.treeSize, leaf, root: head.logRoot, proof });
}
