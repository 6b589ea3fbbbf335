/**
 * A receipt as bytes: the statement, one line of JSON, and below it one line that says who signed it. There is one form of
 * both lines, so a file that was changed anywhere is refused: in the first line by the signature, in the second by its
 * form. Reading is for hostile bytes; what was read says nothing until `verifyReceipt` agrees.
 */
import {
  type Crypto,
  TextFormError,
  concatBytes,
  equalBytes,
  fromBase64,
  toBase64,
  utf8,
  utf8Text,
} from "@trustix/crypto";
import { LogHeadSchema } from "@trustix/proto";
import {
  type LogHead,
  type Testimony,
  type Vote,
  type VoteOutcome,
  type VoteProof,
  ProtocolError,
  decode,
  encode,
  headFromWire,
  headToWire,
  mapEntryBytes,
  parseLogId,
  parseMapEntry,
} from "@trustix/protocol";
import { at, fieldsOf, listOf, oneOf, type Place, textOf, wholeOf, wrong } from "../json-fields.ts";
import { POLICY_BOUNDS } from "../policy.ts";
import { policyFromJson, policyToJson } from "../policy-json.ts";
import { RECEIPT_BOUNDS, type Receipt, type SignedReceipt, type Verdict } from "./receipt.ts";

const FORMAT = "trustix-receipt/1";
const OUTCOMES = ["claims", "absent", "unreachable", "unverifiable", "stale", "excluded"] as const;
const NEWLINE = 0x0a;
const B = RECEIPT_BOUNDS;
const MAX_HEAD_BYTES = 1024;
const MAX_PROOF = 128;
const MAX_SIDE_NODES = 256;

/** The bytes of the file. `seed`: 32 bytes, of the node's key. */
export function writeReceipt(crypto: Crypto, seed: Uint8Array, receipt: Receipt): Uint8Array {
  const statement = utf8(JSON.stringify(statementOf(receipt)));
  const signature = crypto.ed25519Sign(seed, signedBytes(statement));
  const seal = { node: toBase64(crypto.ed25519PublicKey(seed)), signature: toBase64(signature) };
  return concatBytes(statement, utf8(`\n${JSON.stringify(seal)}\n`));
}

/** What is signed: never anything that another format signs. */
function signedBytes(statement: Uint8Array): Uint8Array {
  return concatBytes(utf8(`${FORMAT}\n`), statement);
}

/** Throws `ProtocolError`: not of the form, or not signed with the key that it names. */
export function readReceipt(crypto: Crypto, file: Uint8Array): SignedReceipt {
  if (file.length > B.bytes) {
    throw new ProtocolError("too_large", `receipt: ${file.length} bytes came, at most ${B.bytes} wanted`);
  }
  const end = file.indexOf(NEWLINE);
  if (end < 0) throw new ProtocolError("malformed", "receipt: one line came, two wanted");
  const statement = file.subarray(0, end);
  const seal = jsonOf(file.subarray(end + 1), "receipt: line 2");
  const { node, signature } = fieldsOf(seal, "receipt: line 2", ["node", "signature"]);
  const nodeKey = bytesIn(node, "receipt: line 2.node", 32);
  const sealed = bytesIn(signature, "receipt: line 2.signature", 64);
  const written = JSON.stringify({ node: toBase64(nodeKey), signature: toBase64(sealed) });
  if (!equalBytes(file.subarray(end + 1), utf8(`${written}\n`))) {
    throw new ProtocolError("malformed", "receipt: line 2 is not in its one form");
  }
  if (!crypto.ed25519Verify(nodeKey, signedBytes(statement), sealed)) {
    throw new ProtocolError("mismatch", "receipt: it is not signed with the key that it names: it was changed");
  }
  return { receipt: receiptOf(jsonOf(statement, "receipt")), nodeKey };
}

