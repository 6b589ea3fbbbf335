/** What a log claims for a key: shown in its map and in its log tree, or told apart why not. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { toBase64, utf8 } from "@trustix/crypto";
import { verifyAbsence, verifyInclusion, verifyPresence } from "@trustix/merkle";
import { nodeCrypto } from "@trustix/node-crypto";
import { MapValueResponseSchema } from "@trustix/proto";
import type { LogHead } from "@trustix/protocol";
import { mapEntryBytes, mapPath, mapValueHash } from "@trustix/protocol";
import { FakeLog, FakeNode } from "@trustix/testkit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RpcError, checkEvidence, logClient, readEvidence, writeEvidence } from "../src/index.ts";
import type { ClaimResult, LogClient } from "../src/index.ts";

const crypto = nodeCrypto();

const client = (node: FakeNode, log: FakeLog): LogClient =>
  logClient({ crypto, transport: node.transport(), log: log.info });

function grown(name: string, flushes: number): FakeLog {
  const log = new FakeLog(crypto, name);
  for (let i = 0; i < flushes; i++) log.publish([`${name} a${i}`, `a${i}`], [`${name} b${i}`, `b${i}`]);
  return log;
}

const CLAIMS = Array.from({ length: 40 }, (_, i) => [`key ${i}`, `value ${i}`] as const);
const BACKDOOR = crypto.sha256(utf8("backdoor"));

/** The result's kind; what proofs come with it hold. */
function proved(result: ClaimResult, log: FakeLog, key: Uint8Array, head: LogHead): string {
  const path = mapPath(crypto, key);
  if (result.kind === "claims") {
    const { entry, mapProof, logProof } = result;
    const index = log.entries.findIndex((logged) => Buffer.compare(logged.key, key) === 0);
    expect(entry).toEqual({ digest: log.entries[index]!.digest, index });
    const entryBytes = mapEntryBytes(entry.digest, entry.index);
    verifyPresence(crypto, head.mapRoot, path, mapValueHash(crypto, entryBytes), mapProof);
    const { leaf } = log.entries[index]!;
    verifyInclusion(crypto, { index, size: head.treeSize, leaf, root: head.logRoot, proof: logProof });
  }
  if (result.kind === "absent") verifyAbsence(crypto, head.mapRoot, path, result.mapProof);
  return result.kind;
}

test("a claim is proved in map and log, a missing one absent, under the newest and under older heads", async () => {
  const log = grown("mercury", 5);
  const node = new FakeNode("memory:one", log);
  const [older, newest] = [log.heads[2]!, log.head()];
  const ask = async (text: string, head: LogHead): Promise<string> => {
    const key = utf8(text);
    return proved(await client(node, log).claim(key, head), log, key, head);
  };
  expect(await ask("mercury b3", newest)).toBe("claims");
  expect(await ask("mercury a0", older)).toBe("claims");
  expect(await ask("mercury b3", older)).toBe("absent");
  expect(await ask("nobody", newest)).toBe("absent");
  expect(node.calls).toEqual(Array(4).fill("GetMapValue"));
  expect(await ask("mercury a0", log.heads[0]!)).toBe("absent");
  expect(node.calls).toHaveLength(4);
});

test("a server that sends no audit path is asked for a consistency proof that holds it, for every entry of every size", async () => {
  for (let size = 1; size <= 17; size++) {
    const log = new FakeLog(crypto, "mercury");
    const head = log.publish(...CLAIMS.slice(0, size));
    const node = new FakeNode("memory:go", log);
    node.goLike = true;
    for (const [index, { key }] of log.entries.entries()) {
      node.calls.length = 0;
      expect(proved(await client(node, log).claim(key, head), log, key, head), `${index} of ${size}`).toBe("claims");
      const needsLeafZero = index === 1 || (index === 2 && size === 3);
      expect(node.calls, `${index} of ${size}`).toEqual([
        "GetMapValue",
        ...(size === 1 ? [] : ["GetLogConsistencyProof"]),
        ...(needsLeafZero ? ["GetLogEntries"] : []),
      ]);
    }
  }
});

describe.each([
  { server: "ours", goLike: false },
  { server: "the existing program's", goLike: true },
])("a log that shows one thing in its map and another in its entries ($server server)", ({ goLike }) => {
  async function claimOf(lie: (log: FakeLog) => void, index: number, size: number): Promise<ClaimResult> {
    const log = new FakeLog(crypto, "saturn");
    log.add(...CLAIMS.slice(0, size));
    lie(log);
    const head = log.sign();
    const node = new FakeNode("memory:evil", log);
    node.goLike = goLike;
    return client(node, log).claim(utf8(`key ${index}`), head);
  }

  function convicted(result: ClaimResult): string {
    if (result.kind !== "contradiction") return result.kind;
    const evidence = readEvidence(writeEvidence(result.evidence));
    checkEvidence(crypto, evidence, new FakeLog(crypto, "saturn").info.publicKey);
    return evidence.kind;
  }

  test("is convicted whatever the entry and the size", async () => {
    for (let size = 1; size <= 9; size++) {
      for (let index = 0; index < size; index++) {
        const other = await claimOf((log) => log.lieInMap(index, mapEntryBytes(BACKDOOR, index)), index, size);
        expect(convicted(other), `${index} of ${size}`).toBe("map_entry_differs");
      }
    }
  });

  test("is convicted when its map names another key's entry, or one that there is not", async () => {
    const digest = crypto.sha256(utf8("value 5"));
    for (const named of [0, 4, 8, 9, 1000]) {
      const result = await claimOf((log) => log.lieInMap(5, mapEntryBytes(digest, named)), 5, 9);
      expect(convicted(result), `entry ${named}`).toBe("map_entry_differs");
    }
  });

  test("is not believed, nor convicted, where its map entry may be read in two ways", async () => {
    const entry = utf8(`{"Digest":"${toBase64(BACKDOOR)}","Index":5,"Index":5}`);
    expect(await claimOf((log) => log.lieInMap(5, entry), 5, 9)).toEqual({
      kind: "unverifiable",
      why: "its map entry is not spelt as the protocol says",
    });
  });
});

