/**
 * The proxy's questions, put to the node: what is decided of a store path and why, which path a hash part means, and whether
 * anything has changed that could change a decision.
 */
import { RpcError } from "@trustix/client";
import { utf8, utf8Text } from "@trustix/crypto";
import type { DeciderState, ProxyDecision, ProxyVote } from "@trustix/nix";
import type { ExplainedVoter, Explanation } from "@trustix/nix/explanation";
import {
  formatCacheSignature,
  NixFormatError,
  parseNarInfo,
  parseSha256,
  parseStorePath,
  verifiedSignatures,
  type CachePublicKey,
  type SignedFacts,
} from "@trustix/nix-formats";
import { nodeCrypto } from "@trustix/node-crypto";
import { NodeExt, type ExplainResponse } from "@trustix/proto";
import { NIX, type NixValue } from "@trustix/protocol";
import type { Connection } from "./connect.ts";
import { explanationOf } from "./explanation-of.ts";

export interface DecisionSource {
  /** Throws `RpcError` when the node cannot be asked. */
  decide(storePath: string, signal: AbortSignal): Promise<ProxyDecision>;
  /** The same for a person, made anew. Waits for nothing. Throws as `decide`. */
  explain(storePath: string, signal: AbortSignal): Promise<Explanation>;
  /** The full path with this hash part, if exactly one log entry of this node has it. */
  pathByHashPart(hashPart: Uint8Array): Promise<string | undefined>;
  /** Changes with everything that decisions depend on: heads, convictions, the policy, the node's restart. */
  generation(): number;
  /** Looks at the heads; called now and then. Rejects never, and ends within seconds. */
  refresh(): Promise<void>;
  /** How the node was found at the last look. */
  state(): DeciderState;
}

export interface DecisionSourceOptions {
  readonly clock: { now(): number };
  /** Whether decisions come with receipts. */
  readonly receipts: boolean;
  /** Milliseconds that the node may take for votes and values, beyond what any call may. */
  readonly budgetMs: number;
  /** Milliseconds that an undecided answer is waited for. */
  readonly waitMs: number;
  /** Keys of the binary caches that vote, by voter id: their signatures are passed on. */
  readonly cacheKeys: ReadonlyMap<string, readonly CachePublicKey[]>;
}

/** Milliseconds until a node that does not say how it is counts as away. */
const LOOK_WITHIN = 5000;
/** A node that waits does so for at least that long; one that answers sooner has another policy, and is not asked on and on. */
const SHORTEST_WAIT = 1000;

export function askDecisions(node: Connection, options: DecisionSourceOptions): DecisionSource {
  const { clock, receipts, budgetMs, waitMs, cacheKeys } = options;
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
  const ask = (storePath: string, Wait: boolean, WithReceipt: boolean, signal: AbortSignal, waitMs = 0) => {
    const request = { Protocol: NIX.id, Key: utf8(storePath), Wait, WithReceipt };
    return node.call(NodeExt.method.explain, request, signal, budgetMs + waitMs);
  };
  /** A receipt that cannot be made just now costs nobody the decision. */
  const askFor: typeof ask = async (storePath, wait, receipt, signal, ms) => {
    try {
      return await ask(storePath, wait, receipt, signal, ms);
    } catch (error) {
      const isReceipt =
        receipt && error instanceof RpcError && error.code === "unavailable" && error.origin === "server";
      if (!isReceipt) throw error;
      return ask(storePath, wait, false, signal, ms);
    }
  };
  return {
    async decide(storePath, signal) {
      const end = clock.now() + waitMs;
      for (;;) {
        const start = clock.now();
        const left = Math.max(0, end - start);
        const response = await askFor(storePath, left > 0, receipts, signal, left);
        // One call of the node's may take less time than the policy waits.
        const took = clock.now() - start;
        const again = !response.Decided && took >= SHORTEST_WAIT && clock.now() + SHORTEST_WAIT < end;
        if (!again) return decisionOf(storePath, response, cacheKeys, clock.now());
      }
    },
    async explain(storePath, signal) {
      return explanationOf({ key: storePath, protocol: NIX }, await askFor(storePath, false, true, signal), true);
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

function decisionOf(
  storePath: string,
  response: ExplainResponse,
  cacheKeys: DecisionSourceOptions["cacheKeys"],
  now: number,
): ProxyDecision {
  const { decision, reason, voters, mode, letThrough, time, until, receipt } = explanationOf(
    { key: storePath, protocol: NIX },
    response,
    false,
  );
  const votes = voters.map((voter) => voteOf(voter, decision?.facts, cacheKeys));
  const common = { reason, votes, mode, letThrough, receipt };
  if (decision === undefined) return { ...common, state: "undecided" };
  if (decision.value === undefined) throw new Error("the node decided, and sent no value");
  // The node's clock need not be this one's.
  const ends = until === undefined ? undefined : now + (until - time);
  return { ...common, state: "decided", value: decision.value, until: ends };
}

function voteOf(
  { id, name, outcome, reason, claim, shownBy }: ExplainedVoter,
  decided: NixValue | undefined,
  cacheKeys: DecisionSourceOptions["cacheKeys"],
): ProxyVote {
  const keys = cacheKeys.get(id);
  const signs = outcome === "claims" && shownBy.kind === "narinfo" && decided !== undefined && keys !== undefined;
  return {
    voter: name,
    outcome,
    reason,
    narHash: claim?.facts?.narHash,
    signature: signs ? signatureOver(decided, shownBy.narInfo, keys) : undefined,
  };
}

/** The cache's signature over exactly what was decided. */
function signatureOver(decided: NixValue, narInfo: Uint8Array, keys: readonly CachePublicKey[]): string | undefined {
  try {
    const [signature] = verifiedSignatures(nodeCrypto(), keys, factsOf(decided), parseNarInfo(narInfo).signatures);
    return signature && formatCacheSignature(signature);
  } catch (error) {
    if (error instanceof NixFormatError) return undefined; // only a line for others to look at is lost
    throw error;
  }
}

function factsOf({ path, narHash, narSize, references }: NixValue): SignedFacts {
  return {
    storePath: parseStorePath(path),
    narHash: parseSha256(narHash),
    narSize,
    references: references.map((reference) => parseStorePath(reference)),
  };
}
