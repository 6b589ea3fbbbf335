/** Verified reads against honest, old, lying and broken logs: what each answer means. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { GetLogConsistencyProofRequestSchema, LogHeadSchema, ProofResponseSchema } from "@trustix/proto";
import { headToWire } from "@trustix/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { RpcError, checkEvidence, logClient, readEvidence, writeEvidence } from "../src/index.ts";
import type { GrowthResult, LogClient } from "../src/index.ts";

const crypto = nodeCrypto();

const client = (node: FakeNode, log: FakeLog): LogClient =>
  logClient({ crypto, transport: node.transport(), log: log.info });

function grown(name: string, flushes: number): FakeLog {
  const log = new FakeLog(crypto, name);
  for (let i = 0; i < flushes; i++) log.publish([`${name} a${i}`, `a${i}`], [`${name} b${i}`, `b${i}`]);
  return log;
}

const CLAIMS = Array.from({ length: 40 }, (_, i) => [`key ${i}`, `value ${i}`] as const);

/** The kind of a growth, and that evidence convicts: also after a trip through a file. */
function judged(result: GrowthResult, log: FakeLog): string {
  if (result.kind !== "contradiction") return result.kind;
  const evidence = readEvidence(writeEvidence(result.evidence));
  expect(evidence).toEqual(result.evidence);
  checkEvidence(crypto, evidence, log.info.publicKey);
  return result.evidence.kind;
}

test("a head is taken only with the signature of the log's own key", async () => {
  const log = grown("mercury", 2);
  const node = new FakeNode("memory:one", log);
  expect(await client(node, log).head()).toEqual({ kind: "head", head: log.head() });
  const forged = { ...log.head(), treeSize: 5 };
  node.tamper = () => toBinary(LogHeadSchema, headToWire(forged));
  expect(await client(node, log).head()).toEqual({
    kind: "unverifiable",
    why: "its head of size 5 is not signed by the log's key",
  });
  const other = grown("venus", 1);
  node.tamper = () => toBinary(LogHeadSchema, headToWire(other.head()));
  expect((await client(node, log).head()).kind).toBe("unverifiable");
});

test("a remote that is down, lacks the log, or sends rubbish is told apart", async () => {
  const log = grown("mercury", 1);
  const node = new FakeNode("memory:one");
  expect(await client(node, log).head()).toMatchObject({ kind: "refused", code: "not_found" });
  node.goLike = true;
  expect(await client(node, log).head()).toMatchObject({ kind: "refused", code: "unknown" });
  node.down = "connection refused";
  expect(await client(node, log).head()).toEqual({ kind: "unreachable", why: "connection refused" });
  node.down = undefined;
  node.tamper = () => Uint8Array.of(0xff);
  expect((await client(node, log).head()).kind).toBe("unverifiable");
});

test("an honest log is consistent between any two of its heads, and from first contact", async () => {
  const log = grown("mercury", 9);
  const node = new FakeNode("memory:one", log);
  for (const to of log.heads) {
    expect((await client(node, log).checkGrowth(undefined, to)).kind).toBe("consistent");
    for (const from of log.heads.filter((head) => head.treeSize <= to.treeSize)) {
      expect((await client(node, log).checkGrowth(from, to)).kind, `${from.treeSize} ${to.treeSize}`).toBe(
        "consistent",
      );
    }
  }
});

test("a log that rewrote any of its entries is convicted, whatever the sizes", async () => {
  for (let first = 1; first < 20; first++) {
    const honest = new FakeLog(crypto, "saturn");
    honest.publish(...CLAIMS.slice(0, first));
    const held = honest.head();
    for (const second of [first + 1, first + 2, first + 5, 33]) {
      const forked = new FakeLog(crypto, "saturn");
      const rewritten = CLAIMS.slice(0, second).map(([key, value], i) => [key, i === 0 ? "other" : value] as const);
      forked.publish(...rewritten.slice(0, first));
      const head = forked.publish(...rewritten.slice(first));
      const result = await client(new FakeNode("memory:evil", forked), forked).checkGrowth(held, head);
      // The rewritten map gives another first map head, too; either tree convicts.
      expect(["log_rewritten", "map_heads_rewritten"], `${first} to ${second}`).toContain(judged(result, honest));
    }
  }
});

test("the log tree alone convicts where the map heads were kept", async () => {
  for (const [first, second] of [
    [1, 2],
    [2, 3],
    [2, 9],
    [3, 4],
    [4, 5],
    [4, 9],
    [8, 9],
    [8, 40],
    [7, 12],
  ] as const) {
    const honest = new FakeLog(crypto, "saturn");
    honest.publish(...CLAIMS.slice(0, first));
    const held = honest.head();
    const forked = new FakeLog(crypto, "saturn");
    forked.publish(...CLAIMS.slice(0, first));
    forked.publish(...CLAIMS.slice(first, second));
    const wrong = new FakeLog(crypto, "x");
    wrong.publish(["rewritten", "entry"], ...CLAIMS.slice(1, second));
    const head = forked.sign({ logRoot: wrong.tree.root() });
    const node = new FakeNode("memory:evil", forked);
    node.tamper = (procedure, answer, request) => {
      if (procedure === "GetLogEntries") return answerFrom(wrong, procedure, request);
      return procedure === "GetLogConsistencyProof" ? proofBytes(wrong, request) : answer();
    };
    expect(judged(await client(node, forked).checkGrowth(held, head), honest), `${first} ${second}`).toBe(
      "log_rewritten",
    );
  }
});

function proofBytes(log: FakeLog, request: Uint8Array): Uint8Array {
  const { FirstSize, SecondSize } = fromBinary(GetLogConsistencyProofRequestSchema, request);
  const Proof = log.tree.consistency(Number(FirstSize), Number(SecondSize));
  return toBinary(ProofResponseSchema, { $typeName: "trustix_api.v1.ProofResponse", Proof });
}