test("a log tree's proof that is refused, late or garbled makes a claim trouble, never absent and never evidence", async () => {
  const log = grown("mercury", 3);
  const node = new FakeNode("memory:go", log);
  node.goLike = true;
  const ask = (fail: () => Uint8Array): Promise<ClaimResult> => {
    node.tamper = (procedure, answer) => (procedure === "GetLogConsistencyProof" ? fail() : answer());
    return client(node, log).claim(utf8("mercury a1"), log.head());
  };
  const error = (code: RpcError["code"], origin: RpcError["origin"]) => () => {
    throw new RpcError(code, "no proof today", { origin });
  };
  expect(await ask(error("unknown", "server"))).toMatchObject({
    kind: "refused",
    why: "its map has the key; asked for entry 2 of its log, it answers unknown: no proof today",
  });
  expect((await ask(error("deadline_exceeded", "network"))).kind).toBe("unreachable");
  expect(await ask(() => new Uint8Array(0))).toMatchObject({
    kind: "unverifiable",
    why: expect.stringMatching(/^it does not show entry 2 of its log: .*nodes/) as string,
  });
  expect((await ask(() => Uint8Array.of(0xff))).kind).toBe("unverifiable");
});

test("a server of the existing program says absent without proof, and forgets older roots", async () => {
  const log = grown("mercury", 3);
  const node = new FakeNode("memory:go", log);
  node.goLike = true;
  const at = client(node, log);
  expect(await at.claim(utf8("nobody"), log.head())).toEqual({
    kind: "says_absent",
    why: "it says absent and cannot prove it",
  });
  expect((await at.claim(utf8("mercury a1"), log.heads[2]!)).kind).toBe("root_gone");
  node.goLike = false;
  const unknown = { ...log.head(), mapRoot: new Uint8Array(32).fill(5) };
  expect((await at.claim(utf8("mercury a1"), unknown)).kind).toBe("root_gone");
});

test("no changed byte of any answer is ever believed, and none convicts", async () => {
  const log = grown("mercury", 6);
  const node = new FakeNode("memory:wire", log);
  const key = utf8("mercury a2");
  const truth = await client(node, log).claim(key, log.head());
  const outcomes = new Map<string, number>();
  const calls = fc.constantFrom("GetMapValue", "GetLogConsistencyProof");
  await fc.assert(
    fc.asyncProperty(fc.boolean(), calls, fc.nat(600), fc.nat(7), async (goLike, changed, at, bit) => {
      node.goLike = goLike;
      node.tamper = (procedure, answer) => {
        const bytes = answer().slice();
        if (procedure === changed && at < bytes.length) bytes[at]! ^= 1 << bit;
        return bytes;
      };
      const result = await client(node, log).claim(key, log.head());
      outcomes.set(result.kind, (outcomes.get(result.kind) ?? 0) + 1);
      if (result.kind === "claims") expect(result).toEqual(truth);
      else expect(["unverifiable", "refused"]).toContain(result.kind);
    }),
    { numRuns: 500 },
  );
  expect(outcomes.get("unverifiable")).toBeGreaterThan(100);
});

test("a proof of absence for another key, or of presence as absence, is refused", async () => {
  const log = grown("mercury", 6);
  const node = new FakeNode("memory:wire", log);
  const absent = (Proof: unknown): never => {
    const message = { $typeName: "trustix_api.v1.MapValueResponse", Value: new Uint8Array(0), Proof, LogProof: [] };
    const value = toBinary(
      MapValueResponseSchema,
      message as unknown as Parameters<typeof toBinary<typeof MapValueResponseSchema>>[1],
    );
    throw new RpcError("not_found", "absent", {
      origin: "server",
      details: [{ type: MapValueResponseSchema.typeName, value }],
    });
  };
  node.tamper = (_procedure, answer) => absent(fromBinary(MapValueResponseSchema, answer()).Proof);
  expect((await client(node, log).claim(utf8("mercury a2"), log.head())).kind).toBe("unverifiable");
  node.tamper = () => {
    throw new RpcError("not_found", "absent", { origin: "server" });
  };
  expect((await client(node, log).claim(utf8("mercury a2"), log.head())).kind).toBe("refused");
});
