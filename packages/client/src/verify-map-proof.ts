/**
 * Compact proofs of the sparse map, checked strictly: 256 levels, most significant bit first, side nodes from the leaf
 * upwards with the zero placeholders left out.
 */
import type { Crypto } from "@trustix/crypto";
import { concatBytes, equalBytes } from "@trustix/crypto";
import type { MapProof } from "@trustix/merkle";
import { mapPath } from "@trustix/protocol";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const PLACEHOLDER = new Uint8Array(32);

/** Why the proof does not show it; `undefined` if it does. `valueHash` undefined: absence is claimed. */
export function verifyMapProof(
  crypto: Crypto,
  claim: { root: Uint8Array; key: Uint8Array; valueHash: Uint8Array | undefined; proof: MapProof },
): string | undefined {
  const { sideNodes, nonMembershipLeafData: other, bitMask, numSideNodes: count } = claim.proof;
  const path = mapPath(crypto, claim.key);
  if (!Number.isInteger(count) || count < 0 || count > 256) return `${count} side nodes, at most 256 wanted`;
  if (bitMask.length !== Math.ceil(count / 8)) return "the mask has the wrong length";
  const isPlaceholder = (i: number): boolean => (bitMask[i >> 3]! & (128 >> (i & 7))) !== 0;
  let stored = 0;
  for (let i = 0; i < bitMask.length * 8; i++) {
    if (i >= count && isPlaceholder(i)) return "the mask marks more nodes than there are";
    if (i < count && !isPlaceholder(i)) stored++;
  }
  if (sideNodes.length !== stored) return `${sideNodes.length} side nodes, ${stored} wanted`;
  if (sideNodes.some((node) => node.length !== 32)) return "a side node is not 32 bytes";
  let hash = PLACEHOLDER;
  if (claim.valueHash !== undefined) {
    if (other !== undefined) return "a proof of presence with another leaf";
    hash = crypto.sha256(concatBytes(LEAF, path, claim.valueHash)) as typeof hash;
  } else if (other !== undefined) {
    if (other.length !== 65 || other[0] !== 0) return "the other leaf is malformed";
    const shared = commonBits(path, other.subarray(1, 33));
    if (shared === 256) return "the other leaf is the key's own";
    if (shared < count) return "the other leaf is not where the key would be";
    hash = crypto.sha256(other) as typeof hash;
  }
  let next = 0;
  for (let i = 0; i < count; i++) {
    const side = isPlaceholder(i) ? PLACEHOLDER : sideNodes[next++]!;
    const depth = count - 1 - i;
    const right = (path[depth >> 3]! & (128 >> (depth & 7))) !== 0;
    hash = crypto.sha256(right ? concatBytes(NODE, side, hash) : concatBytes(NODE, hash, side)) as typeof hash;
  }
  return equalBytes(hash, claim.root) ? undefined : "it leads to another root";
}

function commonBits(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < 256; i++) {
    if (((a[i >> 3]! ^ b[i >> 3]!) & (128 >> (i & 7))) !== 0) return i;
  }
  return 256;
}
