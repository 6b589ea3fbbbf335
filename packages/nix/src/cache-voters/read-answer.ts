/**
 * A narinfo as a cache sent it, and which of the configured voters signed it. It counts only for exactly the path that was
 * asked for; a signature counts for whoever's key made it, whatever name stands before it. Reading is for hostile bytes:
 * bounded in size, in signatures, and in how many of them are tried.
 */
import { utf8, type Crypto } from "@trustix/crypto";
import {
  fingerprintOf,
  formatHexHash,
  NixFormatError,
  parseNarInfo,
  type CachePublicKey,
  type CacheSignature,
  type NarInfo,
  type StorePath,
} from "@trustix/nix-formats";
import type { Hash, LogId } from "@trustix/protocol";
import { claimOf } from "../claim.ts";

/** A key that speaks for a voter. */
export interface VoterKey extends CachePublicKey {
  readonly voter: LogId;
}

export interface SignedAnswer {
  /** As it came. */
  readonly narInfo: Uint8Array;
  /** Equal if and only if the facts are. */
  readonly facts: string;
  /** The claim, in canonical form. */
  readonly value: Uint8Array;
  /** H(value). */
  readonly digest: Hash;
  /** By which key; at least one. */
  readonly signers: ReadonlyMap<LogId, VoterKey>;
  /** Names the file that it leads to, if it says its hash. */
  readonly file: string | undefined;
}

/** Nobody whose word counts signed it. */
export class UnsignedError extends Error {
  override name = "UnsignedError";
}

const MAX_SIGNATURES = 16;
const MAX_TRIES = 64;
const SHOWN_NAMES = 4;

/** Throws `NixFormatError`, `ProtocolError`, `UnsignedError`. */
export function readAnswer(
  crypto: Crypto,
  keys: readonly VoterKey[],
  storePath: StorePath,
  narInfo: Uint8Array,
): SignedAnswer {
  const info = parseNarInfo(narInfo);
  if (info.storePath !== storePath) throw new NixFormatError("narinfo", "StorePath", `it is of ${info.storePath}`);
  const facts = fingerprintOf(info);
  const signers = signersOf(crypto, keys, utf8(facts), info.signatures);
  if (signers.size === 0) throw new UnsignedError(whyUnsigned(info));
  const { value } = claimOf({ ...info, path: storePath });
  const file = info.fileHash && `${info.url} ${formatHexHash(info.fileHash)}`;
  return { narInfo, facts, value, digest: crypto.sha256(value), signers, file };
}

/** Which voters signed these bytes. Keys of the signature's name are tried first: the others only matter once one was renamed. */
function signersOf(
  crypto: Crypto,
  keys: readonly VoterKey[],
  signed: Uint8Array,
  signatures: readonly CacheSignature[],
): Map<LogId, VoterKey> {
  const named: [CacheSignature, VoterKey][] = [];
  const others: [CacheSignature, VoterKey][] = [];
  for (const signature of signatures.slice(0, MAX_SIGNATURES))
    for (const key of keys) (signature.name === key.name ? named : others).push([signature, key]);
  const signers = new Map<LogId, VoterKey>();
  const spent = new Set<CacheSignature>();
  for (const [signature, key] of [...named, ...others].slice(0, MAX_TRIES)) {
    if (spent.has(signature) || signers.has(key.voter)) continue;
    if (!crypto.ed25519Verify(key.publicKey, signed, signature.signature)) continue;
    spent.add(signature);
    signers.set(key.voter, key);
  }
  return signers;
}

function whyUnsigned({ signatures }: NarInfo): string {
  const names = [...new Set(signatures.map(({ name }) => name))];
  if (names.length === 0) return "it has no signature";
  const shown = names.slice(0, SHOWN_NAMES).join(", ");
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : "";
  return `no configured key made its signatures (named ${shown}${more})`;
}
