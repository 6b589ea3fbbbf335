/**
 * Whether one signed head grew out of another. Two trees must each begin with their older form, and the list of map
 * heads must end with the head's own map root.
 *
 * When a proof fails, the question is whose fault can be shown: the nodes are asked for that prove the smaller root
 * under the larger one, and only if they verify there is the log convicted. Otherwise the answer is unverifiable.
 */
import { equalBytes } from "@trustix/crypto";
import type { Crypto } from "@trustix/crypto";
import {
  EMPTY_ROOT,
  LogProofError,
  inclusionDetour,
  leafHash,
  rewriteDetour,
  rootShownBy,
  verifyConsistency,
} from "@trustix/merkle";
import type { Hash, LogHead } from "@trustix/protocol";
import { leafFromWire, proofFromWire } from "@trustix/protocol";
import { LogAPI } from "@trustix/proto";
import { describeEvidence } from "./evidence/describe-evidence.ts";
import type { Evidence, HeadContradiction } from "./evidence/evidence.ts";
import { WHOLE_MAP_HEADS, headsContradict, lastMapHead } from "./evidence/head-contradictions.ts";
import type { LogAtRemote } from "./log-client.ts";
import type { CallOptions } from "./transport.ts";
import { troubleOf } from "./trouble.ts";
import type { Trouble } from "./trouble.ts";

export type GrowthResult =
  | { readonly kind: "consistent" }
  | { readonly kind: "contradiction"; readonly evidence: Evidence; readonly why: string }
  | Trouble;

const CONSISTENT: GrowthResult = { kind: "consistent" };

export async function checkGrowth(
  at: LogAtRemote,
  from: LogHead | undefined,
  to: LogHead,
  options?: CallOptions,
): Promise<GrowthResult> {
  if (from !== undefined) {
    if (from.treeSize > to.treeSize) throw new RangeError(`growth goes from ${from.treeSize} to ${to.treeSize}`);
    const evidence = headsContradict(from, to);
    if (evidence !== undefined) return contradiction(at, evidence);
  }
  const empty = checkEmpty(at.crypto, to);
  if (empty !== undefined) return empty;
  if (from?.treeSize === to.treeSize) return CONSISTENT;
  const results = await Promise.all([
    checkLastMapHead(at, to, options),
    ...(from === undefined
      ? []
      : [checkTree(at, "log", from, to, options), checkTree(at, "map_heads", from, to, options)]),
  ]);
  return (
    results.find(({ kind }) => kind === "contradiction") ??
    results.find(({ kind }) => kind !== "consistent") ??
    CONSISTENT
  );
}

/** A log without entries has the empty trees' roots; nothing is asked for them. */
function checkEmpty(crypto: Crypto, head: LogHead): GrowthResult | undefined {
  if (head.mhTreeSize === 0) return { kind: "unverifiable", why: "its head lists no map head, not even its own" };
  if (head.treeSize > 0) return undefined;
  if (equalBytes(head.logRoot, EMPTY_ROOT(crypto)) && head.mapRoot.every((byte) => byte === 0)) return undefined;
  return { kind: "unverifiable", why: "its head of size 0 does not have the roots of empty trees" };
}

interface Tree {
  readonly name: string;
  readonly rewritten: "log_rewritten" | "map_heads_rewritten";
  readonly size: (head: LogHead) => number;
  readonly root: (head: LogHead) => Hash;
  readonly proof: (at: LogAtRemote, first: number, second: number, options?: CallOptions) => Promise<Hash[]>;
  readonly firstLeaves: (at: LogAtRemote, count: number, options?: CallOptions) => Promise<Hash[]>;
}

const TREES: Readonly<Record<"log" | "map_heads", Tree>> = {
  log: {
    name: "log",
    rewritten: "log_rewritten",
    size: (head) => head.treeSize,
    root: (head) => head.logRoot,
    proof: async (at, first, second, options) =>
      proofFromWire(await at.transport.unary(LogAPI.method.getLogConsistencyProof, sizes(at, first, second), options)),
    firstLeaves: async (at, count, options) =>
      leaves(at, await at.transport.unary(LogAPI.method.getLogEntries, firstEntries(at, count), options)),
  },
  map_heads: {
    name: "list of map heads",
    rewritten: "map_heads_rewritten",
    size: (head) => head.mhTreeSize,
    root: (head) => head.mhRoot,
    proof: async (at, first, second, options) =>
      proofFromWire(
        await at.transport.unary(LogAPI.method.getMHLogConsistencyProof, sizes(at, first, second), options),
      ),
    firstLeaves: async (at, count, options) =>
      leaves(at, await at.transport.unary(LogAPI.method.getMHLogEntries, firstEntries(at, count), options)),
  },
};