function statementOf({ time, policy, key, votes, values, verdict }: Receipt): object {
  return {
    format: FORMAT,
    time,
    key: toBase64(key),
    policy: policyToJson(policy),
    votes: votes.map(testimonyToJson),
    values: values.map(toBase64),
    verdict: verdictToJson(verdict),
  };
}

function testimonyToJson({ vote, proof }: Testimony): object {
  const { logId, outcome, digest, reason } = vote;
  return {
    voter: logId,
    outcome,
    ...(digest !== undefined && { digest: toBase64(digest) }),
    ...(reason !== "" && { reason }),
    ...(proof !== undefined && { proof: proofToJson(proof) }),
  };
}

function proofToJson(proof: VoteProof): object {
  if (proof.kind === "narinfo") return { narInfo: toBase64(proof.narInfo) };
  const { head, entry, mapProof, logProof } = proof;
  const { sideNodes, bitMask, numSideNodes, nonMembershipLeafData } = mapProof;
  return {
    head: toBase64(encode(LogHeadSchema, headToWire(head))),
    ...(entry !== undefined && { entry: toBase64(mapEntryBytes(entry.digest, entry.index)) }),
    mapProof: {
      sideNodes: sideNodes.map(toBase64),
      bitMask: toBase64(bitMask),
      numSideNodes,
      ...(nonMembershipLeafData !== undefined && { nonMembershipLeafData: toBase64(nonMembershipLeafData) }),
    },
    logProof: logProof.map(toBase64),
  };
}

function verdictToJson(verdict: Verdict): object {
  if (!verdict.decided) return { decided: false, reason: verdict.reason };
  const { digest, confidence, reason } = verdict;
  return { decided: true, digest: toBase64(digest), confidence, reason };
}

function receiptOf(value: unknown): Receipt {
  const place = "receipt";
  const fields = fieldsOf(value, place, ["format", "time", "key", "policy", "votes", "values", "verdict"]);
  oneOf(fields["format"], at(place, "format"), [FORMAT]);
  return {
    time: wholeOf(fields["time"], at(place, "time"), 0, POLICY_BOUNDS.time),
    key: bytesUpTo(fields["key"], at(place, "key"), B.keyBytes),
    policy: policyFromJson(fields["policy"]),
    votes: listOf(fields["votes"], at(place, "votes"), 0, POLICY_BOUNDS.voters, testimonyOf),
    values: listOf(fields["values"], at(place, "values"), 0, B.values, (item, where) =>
      bytesUpTo(item, where, B.valueBytes),
    ),
    verdict: verdictOf(fields["verdict"], at(place, "verdict")),
  };
}

function testimonyOf(value: unknown, place: Place): Testimony {
  const fields = fieldsOf(value, place, ["voter", "outcome", "digest?", "reason?", "proof?"]);
  const outcome: VoteOutcome = oneOf(fields["outcome"], at(place, "outcome"), OUTCOMES);
  const digest = fields["digest"] === undefined ? undefined : bytesIn(fields["digest"], at(place, "digest"), 32);
  if ((outcome === "claims") !== (digest !== undefined)) {
    throw wrong(at(place, "digest"), digest === undefined ? undefined : "a digest", "one if, and only if, it claims");
  }
  const reason = fields["reason"] === undefined ? "" : textOf(fields["reason"], at(place, "reason"), B.reason);
  const vote: Vote = { logId: parseLogId(textOf(fields["voter"], at(place, "voter"), 64)), outcome, digest, reason };
  return { vote, proof: fields["proof"] === undefined ? undefined : proofOf(fields["proof"], at(place, "proof")) };
}

