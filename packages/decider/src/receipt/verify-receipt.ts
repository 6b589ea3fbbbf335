/**
 * Replays a receipt from one's own side: whose keys voters have, which node signs, what the policy is. None of that is
 * taken from the receipt. A claim counts only if it is shown; what the node merely asserts (that somebody could not be
 * reached, how old a head was, who is excluded, the time) claims nothing and is named.
 */
import { type Crypto, equalBytes, toHex } from "@trustix/crypto";
import { type LogId, ProtocolError, type Testimony, type Vote } from "@trustix/protocol";
import { decide } from "../decide.ts";
import { comparesFacts, opinionsOf } from "../opinions.ts";
import type { Policy } from "../policy.ts";
import { policyToJson } from "../policy-json.ts";
import type { Outcome } from "../question.ts";
import type { Sandbox } from "../sandbox.ts";
import { type VoterKeys, whyNotShown } from "./check-testimony.ts";
import type { Receipt } from "./receipt.ts";
import { readReceipt } from "./receipt-file.ts";

export interface OwnSide {
  /** Keys of nodes whose receipts are believed to be theirs; 32 bytes each. */
  readonly nodeKeys: readonly Uint8Array[];
  /** Of the receipt's protocol. */
  readonly policy: Policy;
  /** By voter id: at least every voter of the policy. */
  readonly voters: ReadonlyMap<LogId, VoterKeys>;
  /** Runs `javascript` rules. */
  readonly sandbox: Sandbox | undefined;
}

export interface VerifiedReceipt {
  readonly receipt: Receipt;
  /** What the policy of one's own side decides on what was shown. */
  readonly outcome: Outcome;
  /** Voters whose claim or absence is shown. */
  readonly shown: readonly LogId[];
  /** Votes of one's own voters that the node only asserts. */
  readonly asserted: readonly Vote[];
  /** The node decided by another policy than one's own. */
  readonly policyDiffers: boolean;
}

/** Throws `ProtocolError`, whose message says what does not hold, for every receipt that is to be refused. */
export function verifyReceipt(crypto: Crypto, file: Uint8Array, own: OwnSide): VerifiedReceipt {
  const { receipt, nodeKey } = readReceipt(crypto, file);
  if (!own.nodeKeys.some((key) => equalBytes(key, nodeKey))) {
    throw refused("it is signed by a node that is not among those you named");
  }
  const { policy, sandbox } = own;
  if (policy.protocol.id !== receipt.policy.protocol.id) throw refused("it is of another protocol than the policy");
  checkOrder(receipt.votes);
  const voters = new Set(policy.voters.map(({ logId }) => logId));
  const heard = receipt.votes.filter(({ vote }) => voters.has(vote.logId));
  const shown = heard.filter((testimony) => isShown(crypto, own, receipt.key, testimony));
  const values = valuesByDigest(crypto, receipt);
  const { opinions, values: canonical } = comparesFacts(policy.protocol)
    ? opinionsOf(crypto, receipt.key, values)
    : { opinions: new Map(), values };
  const votes = shown.map(({ vote }) => vote);
  const replayed = decide({ policy, key: receipt.key, votes, opinions, time: receipt.time, sandbox });
  const outcome = withValue(replayed, canonical);
  const policyDiffers = JSON.stringify(policyToJson(policy)) !== JSON.stringify(policyToJson(receipt.policy));
  checkVerdict(receipt, outcome, policyDiffers);
  const asserted = heard.filter((testimony) => !shown.includes(testimony)).map(({ vote }) => vote);
  return { receipt, outcome, shown: votes.map(({ logId }) => logId), asserted, policyDiffers };
}

/** Each voter once. */
function checkOrder(votes: readonly Testimony[]): void {
  for (const [i, { vote }] of votes.entries()) {
    if (i > 0 && votes[i - 1]!.vote.logId >= vote.logId)
      throw refused("its votes are not one a voter, by ascending id");
  }
}

/** A claim that is not shown is a false receipt; what else is not shown is asserted. */
function isShown(crypto: Crypto, { voters }: OwnSide, key: Uint8Array, testimony: Testimony): boolean {
  const { vote, proof } = testimony;
  if (vote.outcome !== "claims" && proof === undefined) return false;
  const keys = voters.get(vote.logId);
  if (keys === undefined) throw refused(`no key is known of voter ${vote.logId}`);
  const why = whyNotShown(crypto, keys, key, testimony);
  if (why !== undefined) throw refused(`the vote of ${vote.logId} is not shown: ${why}`);
  return true;
}

function valuesByDigest(crypto: Crypto, { values }: Receipt): ReadonlyMap<string, Uint8Array> {
  const byDigest = new Map(values.map((value) => [toHex(crypto.sha256(value)), value]));
  if (byDigest.size < values.length) throw refused("it holds a value twice");
  return byDigest;
}

/** A digest that nobody has the value of decides nothing. */
function withValue(outcome: Outcome, values: ReadonlyMap<string, Uint8Array>): Outcome {
  const { decision, reason } = outcome;
  if (decision === undefined || values.has(toHex(decision.digest))) return outcome;
  return { ...outcome, decision: undefined, reason: `${reason}; but its value is not in the receipt` };
}

function checkVerdict({ verdict }: Receipt, { decision, reason }: Outcome, policyDiffers: boolean): void {
  const by = policyDiffers ? "your policy, which is another than the node's," : "the policy";
  if (verdict.decided && decision === undefined) throw refused(`${by} decides nothing on what is shown: ${reason}`);
  // Another policy may well decide where the node's did not: that is for the outcome to say.
  if (!verdict.decided && decision !== undefined && !policyDiffers) {
    throw refused(`it says undecided, and ${by} decides: ${reason}`);
  }
  if (!verdict.decided || decision === undefined) return;
  if (!equalBytes(verdict.digest, decision.digest)) throw refused(`${by} decides on another value: ${reason}`);
  if (!policyDiffers && verdict.confidence !== decision.confidence) {
    throw refused(`its confidence is ${verdict.confidence}, the policy makes it ${decision.confidence}`);
  }
}

function refused(why: string): ProtocolError {
  return new ProtocolError("mismatch", `receipt: ${why}`);
}
