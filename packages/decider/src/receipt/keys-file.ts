/**
 * What somebody needs to check receipts of a node: its keys, its voters' keys, its policies. Handed over once, by a way that
 * one trusts; receipts may then come from anywhere.
 *
 *     {"format":"trustix-keys/1","nodes":["b64"],
 *      "voters":[{"id":"5fea...","name":"mercury","kind":"log","keys":["b64"]}],"policies":[{...}]}
 */
import { type Crypto, fromBase64, TextFormError, toBase64, utf8Text } from "@trustix/crypto";
import { type LogId, type Protocol, ProtocolError, parseLogId } from "@trustix/protocol";
import { at, fieldsOf, listOf, oneOf, type Place, textOf, wrong } from "../json-fields.ts";
import { POLICY_BOUNDS, type Policy } from "../policy.ts";
import { policyFromJson, policyToJson } from "../policy-json.ts";
import { type VoterKeys, voterIdOf } from "./check-testimony.ts";
import type { OwnSide } from "./verify-receipt.ts";

const FORMAT = "trustix-keys/1";
const MAX_BYTES = 16 << 20;
const MAX_NODES = 1000;
const MAX_KEYS = 16;

/** One's own side for all protocols. */
export interface KnownKeys {
  /** 32 bytes each. */
  readonly nodeKeys: readonly Uint8Array[];
  readonly voters: OwnSide["voters"];
  readonly policies: readonly Policy[];
}

/** One line of JSON, without its end. */
export function keysToText({ nodeKeys, voters, policies }: KnownKeys): string {
  const names = new Map(policies.flatMap((policy) => policy.voters.map(({ logId, name }) => [logId, name])));
  return JSON.stringify({
    format: FORMAT,
    nodes: nodeKeys.map(toBase64),
    voters: [...voters].map(([id, keys]) => ({
      id,
      name: names.get(id) ?? id.slice(0, 8),
      kind: keys.kind,
      keys: (keys.kind === "log" ? [keys.publicKey] : keys.publicKeys).map(toBase64),
    })),
    policies: policies.map(policyToJson),
  });
}

/** Throws `ProtocolError` that names the place. Each voter's id must be that of its key, and each voter of a policy known. */
export function keysFromBytes(crypto: Crypto, bytes: Uint8Array): KnownKeys {
  if (bytes.length > MAX_BYTES) {
    throw new ProtocolError("too_large", `keys: ${bytes.length} bytes came, at most ${MAX_BYTES} wanted`);
  }
  let value: unknown;
  try {
    value = JSON.parse(utf8Text(bytes));
  } catch (cause) {
    throw new ProtocolError("malformed", "keys: not JSON in UTF-8", { cause });
  }
  const fields = fieldsOf(value, "keys", ["format", "nodes", "voters", "policies"]);
  oneOf(fields["format"], "keys.format", [FORMAT]);
  const nodeKeys = listOf(fields["nodes"], "keys.nodes", 1, MAX_NODES, keyIn);
  const policies = listOf(fields["policies"], "keys.policies", 1, MAX_KEYS, policyFromJson);
  const voters = new Map(listOf(fields["voters"], "keys.voters", 0, POLICY_BOUNDS.voters, voterIn));
  for (const policy of policies)
    for (const { logId } of policy.voters) checkVoter(crypto, policy.protocol, logId, voters);
  return { nodeKeys, voters, policies };
}

function checkVoter(crypto: Crypto, protocol: Protocol, id: LogId, voters: ReadonlyMap<LogId, VoterKeys>): void {
  const keys = voters.get(id);
  if (keys === undefined) throw new ProtocolError("unknown", `keys.voters: voter ${id} of a policy is not among them`);
  const derived = voterIdOf(crypto, protocol, keys);
  if (derived !== id) throw new ProtocolError("mismatch", `keys.voters: ${id} came, its key gives ${derived}`);
}

function voterIn(value: unknown, place: Place): [LogId, VoterKeys] {
  const fields = fieldsOf(value, place, ["id", "name", "kind", "keys"]);
  const id = parseLogId(textOf(fields["id"], at(place, "id"), 64));
  textOf(fields["name"], at(place, "name"), 64);
  const kind = oneOf(fields["kind"], at(place, "kind"), ["log", "binary-cache"]);
  const keys = listOf(fields["keys"], at(place, "keys"), 1, kind === "log" ? 1 : MAX_KEYS, keyIn);
  return [id, kind === "log" ? { kind, publicKey: keys[0]! } : { kind, publicKeys: keys }];
}

function keyIn(value: unknown, place: Place): Uint8Array {
  try {
    const key = fromBase64(textOf(value, place, 64));
    if (key.length === 32) return key;
  } catch (cause) {
    if (!(cause instanceof TextFormError)) throw cause;
  }
  throw wrong(place, value, "base64 of 32 bytes");
}