function proofOf(value: unknown, place: Place): VoteProof {
  if (typeof value === "object" && value !== null && "narInfo" in value) {
    const { narInfo } = fieldsOf(value, place, ["narInfo"]);
    return { kind: "narinfo", narInfo: bytesUpTo(narInfo, at(place, "narInfo"), B.narInfoBytes) };
  }
  const fields = fieldsOf(value, place, ["head", "entry?", "mapProof", "logProof"]);
  const map = fieldsOf(fields["mapProof"], at(place, "mapProof"), [
    "sideNodes",
    "bitMask",
    "numSideNodes",
    "nonMembershipLeafData?",
  ]);
  const inMap = (name: string): Place => at(place, "mapProof", name);
  const beside = map["nonMembershipLeafData"];
  return {
    kind: "log",
    head: headOf(bytesUpTo(fields["head"], at(place, "head"), MAX_HEAD_BYTES)),
    entry: fields["entry"] === undefined ? undefined : entryOf(fields["entry"], at(place, "entry")),
    mapProof: {
      sideNodes: listOf(map["sideNodes"], inMap("sideNodes"), 0, MAX_SIDE_NODES, hashIn),
      bitMask: bytesUpTo(map["bitMask"], inMap("bitMask"), MAX_SIDE_NODES / 8),
      numSideNodes: wholeOf(map["numSideNodes"], inMap("numSideNodes"), 0, MAX_SIDE_NODES),
      nonMembershipLeafData: beside === undefined ? undefined : bytesIn(beside, inMap("nonMembershipLeafData"), 65),
    },
    logProof: listOf(fields["logProof"], at(place, "logProof"), 0, MAX_PROOF, hashIn),
  };
}

function headOf(bytes: Uint8Array): LogHead {
  return headFromWire(decode(LogHeadSchema, bytes, MAX_HEAD_BYTES));
}

/** In the one spelling that the protocol writes. */
function entryOf(value: unknown, place: Place) {
  const bytes = bytesUpTo(value, place, 1024);
  const entry = parseMapEntry(bytes);
  if (!equalBytes(mapEntryBytes(entry.digest, entry.index), bytes)) {
    throw wrong(place, "another spelling of a map entry", "the one that the protocol writes");
  }
  return entry;
}

function verdictOf(value: unknown, place: Place): Verdict {
  const { decided } = (value ?? {}) as { decided?: unknown };
  if (decided === false) {
    const { reason } = fieldsOf(value, place, ["decided", "reason"]);
    return { decided, reason: textOf(reason, at(place, "reason"), B.reason) };
  }
  const fields = fieldsOf(value, place, ["decided", "digest", "confidence", "reason"]);
  if (decided !== true) throw wrong(at(place, "decided"), decided, "true or false");
  return {
    decided,
    digest: bytesIn(fields["digest"], at(place, "digest"), 32),
    confidence: wholeOf(fields["confidence"], at(place, "confidence"), 0, 100),
    reason: textOf(fields["reason"], at(place, "reason"), B.reason),
  };
}

function jsonOf(bytes: Uint8Array, place: Place): unknown {
  try {
    return JSON.parse(utf8Text(bytes));
  } catch (cause) {
    throw new ProtocolError("malformed", `${place}: not JSON in UTF-8`, { cause });
  }
}

function hashIn(value: unknown, place: Place): Uint8Array {
  return bytesIn(value, place, 32);
}

function bytesIn(value: unknown, place: Place, length: number): Uint8Array {
  const bytes = base64In(value, place);
  if (bytes.length !== length) throw wrong(place, `base64 of ${bytes.length} bytes`, `of ${length}`);
  return bytes;
}

function bytesUpTo(value: unknown, place: Place, max: number): Uint8Array {
  const bytes = base64In(value, place);
  if (bytes.length > max) throw wrong(place, `base64 of ${bytes.length} bytes`, `at most ${max}`, "too_large");
  return bytes;
}

function base64In(value: unknown, place: Place): Uint8Array {
  if (typeof value !== "string") throw wrong(place, value, "base64");
  try {
    return fromBase64(value);
  } catch (cause) {
    if (!(cause instanceof TextFormError)) throw cause;
    throw new ProtocolError("malformed", `${place}: ${cause.message}`, { cause });
  }
}