function sizes(
  at: LogAtRemote,
  first: number,
  second: number,
): { LogID: string; FirstSize: bigint; SecondSize: bigint } {
  return { LogID: at.log.id, FirstSize: BigInt(first), SecondSize: BigInt(second) };
}

function firstEntries(at: LogAtRemote, count: number): { LogID: string; Start: bigint; Finish: bigint } {
  return { LogID: at.log.id, Start: 0n, Finish: BigInt(count - 1) };
}

function leaves(at: LogAtRemote, answer: { Leaves: Parameters<typeof leafFromWire>[1][] }): Hash[] {
  return answer.Leaves.map((leaf) => leafFromWire(at.crypto, leaf).leafDigest);
}

async function checkTree(
  at: LogAtRemote,
  which: "log" | "map_heads",
  from: LogHead,
  to: LogHead,
  options?: CallOptions,
): Promise<GrowthResult> {
  const tree = TREES[which];
  const [first, second] = [tree.size(from), tree.size(to)];
  // The empty tree is the beginning of every tree; its root was checked when the head was taken.
  if (first === 0) return CONSISTENT;
  try {
    const proof = await tree.proof(at, first, second, options);
    try {
      const [firstRoot, secondRoot] = [tree.root(from), tree.root(to)];
      verifyConsistency(at.crypto, { first, second, firstRoot, secondRoot, proof });
      return CONSISTENT;
    } catch (error) {
      if (!(error instanceof LogProofError)) throw error;
      const evidence = await findRewrite(at, tree, from, to, proof, options);
      if (evidence !== undefined) return contradiction(at, evidence);
      return { kind: "unverifiable", why: `its proof that the ${tree.name} grew does not hold: ${error.message}` };
    }
  } catch (error) {
    return troubleOf(error);
  }
}

/** `proof` is the plain one, which may do; otherwise its neighbour is asked for. */
async function findRewrite(
  at: LogAtRemote,
  tree: Tree,
  from: LogHead,
  to: LogHead,
  proof: readonly Hash[],
  options?: CallOptions,
): Promise<HeadContradiction | undefined> {
  const [first, second, secondRoot] = [tree.size(from), tree.size(to), tree.root(to)];
  const { asked, needsLeafZero } = rewriteDetour(first, second);
  const nodes = asked === first ? proof : await tree.proof(at, asked, second, options);
  const leafZero = needsLeafZero ? (await tree.firstLeaves(at, 1, options))[0] : undefined;
  const shown = rootShownBy(at.crypto, { first, second, secondRoot, proof: nodes, leafZero });
  if (shown === undefined || equalBytes(shown, tree.root(from))) return undefined;
  return { kind: tree.rewritten, first: from, second: to, proof: nodes, leafZero };
}

async function checkLastMapHead(at: LogAtRemote, head: LogHead, options?: CallOptions): Promise<GrowthResult> {
  const size = head.mhTreeSize;
  const wanted = leafHash(at.crypto, head.mapRoot);
  if (size === 1 && equalBytes(wanted, head.mhRoot)) return CONSISTENT;
  try {
    const proof =
      size <= WHOLE_MAP_HEADS
        ? await TREES.map_heads.firstLeaves(at, size, options)
        : await TREES.map_heads.proof(at, inclusionDetour(size - 1, size).first!, size, options);
    const leaf = lastMapHead(at.crypto, head, proof);
    if (leaf === undefined)
      return { kind: "unverifiable", why: "its list of map heads does not match its signed root" };
    return equalBytes(leaf, wanted) ? CONSISTENT : contradiction(at, { kind: "map_root", first: head, proof });
  } catch (error) {
    return troubleOf(error);
  }
}

function contradiction(at: LogAtRemote, shown: HeadContradiction): GrowthResult {
  const evidence: Evidence = { publicKey: at.log.publicKey, ...shown };
  return { kind: "contradiction", evidence, why: describeEvidence(shown) };
}
