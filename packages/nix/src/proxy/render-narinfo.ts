/**
 * The narinfo that clients get: the decided facts, where to get the NAR from this proxy, the local key's signature and
 * every other signature that was checked over exactly these facts.
 *
 * What is content-addressed has its address instead of the local signature: clients want none for it, and nobody voted on
 * it. Else neither `Deriver` nor `CA` is passed on: no signature covers them, and a client does not need them to install.
 */
import {
  formatCacheSignature,
  hashPartOf,
  NixFormatError,
  parseCacheSignature,
  parseSha256,
  printNarInfo,
  sha256Hash,
  signFacts,
  sortedPaths,
  verifiedSignatures,
  type CacheSecretKey,
  type CacheSignature,
  type SignedFacts,
} from "@trustix/nix-formats";
import { equalBytes, type Crypto } from "@trustix/crypto";
import { formatNarName } from "./nar-name.ts";
import type { Served, Source } from "./resolution.ts";

/** The text; ends in a newline, and `References: ` keeps its space when there are none. */
export function renderNarInfo(crypto: Crypto, key: CacheSecretKey, served: Served): string {
  const { facts, source, content } = served;
  const { fileHash, fileSize } = fileOf(source, facts);
  const own = content === undefined ? [signFacts(crypto, key, facts)] : [];
  return printNarInfo({
    ...facts,
    url: formatNarName({
      hashPart: hashPartOf(facts.storePath),
      narHash: facts.narHash,
      // Of an uncompressed file the NAR hash says it all.
      fileHash: source.compression === "none" ? undefined : fileHash,
      compression: source.compression,
    }),
    compression: source.compression,
    fileHash: fileHash && sha256Hash(fileHash),
    fileSize,
    deriver: undefined,
    ca: content,
    signatures: eachOnce([...own, ...upstreamSignatures(crypto, served), ...voterSignatures(served)]),
  });
}

/** Hash and size of the file as it is transferred, as far as they are known. */
export function fileOf(
  source: Source,
  facts: SignedFacts,
): { fileHash: Uint8Array | undefined; fileSize: number | undefined } {
  // An uncompressed file is the NAR itself, whatever the upstream says.
  if (source.compression === "none") return { fileHash: facts.narHash, fileSize: facts.narSize };
  const { fileHash, fileSize } = source.info;
  return { fileHash: fileHash?.algorithm === "sha256" ? fileHash.digest : undefined, fileSize };
}

function upstreamSignatures(crypto: Crypto, { facts, source }: Served): CacheSignature[] {
  const { upstream, info } = source;
  const same = sortedPaths(facts.references).join() === sortedPaths(info.references).join();
  return same ? verifiedSignatures(crypto, upstream.publicKeys, facts, info.signatures) : [];
}

/** Those of cache keys that voted for these bytes; the voters' client checked them over what they claim. */
function voterSignatures({ facts, votes }: Served): CacheSignature[] {
  return votes.flatMap(({ outcome, narHash, signature }) => {
    if (outcome !== "claims" || narHash === undefined || signature === undefined) return [];
    try {
      return equalBytes(parseSha256(narHash), facts.narHash) ? [parseCacheSignature(signature)] : [];
    } catch (error) {
      if (error instanceof NixFormatError) return [];
      throw error;
    }
  });
}

function eachOnce(signatures: readonly CacheSignature[]): CacheSignature[] {
  return [...new Map(signatures.map((signature) => [formatCacheSignature(signature), signature])).values()];
}
