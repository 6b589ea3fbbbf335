/** A claim about one store path, on its way to a log: the key and the canonical value of the Nix protocol. */
import { toBase64, utf8 } from "@trustix/crypto";
import type { StorePath } from "@trustix/nix-formats";
import { encodeNixValue } from "@trustix/protocol";

/** What a store says about one of its paths. */
export interface PathFacts {
  readonly path: StorePath;
  /** SHA-256 of the path's NAR: 32 bytes. */
  readonly narHash: Uint8Array;
  readonly narSize: number;
  /** In any order. */
  readonly references: readonly StorePath[];
}

export interface Claim {
  readonly path: StorePath;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What the node made of a batch. An outage (nobody answers, time is up) is a rejected promise instead. */
export type SubmitOutcome =
  /** Durable at the node, the refused keys aside: another value stands there already. */
  | { readonly state: "accepted"; readonly refused: readonly Uint8Array[] }
  /** The node will never take this batch as it is (malformed, too large); nothing of it was kept. */
  | { readonly state: "invalid"; readonly why: string };

/** Hands claims to a log. Resolves only when accepted ones would survive power loss at the node. */
export type Submit = (claims: readonly Claim[], signal: AbortSignal) => Promise<SubmitOutcome>;

/** The claim that these facts make. Throws `ProtocolError` for facts no log of the Nix protocol can hold. */
export function claimOf(facts: PathFacts): Claim {
  const { path, narSize, references } = facts;
  const value = encodeNixValue({ path, narHash: `sha256-${toBase64(facts.narHash)}`, narSize, references });
  return { path, key: utf8(path), value };
}
