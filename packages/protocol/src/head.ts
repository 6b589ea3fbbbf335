/**
 * Signed heads: `Ed25519(H(LogRoot || u64le(TreeSize) || MapRoot || MHRoot || u64le(MHTreeSize)))`.
 * TreeSize determines the head: two valid heads of one size that differ contradict each other.
 */
import type { Crypto } from "@trustix/crypto";
import { bytesOf } from "./bounds.ts";
import type { Hash, LogHead } from "./types.ts";

export type UnsignedHead = Omit<LogHead, "signature">;

/** The 112 bytes whose digest is signed. Throws `malformed` for roots that are not 32 bytes. */
export function headPreimage(head: UnsignedHead): Uint8Array {
  const out = new Uint8Array(112);
  const view = new DataView(out.buffer);
  out.set(bytesOf("LogRoot", head.logRoot, 32), 0);
  view.setBigUint64(32, BigInt(head.treeSize), true);
  out.set(bytesOf("MapRoot", head.mapRoot, 32), 40);
  out.set(bytesOf("MHRoot", head.mhRoot, 32), 72);
  view.setBigUint64(104, BigInt(head.mhTreeSize), true);
  return out;
}

/** What is signed: 32 bytes. */
export function headDigest(crypto: Crypto, head: UnsignedHead): Hash {
  return crypto.sha256(headPreimage(head));
}

/** `head` with its signature by the 32-byte seed. */
export function signHead(crypto: Crypto, seed: Uint8Array, head: UnsignedHead): LogHead {
  const { logRoot, treeSize, mapRoot, mhRoot, mhTreeSize } = head;
  const signature = crypto.ed25519Sign(seed, headDigest(crypto, head));
  return { logRoot, treeSize, mapRoot, mhRoot, mhTreeSize, signature };
}

/** Whether the holder of `publicKey` signed exactly this head. */
export function verifyHead(crypto: Crypto, publicKey: Uint8Array, head: LogHead): boolean {
  return crypto.ed25519Verify(publicKey, headDigest(crypto, head), head.signature);
}
