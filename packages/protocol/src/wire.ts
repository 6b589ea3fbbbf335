/**
 * Wire messages to domain types and back: heads, logs, leaves, map proofs. The way in checks every length and range,
 * so that inside nobody does; signatures and proofs are checked by whoever knows what they must prove.
 */
import { create, isFieldSet } from "@bufbuild/protobuf";
import { equalBytes, toBase64, type Crypto } from "@trustix/crypto";
import type { MapProof } from "@trustix/merkle";
import {
  Log_LogModes,
  LogHeadSchema,
  LogLeafSchema,
  LogSchema,
  LogSigner_KeyTypes,
  SparseCompactMerkleProofSchema,
  type Log as WireLog,
  type LogHead as WireHead,
  type LogLeaf as WireLeaf,
  type ProofResponse as WireProof,
  type SparseCompactMerkleProof as WireMapProof,
} from "@trustix/proto";
import { bytesOf, sizeOf } from "./bounds.ts";
import { ProtocolError, shown } from "./errors.ts";
import { parsePublicKey } from "./keys.ts";
import { logIdOf, parseLogId } from "./log-id.ts";
import { logLeafDigest } from "./map-entry.ts";
import { protocolFromWire } from "./protocols.ts";
import type { Hash, LogHead, LogInfo, LogLeaf } from "./types.ts";

export function headToWire(head: LogHead): WireHead {
  return create(LogHeadSchema, {
    LogRoot: head.logRoot,
    TreeSize: BigInt(head.treeSize),
    MapRoot: head.mapRoot,
    MHRoot: head.mhRoot,
    MHTreeSize: BigInt(head.mhTreeSize),
    Signature: head.signature,
  });
}

/** Throws `malformed`. The signature is not checked, see `verifyHead`. */
export function headFromWire(message: WireHead): LogHead {
  return {
    logRoot: bytesOf("LogRoot", message.LogRoot, 32),
    treeSize: sizeOf("TreeSize", message.TreeSize),
    mapRoot: bytesOf("MapRoot", message.MapRoot, 32),
    mhRoot: bytesOf("MHRoot", message.MHRoot, 32),
    mhTreeSize: sizeOf("MHTreeSize", message.MHTreeSize),
    signature: bytesOf("Signature", message.Signature, 64),
  };
}

export function logToWire(info: LogInfo): WireLog {
  return create(LogSchema, {
    LogID: info.id,
    Mode: Log_LogModes.Log,
    Protocol: info.protocol.id,
    Signer: { KeyType: LogSigner_KeyTypes.ed25519, Public: toBase64(info.publicKey) },
    Meta: { ...info.meta },
  });
}

/** Throws `malformed`, and `mismatch` if the id is not that of the key and protocol. */
export function logFromWire(crypto: Crypto, message: WireLog): LogInfo {
  const id = parseLogId(message.LogID);
  const protocol = protocolFromWire(message.Protocol);
  if (message.Signer === undefined) throw new ProtocolError("missing_field", "Log: required field Signer is missing");
  const publicKey = parsePublicKey(message.Signer.Public);
  const derived = logIdOf(crypto, { protocol, publicKey });
  if (derived !== id) {
    throw new ProtocolError("mismatch", `Log: LogID ${shown(id)} came, its key and protocol give ${derived}`);
  }
  return { id, protocol, publicKey, meta: { ...message.Meta } };
}

export function leafToWire(leaf: LogLeaf): WireLeaf {
  return create(LogLeafSchema, {
    ...(leaf.key !== undefined && { Key: leaf.key }),
    ...(leaf.valueDigest !== undefined && { ValueDigest: leaf.valueDigest }),
    LeafDigest: leaf.leafDigest,
  });
}

/** The longest key that an entry bundle can hold. */
export const MAX_KEY_BYTES = 65_502;

/**
 * A leaf as it came. If it has a key and a value digest, the leaf digest is recomputed from them. Throws `malformed`, and
 * `mismatch` for a leaf digest that is not the one of key and value.
 */
export function leafFromWire(crypto: Crypto, message: WireLeaf): LogLeaf {
  const leafDigest = bytesOf("LeafDigest", message.LeafDigest, 32);
  const hasKey = isFieldSet(message, LogLeafSchema.field.Key);
  const hasDigest = isFieldSet(message, LogLeafSchema.field.ValueDigest);
  if (!hasKey && !hasDigest) return { key: undefined, valueDigest: undefined, leafDigest };
  // A key of length zero may be left out by a writer that skips empty values; the digest of a value never may.
  if (!hasDigest) throw new ProtocolError("malformed", "LogLeaf: a Key came without a ValueDigest");
  const valueDigest = bytesOf("ValueDigest", message.ValueDigest, 32);
  const key = message.Key;
  if (key.length > MAX_KEY_BYTES) {
    throw new ProtocolError("too_large", `LogLeaf: Key has ${key.length} bytes, at most ${MAX_KEY_BYTES} wanted`);
  }
  if (!equalBytes(logLeafDigest(crypto, key, valueDigest), leafDigest)) {
    throw new ProtocolError("mismatch", "LogLeaf: LeafDigest is not the digest of Key and ValueDigest");
  }
  return { key, valueDigest, leafDigest };
}

/** Throws `malformed`: hashes must be 32 bytes, and no RFC 6962 proof has more than 128 for sizes below 2^63. */
export function proofFromWire(message: Pick<WireProof, "Proof">): Hash[] {
  if (message.Proof.length > 128) {
    throw new ProtocolError("too_large", `Proof: ${message.Proof.length} hashes came, at most 128 wanted`);
  }
  return message.Proof.map((hash, i) => bytesOf(`Proof[${i}]`, hash, 32));
}

export function mapProofToWire(proof: MapProof): WireMapProof {
  return create(SparseCompactMerkleProofSchema, {
    SideNodes: [...proof.sideNodes],
    ...(proof.nonMembershipLeafData !== undefined && { NonMembershipLeafData: proof.nonMembershipLeafData }),
    BitMask: proof.bitMask,
    NumSideNodes: BigInt(proof.numSideNodes),
  });
}

/**
 * Bounded, not judged: what makes a proof valid is the verifier's business, and it must see a proof that is wrong in
 * any other way as it came. Throws `too_large`.
 */
export function mapProofFromWire(message: WireMapProof): MapProof {
  if (message.SideNodes.length > 256 || message.NumSideNodes > 256n) {
    const count = Math.max(message.SideNodes.length, Number(message.NumSideNodes));
    throw new ProtocolError("too_large", `map proof: ${count} side nodes came, at most 256 wanted`);
  }
  return {
    sideNodes: message.SideNodes,
    nonMembershipLeafData: isFieldSet(message, SparseCompactMerkleProofSchema.field.NonMembershipLeafData)
      ? message.NonMembershipLeafData
      : undefined,
    bitMask: message.BitMask,
    numSideNodes: Number(message.NumSideNodes),
  };
}
