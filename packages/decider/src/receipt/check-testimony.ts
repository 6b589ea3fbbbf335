/** Whether a vote is shown by what comes with it, to somebody who knows the voter's key and nothing else. */
import type { Crypto } from "@trustix/crypto";
import { equalBytes, utf8 } from "@trustix/crypto";
import {
  LogProofError,
  MapProofError,
  entryLeafHash,
  verifyAbsence,
  verifyInclusion,
  verifyPresence,
} from "@trustix/merkle";
import {
  NixFormatError,
  type NarInfo,
  formatSriHash,
  parseNarInfo,
  sha256Hash,
  verifyFacts,
} from "@trustix/nix-formats";
import {
  NIX,
  ProtocolError,
  encodeNixValue,
  logIdOf,
  mapEntryBytes,
  mapPath,
  mapValueHash,
  verifyHead,
} from "@trustix/protocol";
import type { LogId, Protocol, Testimony, VoteProof } from "@trustix/protocol";

/** A voter by its keys, raw Ed25519 of 32 bytes. */
export type VoterKeys =
  | { readonly kind: "log"; readonly publicKey: Uint8Array }
  /** Any of them signs; the first is the voter's id. */
  | { readonly kind: "binary-cache"; readonly publicKeys: readonly Uint8Array[] };

/** The id of the voter with these keys. */
export function voterIdOf(crypto: Crypto, protocol: Protocol, keys: VoterKeys): LogId {
  const publicKey = keys.kind === "log" ? keys.publicKey : keys.publicKeys[0]!;
  return logIdOf(crypto, { protocol: keys.kind === "log" ? protocol : NIX, publicKey });
}

/**
 * Why the vote is not shown; `undefined`: it is. Only claims, and absences with a proof, can be: what else a voter did
 * is only asserted by whoever says so.
 */
export function whyNotShown(
  crypto: Crypto,
  keys: VoterKeys,
  key: Uint8Array,
  { vote, proof }: Testimony,
): string | undefined {
  if (proof === undefined) return "nothing shows it";
  if (vote.outcome !== "claims" && vote.outcome !== "absent") return `a proof came with "${vote.outcome}"`;
  try {
    return proof.kind === "narinfo"
      ? whyNotSigned(crypto, keys, key, vote.digest, proof)
      : whyNotLogged(crypto, keys, key, vote.digest, proof);
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

function whyNotLogged(
  crypto: Crypto,
  keys: VoterKeys,
  key: Uint8Array,
  digest: Uint8Array | undefined,
  { head, entry, mapProof, logProof }: Extract<VoteProof, { kind: "log" }>,
): string | undefined {
  if (keys.kind !== "log") return "a log's proof came for a binary cache";
  if (!verifyHead(crypto, keys.publicKey, head)) return "its head is not signed by the log's key";
  const path = mapPath(crypto, key);
  if (digest === undefined || entry === undefined) {
    if (digest !== undefined || entry !== undefined || logProof.length > 0) return "the proof is of another vote";
    verifyAbsence(crypto, head.mapRoot, path, mapProof);
    return undefined;
  }
  if (!equalBytes(entry.digest, digest)) return "the proof is of another digest";
  verifyPresence(crypto, head.mapRoot, path, mapValueHash(crypto, mapEntryBytes(entry.digest, entry.index)), mapProof);
  const leaf = entryLeafHash(crypto, key, digest);
  verifyInclusion(crypto, {
    index: entry.index,
    size: head.treeSize,
    leaf,
    root: head.logRoot,
    proof: logProof,
  });
  return undefined;
}

function whyNotSigned(
  crypto: Crypto,
  keys: VoterKeys,
  key: Uint8Array,
  digest: Uint8Array | undefined,
  { narInfo }: Extract<VoteProof, { kind: "narinfo" }>,
): string | undefined {
  if (keys.kind !== "binary-cache") return "a cache's answer came for a log";
  if (digest === undefined) return "a signed answer came for an absence";
  const info = parseNarInfo(narInfo);
  const isSigned = info.signatures.some((signature) =>
    keys.publicKeys.some((publicKey) => verifyFacts(crypto, { name: signature.name, publicKey }, info, signature)),
  );
  if (!isSigned) return "the cache's answer is not signed by its key";
  const value = encodeNixValue(factsOf(info));
  if (!equalBytes(utf8(info.storePath), key)) return "the cache's answer is of another path";
  return equalBytes(crypto.sha256(value), digest) ? undefined : "the cache's answer states other facts";
}

function factsOf({ storePath, narHash, narSize, references }: NarInfo) {
  return { path: storePath, narHash: formatSriHash(sha256Hash(narHash)), narSize, references };
}