function answerFrom(log: FakeLog, _procedure: string, _request: Uint8Array): Uint8Array {
  // LogEntriesResponse with leaf 0: field 1, a LogLeaf with its digest in field 3.
  return Uint8Array.of(0x0a, 0x22, 0x1a, 0x20, ...log.tree.leaves[0]!);
}

test("two heads of one size, and a head that lost map heads, convict by themselves", async () => {
  const log = grown("saturn", 3);
  const held = log.head();
  const twin = log.sign({ logRoot: new Uint8Array(32).fill(1) });
  const node = new FakeNode("memory:evil", log);
  expect(judged(await client(node, log).checkGrowth(held, twin), log)).toBe("same_size");
  const fewer = new FakeLog(crypto, "saturn");
  fewer.publish(...CLAIMS.slice(0, 30));
  expect(judged(await client(node, fewer).checkGrowth(held, fewer.head()), log)).toBe("map_heads_missing");
  const [once, more] = [new FakeLog(crypto, "saturn"), new FakeLog(crypto, "saturn")];
  const before = once.publish(...CLAIMS.slice(0, 3));
  const asMany = more.publish(...CLAIMS.slice(0, 4));
  expect(judged(await client(node, more).checkGrowth(before, asMany), log)).toBe("map_heads_missing");
  // Heads that say nothing by themselves still contradict what was signed before.
  const none = log.sign({ treeSize: held.treeSize + 1, mhTreeSize: 0 });
  expect(judged(await client(node, log).checkGrowth(held, none), log)).toBe("map_heads_missing");
  expect((await client(node, log).checkGrowth(undefined, none)).kind).toBe("unverifiable");
  expect(node.calls).toEqual([]);
});

test("a log that kept its entries and rewrote its map heads is convicted", async () => {
  for (const [first, second] of [
    [1, 9],
    [2, 9],
    [3, 9],
    [4, 5],
    [4, 20],
    [7, 9],
  ] as const) {
    const honest = new FakeLog(crypto, "saturn");
    for (let i = 0; i < first; i++) honest.publish(...CLAIMS.slice(2 * i, 2 * i + 2));
    const forked = new FakeLog(crypto, "saturn");
    for (let i = 0; i < 2 * second; i++) forked.publish(...CLAIMS.slice(i, i + 1));
    const result = await client(new FakeNode("memory:evil", forked), forked).checkGrowth(honest.head(), forked.head());
    expect(judged(result, honest), `${first} to ${second}`).toBe("map_heads_rewritten");
  }
});

test("a head whose map root is not its last map head convicts at first contact, at any size", async () => {
  for (let flushes = 0; flushes < 12; flushes++) {
    const log = grown("saturn", flushes);
    log.add(["one", "more"]);
    const head = log.sign({ mapRoot: new Uint8Array(32).fill(9) });
    const result = await client(new FakeNode("memory:evil", log), log).checkGrowth(undefined, head);
    expect(judged(result, log), `${head.mhTreeSize} map heads`).toBe("map_root");
  }
});

test("a proof that fails in any other way convicts nobody: anyone on the wire could have made it", async () => {
  const log = grown("mercury", 9);
  const [from, to] = [log.heads[3]!, log.heads[9]!];
  const node = new FakeNode("memory:wire", log);
  await fc.assert(
    fc.asyncProperty(fc.nat(200), fc.nat(7), fc.constantFrom("flip", "cut", "empty"), async (at, bit, how) => {
      node.tamper = (procedure, answer) => {
        const bytes = answer();
        if (procedure !== "GetLogConsistencyProof" && procedure !== "GetMHLogConsistencyProof") return bytes;
        if (how === "empty") return new Uint8Array(0);
        if (how === "cut") return bytes.subarray(0, bytes.length - 34);
        const out = bytes.slice();
        // Within a hash: each is 2 bytes of header and 32 of hash.
        const place = at % bytes.length;
        out[place % 34 < 2 ? place + 2 : place]! ^= 1 << bit;
        return out;
      };
      expect((await client(node, log).checkGrowth(from, to)).kind).toBe("unverifiable");
    }),
    { numRuns: 60 },
  );
  node.tamper = () => {
    throw new RpcError("unavailable", "gone", { origin: "network" });
  };
  expect(await client(node, log).checkGrowth(from, to)).toEqual({ kind: "unreachable", why: "gone" });
});

test("an empty log has the empty trees' roots, and a list of map heads that is not empty", async () => {
  const log = new FakeLog(crypto, "mercury");
  const node = new FakeNode("memory:one", log);
  expect((await client(node, log).checkGrowth(undefined, log.head())).kind).toBe("consistent");
  for (const lie of [{ logRoot: new Uint8Array(32) }, { mapRoot: new Uint8Array(32).fill(1) }, { mhTreeSize: 0 }]) {
    expect((await client(node, log).checkGrowth(undefined, log.sign(lie))).kind).toBe("unverifiable");
  }
});

test("a value counts only with its digest", async () => {
  const log = grown("mercury", 1);
  const node = new FakeNode("memory:one", log);
  const { digest, value } = log.entries[0]!;
  expect(await client(node, log).value(digest)).toEqual({ kind: "value", value });
  expect((await client(node, log).value(new Uint8Array(32))).kind).toBe("refused");
  node.tamper = () => Uint8Array.of(0x0a, 1, 0x78);
  expect(await client(node, log).value(digest)).toMatchObject({
    kind: "unverifiable",
    why: expect.stringContaining(`asked for value ${toHex(digest)}`) as string,
  });
});
