/** False answers about one key: map proofs of presence and absence, and the audit path that goes with them. */
import { create, toBinary, type MessageShape } from "@bufbuild/protobuf";
import { concatBytes, utf8 } from "@trustix/crypto";
import { RpcError } from "@trustix/client";
import type { MapProof } from "@trustix/merkle";
import { LogAPI, MapValueResponseSchema } from "@trustix/proto";
import { mapEntryBytes, mapPath, mapProofToWire, mapValueHash, parseMapEntry } from "@trustix/protocol";
import type { FakeLog } from "../fake-log.ts";
import { type Answer, type Attack, BACKDOOR, type EvilCall } from "./attack.ts";
import { absentError, askedOfMap, changing, flipped, hanging, instead } from "./change.ts";
import { GROWTH_LIES } from "./growth-lies.ts";
import { backdoored, twinOf } from "./twin.ts";

const { getMapValue } = LogAPI.method;
type MapAnswer = MessageShape<typeof MapValueResponseSchema>;

/** Changes answers that show a claim. */
const inPresence = (change: (answer: MapAnswer, call: EvilCall) => void): Answer => changing(getMapValue, change);

/** Says that the key is absent, with what `make` takes for a proof; `log`: the one that was asked for. */
function absentBy(make: (log: FakeLog, call: EvilCall) => MapProof): Answer {
  return instead([getMapValue], (call) => {
    const log = call.node.logs.get(askedOfMap(call).LogID);
    if (log === undefined) return call.honest();
    const Proof = mapProofToWire(make(log, call));
    throw absentError(create(MapValueResponseSchema, { Value: new Uint8Array(0), Proof }));
  });
}

/** The honest proof for the key, present or not. */
function proofOf(log: FakeLog, call: EvilCall): MapProof {
  const { Key, MapRoot } = askedOfMap(call);
  return log.mapProof(Key, log.sizeAt(MapRoot) ?? log.entries.length);
}

/** Data of a leaf that stands at `path`. */
const leafData = ({ crypto }: EvilCall, path: Uint8Array, entry: Uint8Array): Uint8Array =>
  concatBytes(Uint8Array.of(0), path, mapValueHash(crypto, entry));

