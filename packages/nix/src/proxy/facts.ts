/** A decided claim as facts that can be signed, and whether an upstream's narinfo says the same. */
import { equalBytes } from "@trustix/crypto";
import {
  parseSha256,
  parseStorePath,
  sortedPaths,
  type NarInfo,
  type SignedFacts,
  type StorePath,
} from "@trustix/nix-formats";
import { parseNixValue } from "@trustix/protocol";

/** Throws `ProtocolError` or `NixFormatError` for a value that is no claim, `Error` for one about another path. */
export function factsOfValue(storePath: StorePath, value: Uint8Array): SignedFacts {
  const claim = parseNixValue(value);
  if (claim.path !== storePath) throw new Error(`the value decided for ${storePath} is about ${claim.path}`);
  return {
    storePath,
    narHash: parseSha256(claim.narHash),
    narSize: claim.narSize,
    references: claim.references.map((reference) => parseStorePath(reference)),
  };
}

/** Whether both say the same of the same path, references in any order. */
export function sameFacts(a: SignedFacts, b: SignedFacts): boolean {
  return (
    a.storePath === b.storePath &&
    a.narSize === b.narSize &&
    equalBytes(a.narHash, b.narHash) &&
    sortedPaths(a.references).join() === sortedPaths(b.references).join()
  );
}

/** Whether the narinfo's NAR is the one of these facts. Its references do not matter: those of the facts are served. */
export function hasNarOf(facts: SignedFacts, info: NarInfo): boolean {
  return info.narSize === facts.narSize && equalBytes(info.narHash, facts.narHash);
}
