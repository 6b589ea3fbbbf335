/**
 * L0. Nix's formats: nix32 and hashes, store paths, narinfo, signatures, NAR, derivations, `nix path-info`. Everything is
 * checked where bytes come in, bounded, linear, and refused with a `NixFormatError` that names the place. Printing is byte
 * for byte what Nix writes; the fixtures of the tests are real Nix's.
 *
 * @example
 * const info = parseNarInfo(bytes);
 * const key = parsePublicCacheKey("cache.example-1:...");
 * if (!info.signatures.some((signature) => verifyFacts(crypto, key, info, signature))) throw new Error("not signed");
 */
export { NixFormatError } from "./error.ts";

// Hashes and paths.
export { fromNix32, nix32Length, toNix32 } from "./nix32.ts";
export {
  formatHexHash,
  formatNix32Hash,
  formatSriHash,
  parseHash,
  parseSha256,
  sha256Hash,
  type HashAlgorithm,
  type NixHash,
} from "./hash.ts";
export {
  baseNameOf,
  hashPartBytes,
  hashPartOf,
  isHashPart,
  makeStorePath,
  nameOf,
  parseStorePath,
  sortedPaths,
  STORE_DIR,
  storePathOfBaseName,
  textPath,
  type StorePath,
} from "./store-path.ts";
export {
  contentPath,
  formatContentAddress,
  parseContentAddress,
  type ContentAddress,
  type ContentMethod,
} from "./content-address.ts";

// Binary caches.
export { MAX_NARINFO_BYTES, parseNarInfo, printNarInfo, type NarInfo } from "./narinfo.ts";
export { checkNarUrl } from "./nar-url.ts";
export { parseCacheInfo, printCacheInfo, type CacheInfo } from "./cache-info.ts";
export {
  fingerprintOf,
  formatCacheSignature,
  formatPublicCacheKey,
  formatSecretCacheKey,
  isKeyName,
  parseCacheSignature,
  parsePublicCacheKey,
  parseSecretCacheKey,
  signFacts,
  verifiedSignatures,
  verifyFacts,
  type CachePublicKey,
  type CacheSecretKey,
  type CacheSignature,
  type SignedFacts,
} from "./signature.ts";

// Archives.
export { eventsOf, NAR_LIMITS, type NarEvent, type NarLimits, type NarTree } from "./nar/events.ts";
export { checkNar, NarReader, type NarReaderOptions, type NarSummary } from "./nar/reader.ts";
export { hashNar, narOf, writeNar } from "./nar/writer.ts";

// Derivations and the store's own account of its paths.
export {
  derivationPath,
  envBytes,
  envText,
  printDerivation,
  type Derivation,
  type DerivationOutput,
  type InputOutputs,
} from "./derivation/derivation.ts";
export { MAX_DERIVATION_BYTES, parseDerivation } from "./derivation/parse.ts";
export { MAX_PATH_INFO_BYTES, parsePathInfos, type PathInfo, type ValidPathInfo } from "./path-info.ts";
