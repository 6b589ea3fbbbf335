/**
 * The proxy's questions, put to the node: what is decided of a store path, which path a hash part means, and whether
 * anything has changed that could change a decision.
 */
import { RpcError } from "@trustix/client";
import { equalBytes, toHex, utf8, utf8Text } from "@trustix/crypto";
import type { DeciderState, ProxyDecision, ProxyVote } from "@trustix/nix";
import { nodeCrypto } from "@trustix/node-crypto";
import { NodeExt, RPCApi, UndecidedSchema } from "@trustix/proto";
import { NIX, parseNixValue, undecidedFromWire, voteFromWire, type Hash, type Vote } from "@trustix/protocol";
import type { Connection } from "./connect.ts";

export interface DecisionSource {
  /** Throws `RpcError` when the node cannot be asked. */
  decide(storePath: string, signal: AbortSignal): Promise<ProxyDecision>;
  /** The full path with this hash part, if exactly one log entry of this node has it. */
  pathByHashPart(hashPart: Uint8Array): Promise<string | undefined>;
  /** Changes with everything that decisions depend on: heads, convictions, the policy, the node's restart. */
  generation(): number;
  /** Looks at the heads; called now and then. Rejects never, and ends within seconds. */
  refresh(): Promise<void>;
  /** How the node was found at the last look. */
  state(): DeciderState;
}

/** Milliseconds until a node that does not say how it is counts as away. */
const LOOK_WITHIN = 5000;

/** `names`: how configured logs are called; a log without a name goes by the first 8 digits of its id. */
export function askDecisions(
  node: Connection,
  names: ReadonlyMap<string, string>,
  clock: { now(): number },
): DecisionSource {
  let generation = 0;
  let known = "";
  let state: DeciderState = { state: "not asked yet" };
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    const late = AbortSignal.timeout(LOOK_WITHIN);
    try {
      const { Generation } = await node.call(NodeExt.method.status, {}, late);
      state = { state: "answers" };
      if (Generation === known) return;
      known = Generation;
      generation++;
    } catch (error) {
      // A node that is away has changed nothing, as far as anybody knows: decisions hold.
      const since = state.state === "away" ? state.since : clock.now();
      const why = late.aborted ? `no answer within ${LOOK_WITHIN} ms` : (error as Error).message.split("\n", 1)[0]!;
      state = { state: "away", since, why };
    }
  };
  return {
    async decide(storePath, signal) {
      try {
        const request = { Protocol: NIX.id, Key: utf8(storePath) };
        const { Decision, Votes } = await node.call(RPCApi.method.decide, request, signal);
        const { Value, Confidence, LogIDs } = Decision!;
        const votes = Votes.map(voteFromWire);
        const reason = `decided with confidence ${Confidence} by ${LogIDs.map((id) => nameOf(names, id)).join(", ")}`;
        return { state: "decided", value: Value, reason, votes: await explainVotes(node, names, votes, signal, Value) };
      } catch (error) {
        const detail = error instanceof RpcError ? error.detail(UndecidedSchema) : undefined;
        if (detail === undefined) throw error;
        const { reason, votes } = undecidedFromWire(detail);
        return { state: "undecided", reason, votes: await explainVotes(node, names, votes, signal) };
      }
    },
    async pathByHashPart(HashPart) {
      const { Paths } = await node.call(NodeExt.method.pathByHashPart, { HashPart });
      return Paths.length === 1 ? utf8Text(Paths[0]!) : undefined;
    },
    generation: () => generation,
    // A node that takes long is not asked once more meanwhile.
    refresh: () => (looking ??= look().finally(() => (looking = undefined))),
    state: () => state,
  };
}

function nameOf(names: ReadonlyMap<string, string>, logId: string): string {
  return names.get(logId) ?? logId.slice(0, 8);
}

/** Votes with what they claim in words. The claimed values are asked for, once each; one that cannot be had is left out. */
async function explainVotes(
  node: Connection,
  names: ReadonlyMap<string, string>,
  votes: readonly Vote[],
  signal: AbortSignal,
  decided?: Uint8Array,
): Promise<ProxyVote[]> {
  const claimed = new Map(
    votes.flatMap(({ digest }) => (digest === undefined ? [] : [[toHex(digest), digest] as const])),
  );
  const hashes = new Map<string, string>();
  await Promise.all(
    [...claimed].map(async ([hex, digest]) => {
      const narHash = narHashIn(decided, digest) ?? (await narHashOf(node, digest, signal));
      if (narHash !== undefined) hashes.set(hex, narHash);
    }),
  );
  return votes.map(({ logId, outcome, digest, reason }) => ({
    voter: nameOf(names, logId),
    outcome,
    reason,
    ...(digest !== undefined && { narHash: hashes.get(toHex(digest)) }),
  }));
}

/** The NAR hash in these bytes, if they are the ones behind `digest`. */
function narHashIn(value: Uint8Array | undefined, digest: Hash): string | undefined {
  if (value === undefined || !equalBytes(nodeCrypto().sha256(value), digest)) return undefined;
  try {
    return parseNixValue(value).narHash;
  } catch {
    return undefined; // a value that is no fact of Nix: there is no hash to show
  }
}

async function narHashOf(node: Connection, digest: Hash, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { Value } = await node.call(RPCApi.method.getValue, { Digest: digest }, signal);
    return narHashIn(Value, digest);
  } catch {
    return undefined; // only words for a person are lost
  }
}
