/**
 * Every way in which a vote ends: exactly one outcome each, with its reason, and proof that holds for what is proved.
 * Against servers of ours and, where they differ, of the existing program.
 */
import { RpcError } from "@trustix/client";
import { utf8 } from "@trustix/crypto";
import { verifyAbsence, verifyInclusion, verifyPresence } from "@trustix/merkle";
import type { VoteOutcome } from "@trustix/protocol";
import { logLeafDigest, mapEntryBytes, mapPath, mapValueHash, verifyHead } from "@trustix/protocol";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { expect, test } from "vitest";
import type { Network } from "./network.ts";
import { crypto, follow, grown } from "./network.ts";

interface Setting {
  readonly log: FakeLog;
  readonly node: FakeNode;
  readonly net: Network;
}

interface Case {
  readonly what: string;
  readonly outcome: VoteOutcome;
  readonly reason: RegExp;
  readonly key?: string;
  /** The log, before it is followed. */
  readonly log?: () => FakeLog;
  /** How the server is from the start. */
  readonly start?: (node: FakeNode) => void;
  /** What happens between following and the vote. */
  readonly meanwhile?: (setting: Setting) => void | Promise<void>;
}

const failing =
  (method: string, code: RpcError["code"], message: string, origin: RpcError["origin"] = "server") =>
  ({ node }: { node: FakeNode }): void => {
    node.tamper = (procedure, answer) => {
      if (procedure !== method) return answer();
      throw new RpcError(code, message, { origin });
    };
  };
const garbling =
  (method: string) =>
  ({ node }: { node: FakeNode }): void => {
    node.tamper = (procedure, answer) => {
      const bytes = answer();
      return procedure === method ? bytes.with(30, bytes[30]! ^ 1) : bytes;
    };
  };
const goLike = (node: FakeNode): void => void (node.goLike = true);
const down = ({ node }: { node: FakeNode }): void => void (node.down = "connection refused");

/** A log whose map holds `entry` for key `a1`. */
function lying(entry: Uint8Array | undefined): FakeLog {
  const log = new FakeLog(crypto, "saturn");
  log.add(["a0", "value a0"], ["a1", "value a1"], ["a2", "value a2"]);
  log.lieInMap(1, entry);
  log.sign();
  return log;
}

const backdoor = crypto.sha256(utf8("backdoor"));
const truth = crypto.sha256(utf8("value a1"));

const CASES: readonly Case[] = [
  { what: "a claim in map and log", outcome: "claims", reason: /^$/ },
  { what: "a claim in map and log, shown the other way", outcome: "claims", reason: /^$/, start: goLike },
  { what: "a claim although the audit path is garbled", outcome: "claims", reason: /^$/, meanwhile: garblePath },
  { what: "no such key, proved", outcome: "absent", reason: /^$/, key: "nobody" },
  { what: "an empty log", outcome: "absent", reason: /^$/, log: () => new FakeLog(crypto, "pluto") },
  {
    what: "a key left out of the map, of which no map says more",
    outcome: "absent",
    reason: /^$/,
    log: () => lying(undefined),
  },

  {
    what: "down from the start",
    outcome: "unreachable",
    reason: /^memory:m: connection refused$/,
    start: (node) => down({ node }),
  },
  { what: "down later", outcome: "unreachable", reason: /^connection refused$/, meanwhile: down },
  {
    what: "too busy",
    outcome: "unreachable",
    reason: /answers: later/,
    meanwhile: failing("GetMapValue", "unavailable", "later"),
  },
  {
    what: "down between map and log",
    outcome: "unreachable",
    reason: /^gone$/,
    start: goLike,
    meanwhile: failing("GetLogConsistencyProof", "unavailable", "gone", "network"),
  },

  {
    what: "says absent",
    outcome: "unverifiable",
    reason: /^it says absent and cannot prove it$/,
    start: goLike,
    key: "nobody",
  },
  {
    what: "a map proof that does not hold",
    outcome: "unverifiable",
    reason: /map proof does not hold/,
    meanwhile: garbling("GetMapValue"),
  },
  {
    what: "a log proof that does not hold",
    outcome: "unverifiable",
    reason: /does not show entry 2 of its log/,
    start: goLike,
    meanwhile: garbling("GetLogConsistencyProof"),
  },
  {
    what: "no log proof to be had",
    outcome: "unverifiable",
    reason: /its map has the key; asked for entry 2 of its log, it answers unknown: no/,
    start: goLike,
    meanwhile: failing("GetLogConsistencyProof", "unknown", "no"),
  },
  {
    what: "refuses to say",
    outcome: "unverifiable",
    reason: /permission_denied: go away/,
    meanwhile: failing("GetMapValue", "permission_denied", "go away"),
  },
  {
    what: "an unknown error",
    outcome: "unverifiable",
    reason: /^it answers unknown: oops$/,
    meanwhile: failing("GetMapValue", "unknown", "oops"),
  },
  {
    what: "a map entry that may be read in two ways",
    outcome: "unverifiable",
    reason: /not spelt as the protocol says/,
    log: () => lying(utf8(`{"Index":1,"Digest":"${Buffer.from(truth).toString("base64")}"}`)),
  },
  {
    what: "a head that the log's key did not sign",
    outcome: "unverifiable",
    reason: /^memory:m: its head of size 6 is not signed by the log's key$/,
    start: garblingFrom("GetHead"),
  },
  {
    what: "no head that checks",
    outcome: "unverifiable",
    reason: /does not hold|not match/,
    start: garblingFrom("GetMHLogConsistencyProof"),
  },

  {
    what: "a root that is gone and stays so",
    outcome: "stale",
    reason: /nothing can be proved under its newest head/,
    meanwhile: failing("GetMapValue", "failed_precondition", "not held"),
  },

  {
    what: "caught before",
    outcome: "excluded",
    reason: /^two signed heads of size 6 differ/,
    meanwhile: async ({ log, node, net }) => {
      const fork = grown("mercury", 2);
      fork.publish(["other", "claim"], ["and", "another"]);
      node.logs.set(log.info.id, fork);
      await net.follower.pollNow();
    },
  },
  {
    what: "another value in the map",
    outcome: "excluded",
    reason: /the map names entry 1 .* another entry there$/,
    log: () => lying(mapEntryBytes(backdoor, 1)),
  },
  {
    what: "another value in the map, shown the other way",
    outcome: "excluded",
    reason: /another entry there$/,
    log: () => lying(mapEntryBytes(backdoor, 1)),
    start: goLike,
  },
  {
    what: "another entry in the map",
    outcome: "excluded",
    reason: /the map names entry 2 .* another entry there$/,
    log: () => lying(mapEntryBytes(truth, 2)),
  },
  {
    what: "an entry that there is not",
    outcome: "excluded",
    reason: /the map names entry 3 .* does not reach so far$/,
    log: () => lying(mapEntryBytes(truth, 3)),
  },
];