export const MAP_LIES = {
  wrongSideNode: {
    does: "changes a bit of a side node in map proofs",
    answer: inPresence(({ Proof }) => (Proof!.SideNodes[0] = flipped(Proof!.SideNodes[0]!))),
  },
  wrongMask: {
    does: "says of a side node in map proofs that it is empty, or the reverse",
    answer: inPresence(({ Proof }) => (Proof!.BitMask = Proof!.BitMask.with(0, Proof!.BitMask[0]! ^ 128))),
  },
  wrongSideCount: {
    does: "counts one side node more than map proofs have",
    answer: inPresence(({ Proof }) => void Proof!.NumSideNodes++),
  },
  shortSideNode: {
    does: "sends a side node of 31 bytes",
    answer: inPresence(({ Proof }) => (Proof!.SideNodes[0] = Proof!.SideNodes[0]!.subarray(1))),
  },
  tooManySideNodes: {
    does: "sends more side nodes than a path has bits",
    answer: inPresence(({ Proof }) => {
      Proof!.SideNodes = Array.from({ length: 300 }, () => new Uint8Array(32));
      Proof!.NumSideNodes = 300n;
      Proof!.BitMask = new Uint8Array(38);
    }),
  },
  leafDataInPresence: {
    does: "puts the leaf of another key into proofs that the key is there",
    answer: inPresence(({ Proof, Value }, call) => {
      const path = mapPath(call.crypto, utf8("another key"));
      Proof!.NonMembershipLeafData = leafData(call, path, Value);
    }),
  },
  emptyLeafData: {
    does: "puts leaf data of no bytes into map proofs",
    answer: inPresence(({ Proof }) => (Proof!.NonMembershipLeafData = new Uint8Array(0))),
  },
  otherDigestInAnswer: {
    does: "names another value in the map's answer, with the proof of the true one",
    answer: inPresence((answer, { crypto }) => {
      answer.Value = mapEntryBytes(crypto.sha256(utf8(BACKDOOR)), parseMapEntry(answer.Value).index);
    }),
  },
  otherIndexInAnswer: {
    does: "names another entry in the map's answer, with the proof of the true one",
    answer: inPresence((answer) => {
      const { digest, index } = parseMapEntry(answer.Value);
      answer.Value = mapEntryBytes(digest, index + 1);
    }),
  },
  otherKeysAnswer: {
    does: "answers with claim and proof of another key",
    answer: instead([getMapValue], (call) => {
      const asked = askedOfMap(call);
      const [first] = call.node.logs.get(asked.LogID)?.entries ?? [];
      if (first === undefined) return call.honest();
      return call.node.answer(getMapValue, toBinary(getMapValue.input, { ...asked, Key: first.key }));
    }),
  },
  forgedMap: {
    does: "answers out of a map of its own in which the claims are others, with proofs that hold in that map",
    answer: instead([getMapValue], (call) => {
      const asked = askedOfMap(call);
      const log = call.node.logs.get(asked.LogID);
      const size = log?.sizeAt(asked.MapRoot);
      if (log === undefined || size === undefined) return call.honest();
      const forged = twinOf(call.crypto, log, backdoored);
      const found = forged.find(asked.Key, size);
      if (found === undefined) return call.honest();
      const answer = create(MapValueResponseSchema, {
        Value: found.entryBytes!,
        Proof: mapProofToWire(forged.mapProof(asked.Key, size)),
        LogProof: forged.tree.audit(forged.entries.indexOf(found), size),
      });
      return toBinary(MapValueResponseSchema, answer);
    }),
  },
  madeUpAbsence: {
    does: "says absent, with a made-up leaf in the key's place",
    answer: absentBy((log, call) => {
      const path = mapPath(call.crypto, askedOfMap(call).Key);
      return { ...proofOf(log, call), nonMembershipLeafData: leafData(call, flipped(path, 31), utf8("{}")) };
    }),
  },
  ownLeafAsAbsence: {
    does: "says absent, with the key's own leaf as the one in its place",
    answer: absentBy((log, call) => {
      const { Key } = askedOfMap(call);
      const path = mapPath(call.crypto, Key);
      const entry = log.entryBytes(Key, log.entries.length) ?? utf8("{}");
      return { ...proofOf(log, call), nonMembershipLeafData: leafData(call, path, entry) };
    }),
  },
  presenceAsAbsence: {
    does: "says absent, with the proof that the key is there",
    answer: absentBy(proofOf),
  },
  absenceOfAnotherKey: {
    does: "says absent, with the proof that another key is absent",
    answer: absentBy((log, call) => {
      const size = log.sizeAt(askedOfMap(call).MapRoot) ?? log.entries.length;
      return log.mapProof(utf8("nobody has this key"), size);
    }),
  },
  absenceFromThePast: {
    does: "says absent, with the proof of the time before the key was there",
    answer: absentBy((log, call) => log.mapProof(askedOfMap(call).Key, 0)),
  },
  nakedAbsence: {
    does: "says absent and proves nothing",
    answer: instead([getMapValue], () => {
      throw new RpcError("not_found", "the key is absent", { origin: "server" });
    }),
  },
  garbageAsAbsence: {
    does: "says absent, with bytes as a proof that are none",
    answer: instead([getMapValue], () => {
      throw absentError(new Uint8Array(4000).fill(0xff));
    }),
  },
  claimsHang: {
    does: "answers everything but what it claims for a key",
    send: hanging(getMapValue),
  },
  wrongAuditPath: {
    does: "sends a wrong audit path with the map's answer, and proves the entry when asked for it",
    answer: inPresence((answer) => (answer.LogProof = answer.LogProof.map((hash) => flipped(hash)))),
  },
  noAuditPath: {
    does: "proves the map's answer, and never that the log holds the entry",
    answer: (call) => {
      const proofs = GROWTH_LIES.garbledGrowthProof.answer;
      return changing(getMapValue, (answer) => (answer.LogProof = []))({ ...call, honest: () => proofs(call) });
    },
  },
} satisfies Record<string, Attack>;
