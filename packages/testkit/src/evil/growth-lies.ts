/** False heads, and false proofs that a log grew. Nobody needs a key for these, so they prove nothing against the log. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { utf8 } from "@trustix/crypto";
import { LogAPI, ProofResponseSchema } from "@trustix/proto";
import { headToWire } from "@trustix/protocol";
import { FakeLog } from "../fake-log.ts";
import type { Answer, Attack, EvilCall } from "./attack.ts";
import { changing, flipped, hanging, instead } from "./change.ts";

const { getHead, getLogConsistencyProof, getMHLogConsistencyProof, getMHLogEntries } = LogAPI.method;

/** Changes every proof that a tree grew, of both trees. */
function withProofs(change: (proof: Uint8Array[], call: EvilCall) => Uint8Array[]): Answer {
  return instead([getLogConsistencyProof, getMHLogConsistencyProof], (call) => {
    const { Proof } = fromBinary(ProofResponseSchema, call.honest());
    return toBinary(ProofResponseSchema, create(ProofResponseSchema, { Proof: change(Proof, call) }));
  });
}

/** A log that has nothing to do with this one: as many entries, other keys, another key. */
function stranger({ crypto }: EvilCall, entries: number): FakeLog {
  const log = new FakeLog(crypto, "a stranger");
  for (let i = 0; i < entries; i++) log.publish([`strange key ${i}`, `strange value ${i}`]);
  return log;
}

export const GROWTH_LIES = {
  forgedSignature: {
    does: "changes a bit of the head's signature",
    answer: changing(getHead, (head) => (head.Signature = flipped(head.Signature))),
  },
  forgedHead: {
    does: "changes the map root of a head under its signature",
    answer: changing(getHead, (head) => (head.MapRoot = flipped(head.MapRoot))),
  },
  strangersHead: {
    does: "shows the head of another log, signed by another key",
    answer: instead([getHead], (call) => toBinary(getHead.output, headToWire(stranger(call, 12).head()))),
  },
  oldHeadReplayed: {
    does: "shows an old head of the log for ever",
    answer: instead([getHead], ({ node, request }) => {
      const log = node.logs.get(fromBinary(getHead.input, request).LogID)!;
      return toBinary(getHead.output, headToWire(log.heads[Math.min(2, log.heads.length - 1)]!));
    }),
  },
  headsHang: {
    does: "answers everything but what its head is",
    send: hanging(getHead),
  },
  growthProofsHang: {
    does: "shows heads and never proves how they grew",
    send: hanging(getLogConsistencyProof, getMHLogConsistencyProof),
  },
  emptyGrowthProof: {
    does: "proves growth with no hashes",
    answer: withProofs(() => []),
  },
  cutGrowthProof: {
    does: "leaves the last hash out of proofs of growth",
    answer: withProofs((proof) => proof.slice(0, -1)),
  },
  surplusInGrowthProof: {
    does: "puts a hash before proofs of growth, which existing readers do not notice",
    answer: withProofs((proof, { crypto }) => [crypto.sha256(utf8("surplus")), ...proof]),
  },
  strangersGrowthProof: {
    does: "sends the proof of growth of another log",
    answer: withProofs((_, call) => {
      const { FirstSize, SecondSize } = fromBinary(getLogConsistencyProof.input, call.request);
      return stranger(call, Number(SecondSize)).tree.consistency(Number(FirstSize), Number(SecondSize));
    }),
  },
  garbledGrowthProof: {
    does: "changes a bit of every hash in proofs of growth",
    answer: withProofs((proof) => proof.map((hash) => flipped(hash))),
  },
  shortHashInGrowthProof: {
    does: "sends hashes of 31 bytes as a proof of growth",
    answer: withProofs((proof) => proof.map((hash) => hash.subarray(1))),
  },
  longGrowthProof: {
    does: "sends a thousand hashes as a proof of growth",
    answer: withProofs((_, { crypto }) => Array.from({ length: 1000 }, () => crypto.sha256(utf8("more")))),
  },
  otherMapHeads: {
    does: "sends another list of map heads than the head signs",
    answer: changing(getMHLogEntries, ({ Leaves }) => {
      for (const leaf of Leaves) leaf.LeafDigest = flipped(leaf.LeafDigest);
    }),
  },
} satisfies Record<string, Attack>;