function garblePath({ node }: Setting): void {
  node.tamper = (procedure, answer) => {
    const bytes = answer();
    // The audit path comes last.
    return procedure === "GetMapValue" ? bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1) : bytes;
  };
}

function garblingFrom(method: string): (node: FakeNode) => void {
  return (node) => garbling(method)({ node });
}

test.each(CASES)("$what: $outcome", async ({ outcome, reason, key = "a1", log: make, start, meanwhile }) => {
  const log = make?.() ?? grown("mercury", 3);
  const node = new FakeNode("memory:m", log);
  start?.(node);
  const net = await follow([log], [node]);
  await meanwhile?.({ log, node, net });
  const { vote, proof } = await net.testimony(log, key);
  expect({ ...vote, digest: vote.digest !== undefined }).toEqual({
    logId: log.info.id,
    outcome,
    digest: outcome === "claims",
    reason: expect.stringMatching(reason) as string,
  });
  expect(proof !== undefined).toBe(outcome === "claims" || outcome === "absent");
  if (proof?.kind !== "log") return;
  const { head, entry, mapProof, logProof } = proof;
  expect(head).toEqual(net.log(log).head);
  expect(verifyHead(crypto, log.info.publicKey, head)).toBe(true);
  const path = mapPath(crypto, utf8(key));
  if (entry === undefined) return verifyAbsence(crypto, head.mapRoot, path, mapProof);
  expect(entry.digest).toEqual(vote.digest);
  const valueHash = mapValueHash(crypto, mapEntryBytes(entry.digest, entry.index));
  verifyPresence(crypto, head.mapRoot, path, valueHash, mapProof);
  const leaf = logLeafDigest(crypto, utf8(key), entry.digest);
  verifyInclusion(crypto, { index: entry.index, size: head.treeSize, leaf, root: head.logRoot, proof: logProof });
});

test("a log caught lying in a vote is convicted for good, told of once, and has no say however it is asked", async () => {
  const log = lying(mapEntryBytes(backdoor, 1));
  const honest = new FakeNode("memory:m", log);
  const net = await follow([log], [honest]);
  const before = net.follower.revision();
  expect((await net.vote(log, "a0")).outcome).toBe("claims");
  await Promise.all([net.vote(log, "a1"), net.vote(log, "a1"), net.vote(log, "a1")]);
  expect((await net.vote(log, "a0")).outcome).toBe("excluded");
  expect(net.log(log).against).toEqual(net.follower.against(log.info.id));
  expect(net.follower.revision()).toBe(before + 1);
  expect(net.proofs.map(({ evidence, origin }) => [evidence.kind, origin])).toEqual([["map_entry_differs", "found"]]);
  await net.follower.close();
  const again = await follow([log], [honest], { store: net.store });
  expect(await again.vote(log, "a0")).toMatchObject({ outcome: "excluded" });
});
