/**
 * What claims mean, rather than how they are spelt. Claims of the Nix protocol are compared as facts: path, NAR hash, size,
 * set of references. Two that say the same are one opinion, whose digest is that of the canonical form.
 */
import { type Crypto, equalBytes, toHex, utf8 } from "@trustix/crypto";
import { type Hash, NIX, type Protocol, ProtocolError, canonicalNixValue } from "@trustix/protocol";

export interface Opinions {
  /** By the hex of a claimed digest; one that is not there stands for itself. */
  readonly opinions: ReadonlyMap<string, Hash>;
  /** Canonical bytes by the hex of the opinion's digest, for opinions whose value could be had. */
  readonly values: ReadonlyMap<string, Uint8Array>;
}

/** Whether claims of the protocol have a meaning beside their bytes. */
export function comparesFacts(protocol: Protocol): boolean {
  return protocol.id === NIX.id;
}

/** Of a protocol that compares facts. `values`: by the hex of their digests, which were checked. */
export function opinionsOf(crypto: Crypto, key: Uint8Array, values: ReadonlyMap<string, Uint8Array>): Opinions {
  const opinions = new Map<string, Hash>();
  const canonical = new Map<string, Uint8Array>();
  for (const [claimed, value] of values) {
    const facts = factsOf(key, value);
    if (facts === undefined || facts === value) {
      canonical.set(claimed, value);
      continue;
    }
    const digest = crypto.sha256(facts);
    opinions.set(claimed, digest);
    canonical.set(toHex(digest), facts);
  }
  return { opinions, values: canonical };
}

/** In canonical form; `undefined` for what states no facts about this key: it stands for itself. */
function factsOf(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  try {
    const { value: facts, canonical } = canonicalNixValue(value);
    return equalBytes(utf8(facts.path), key) ? canonical : undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
