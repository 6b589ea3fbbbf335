/** A receipt over real proofs: logs in memory, a cache's signed narinfo, a node's key. The same bytes each time. */
import { equalBytes, toHex, utf8 } from "@trustix/crypto";
import { formatSriHash, printNarInfo, sha256Hash, signFacts, storePathOfBaseName } from "@trustix/nix-formats";
import { nodeCrypto } from "@trustix/node-crypto";
import { NIX, encodeNixValue, logIdOf, type LogId, type Testimony } from "@trustix/protocol";
import {
  decide,
  keysToText,
  opinionsOf,
  POLICY_DEFAULTS,
  type OwnSide,
  type Policy,
  type Receipt,
  type VoterKeys,
  writeReceipt,
} from "@trustix/decider";
import { FakeLog } from "./fake-log.ts";

const crypto = nodeCrypto();
export const RECEIPT_NODE_SEED = crypto.sha256(utf8("a node"));
const NODE_KEY = crypto.ed25519PublicKey(RECEIPT_NODE_SEED);
const PATH = storePathOfBaseName("jhljligxal6sqbs1rh1h7gpzas9xhxy9-rocket-1.0");
const KEY = utf8(PATH);

const CACHE_SEED = crypto.sha256(utf8("a cache"));
const CACHE_KEY = crypto.ed25519PublicKey(CACHE_SEED);
const CACHE_ID = logIdOf(crypto, { protocol: NIX, publicKey: CACHE_KEY });
const GOOD = {
  path: PATH,
  narHash: formatSriHash(sha256Hash(crypto.sha256(utf8("nar")))),
  narSize: 120,
  references: [],
};
const EVIL = { ...GOOD, narHash: formatSriHash(sha256Hash(crypto.sha256(utf8("implant")))) };

export interface ReceiptExample {
  readonly receipt: Receipt;
  readonly file: Uint8Array;
  readonly own: OwnSide;
  /** The keys file of whoever checks it. */
  readonly keys: string;
  readonly logs: readonly FakeLog[];
}

/** mercury and venus agree (in two spellings), saturn differs, mars has nothing, jupiter is down, a cache agrees. */
export function receiptExample(policy: Partial<Policy> = {}): ReceiptExample {
  const spelt = JSON.stringify({ ...GOOD, extra: 1 });
  const logs = [
    logOf("mercury", Buffer.from(encodeNixValue(GOOD)).toString()),
    logOf("venus", spelt),
    logOf("saturn", Buffer.from(encodeNixValue(EVIL)).toString()),
    logOf("mars", undefined),
  ];
  const names = new Map<LogId, string>(logs.map((log, i) => [log.info.id, ["mercury", "venus", "saturn", "mars"][i]!]));
  const jupiter = new FakeLog(crypto, "jupiter", NIX).info;
  const voters: [LogId, VoterKeys, string][] = [
    ...logs.map(({ info }): [LogId, VoterKeys, string] => [
      info.id,
      { kind: "log", publicKey: info.publicKey },
      names.get(info.id)!,
    ]),
    [jupiter.id, { kind: "log", publicKey: jupiter.publicKey }, "jupiter"],
    [CACHE_ID, { kind: "binary-cache", publicKeys: [CACHE_KEY] }, "cache"],
  ];
  const whole: Policy = {
    ...POLICY_DEFAULTS,
    protocol: NIX,
    rules: [{ engine: "quorum", threshold: 3, voters: undefined }],
    voters: voters.map(([logId, , name]) => ({ logId, name })),
    ...policy,
  };
  const votes = [
    ...logs.map((log) => testimonyOf(log)),
    {
      vote: { logId: jupiter.id, outcome: "unreachable", digest: undefined, reason: "no answer" },
      proof: undefined,
    } as const,
    cacheTestimony(),
  ].sort((a, b) => (a.vote.logId < b.vote.logId ? -1 : 1));
  const values = [utf8(spelt), encodeNixValue(GOOD), encodeNixValue(EVIL)].sort((a, b) =>
    toHex(crypto.sha256(a)) < toHex(crypto.sha256(b)) ? -1 : 1,
  );
  const receipt = receiptOf(whole, votes, values);
  const own: OwnSide = {
    nodeKeys: [NODE_KEY],
    policy: whole,
    voters: new Map(voters.map(([id, keys]) => [id, keys])),
    sandbox: undefined,
  };
  const keys = keysToText({ nodeKeys: own.nodeKeys, voters: own.voters, policies: [whole] });
  return { receipt, file: writeReceipt(crypto, RECEIPT_NODE_SEED, receipt), own, keys, logs };
}

/** With the verdict that the policy makes of it. */
export function receiptOf(policy: Policy, votes: readonly Testimony[], values: readonly Uint8Array[]): Receipt {
  const byDigest = new Map(values.map((value) => [toHex(crypto.sha256(value)), value]));
  const { opinions } = opinionsOf(crypto, KEY, byDigest);
  const time = 1_764_000_000_000;
  const question = { policy, key: KEY, votes: votes.map(({ vote }) => vote), opinions, time, sandbox: undefined };
  const { decision, reason } = decide(question);
  const verdict =
    decision === undefined
      ? ({ decided: false, reason } as const)
      : ({ decided: true, digest: decision.digest, confidence: decision.confidence, reason } as const);
  return { time, policy, key: KEY, votes, values, verdict };
}

function logOf(name: string, value: string | undefined): FakeLog {
  const log = new FakeLog(crypto, name, NIX);
  log.publish(...Array.from({ length: 9 }, (_, i) => [`${name} ${i}`, "something else"] as const));
  log.publish(...(value === undefined ? [] : [[PATH, value] as const]), [`${name} last`, "x"]);
  return log;
}

function testimonyOf(log: FakeLog): Testimony {
  const head = log.head();
  const entry = log.find(KEY, head.treeSize);
  const mapProof = log.mapProof(KEY, head.treeSize);
  const { id: logId } = log.info;
  if (entry === undefined) {
    return {
      vote: { logId, outcome: "absent", digest: undefined, reason: "" },
      proof: { kind: "log", head, entry: undefined, mapProof, logProof: [] },
    };
  }
  const index = log.entries.findIndex(({ key }) => equalBytes(key, KEY));
  return {
    vote: { logId, outcome: "claims", digest: entry.digest, reason: "" },
    proof: {
      kind: "log",
      head,
      entry: { digest: entry.digest, index },
      mapProof,
      logProof: log.tree.audit(index, head.treeSize),
    },
  };
}

function cacheTestimony(): Testimony {
  const facts = { storePath: PATH, narHash: crypto.sha256(utf8("nar")), narSize: 120, references: [] };
  const signature = signFacts(crypto, { name: "cache-1", publicKey: CACHE_KEY, seed: CACHE_SEED }, facts);
  const text = printNarInfo({
    ...facts,
    url: "nar/x.nar.xz",
    compression: "xz",
    fileHash: undefined,
    fileSize: undefined,
    deriver: undefined,
    ca: undefined,
    signatures: [signature],
  });
  return {
    vote: { logId: CACHE_ID, outcome: "claims", digest: crypto.sha256(encodeNixValue(GOOD)), reason: "" },
    proof: { kind: "narinfo", narInfo: utf8(text) },
  };
}
