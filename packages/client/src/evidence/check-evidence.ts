/** Whether evidence convicts: the one check, for every kind. */
import type { Crypto } from "@trustix/crypto";
import { equalBytes } from "@trustix/crypto";
import { LogProofError, MapProofError } from "@trustix/merkle";
import { NixFormatError } from "@trustix/nix-formats";
import { ProtocolError } from "@trustix/protocol";
import { whyNarInfosAgree } from "./cache-contradictions.ts";
import { whyEntriesAgree } from "./entry-contradictions.ts";
import type { Evidence } from "./evidence.ts";
import { whyHeadsAgree } from "./head-contradictions.ts";

/**
 * Returns if `evidence` convicts the holder of `publicKey`: everything that was signed in it is checked. Throws
 * `ProtocolError` (`mismatch`), saying what is missing, otherwise.
 */
export function checkEvidence(crypto: Crypto, evidence: Evidence, publicKey: Uint8Array): void {
  const why = equalBytes(evidence.publicKey, publicKey) ? whyNothing(crypto, evidence) : "it accuses another key";
  if (why !== undefined) throw new ProtocolError("mismatch", `evidence: it does not convict: ${why}`);
}

function whyNothing(crypto: Crypto, evidence: Evidence): string | undefined {
  const { publicKey } = evidence;
  try {
    switch (evidence.kind) {
      case "same_size":
      case "map_heads_missing":
      case "log_rewritten":
      case "map_heads_rewritten":
      case "map_root":
        return whyHeadsAgree(crypto, publicKey, evidence);
      case "map_entry_differs":
      case "key_twice":
      case "key_missing_in_map":
        return whyEntriesAgree(crypto, publicKey, evidence);
      case "cache_key_signed_two":
        return whyNarInfosAgree(crypto, publicKey, evidence);
    }
  } catch (error) {
    const isRefusal =
      error instanceof LogProofError ||
      error instanceof MapProofError ||
      error instanceof NixFormatError ||
      error instanceof ProtocolError;
    if (isRefusal) return error.message;
    throw error;
  }
}
