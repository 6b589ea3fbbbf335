/** Receipts: what they show, what they only assert, and that nothing in them can be changed. */
import { toHex, utf8, utf8Text } from "@trustix/crypto";
import { NIX, ProtocolError, type LogId, type Testimony } from "@trustix/protocol";
import { nodeCrypto } from "@trustix/node-crypto";
import { FakeLog, RECEIPT_NODE_SEED as NODE_SEED, receiptExample as example, receiptOf } from "@trustix/testkit";
import { expect, test } from "vitest";
import {
  keysFromBytes,
  readReceipt,
  verifyReceipt,
  voterIdOf,
  writeReceipt,
  type OwnSide,
  type Receipt,
} from "../../src/index.ts";
import { checkAgain } from "./second-checker.ts";

const crypto = nodeCrypto();
const NODE_KEY = crypto.ed25519PublicKey(NODE_SEED);

const refusal = (file: Uint8Array, own: OwnSide): string => {
  try {
    verifyReceipt(crypto, file, own);
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
  return "accepted";
};
const sealed = (receipt: Receipt, seed = NODE_SEED): Uint8Array => writeReceipt(crypto, seed, receipt);
/** The receipt with one testimony changed. */
function changed(receipt: Receipt, logId: LogId, change: (one: Testimony) => Testimony): Uint8Array {
  return sealed({ ...receipt, votes: receipt.votes.map((one) => (one.vote.logId === logId ? change(one) : one)) });
}

test("a receipt is read as it was written, and replays to the same decision", () => {
  const { receipt, file, own, logs } = example();
  const read = readReceipt(crypto, file);
  expect(read.nodeKey).toEqual(NODE_KEY);
  expect(read.receipt).toEqual({ ...receipt, policy: read.receipt.policy });
  expect(sealed(read.receipt)).toEqual(file);
  const verified = verifyReceipt(crypto, file, own);
  expect(verified.outcome.decision).toMatchObject({ confidence: 50 });
  expect(verified.policyDiffers).toBe(false);
  expect(verified.shown).toHaveLength(5);
  expect(verified.asserted.map(({ outcome }) => outcome)).toEqual(["unreachable"]);
  expect(verified.shown).toContain(logs[3]!.info.id);
});

test("an undecided one replays as well", () => {
  const { file, own } = example({ rules: [{ engine: "quorum", threshold: 4, voters: undefined }] });
  expect(verifyReceipt(crypto, file, own).outcome.decision).toBeUndefined();
});

test("a changed byte anywhere is refused, with a reason", () => {
  const { file, own } = example();
  for (let i = 0; i < file.length; i += 1 + (i % 61)) {
    for (const bits of [1, 0x80]) {
      const reason = refusal(file.with(i, file[i]! ^ bits), own);
      expect(reason, `byte ${i}`).toMatch(/^(receipt|policy)/);
    }
  }
  for (const cut of [0, 1, 10, file.length - 1]) expect(refusal(file.subarray(0, cut), own)).toMatch(/^receipt/);
  expect(refusal(new Uint8Array([...file, 10]), own)).toMatch(/^receipt: line 2/);
});

test("what another node signed is refused, and so is what the node signed over false proofs", () => {
  const { receipt, file, own, logs } = example();
  const [mercury, venus, saturn, mars] = logs.map(({ info }) => info.id) as [LogId, LogId, LogId, LogId];
  const other = sealed(receipt, crypto.sha256(utf8("another node")));
  expect(refusal(other, own)).toMatch(/signed by a node that is not among those you named/);
  expect(refusal(file, { ...own, nodeKeys: [] })).toMatch(/not among those/);

  const proofOf = (id: LogId) => receipt.votes.find(({ vote }) => vote.logId === id)!.proof!;
  const table: [string, Uint8Array, RegExp][] = [
    [
      "a claim without a proof",
      changed(receipt, mercury, ({ vote }) => ({ vote, proof: undefined })),
      /nothing shows it/,
    ],
    [
      "another log's proof",
      changed(receipt, mercury, ({ vote }) => ({ vote, proof: proofOf(venus) })),
      /its head is not signed by the log's key/,
    ],
    [
      "an absence for a claim",
      changed(receipt, saturn, ({ vote, proof }) => ({
        vote: { ...vote, outcome: "absent", digest: undefined },
        proof,
      })),
      /the proof is of another vote/,
    ],
    [
      "a claim for an absence",
      changed(receipt, mars, ({ vote, proof }) => ({
        vote: { ...vote, outcome: "claims", digest: new Uint8Array(32) },
        proof,
      })),
      /the proof is of another vote/,
    ],
    [
      "another index",
      changed(receipt, mercury, ({ vote, proof }) => {
        if (proof?.kind !== "log") throw new Error("a log's proof wanted");
        return { vote, proof: { ...proof, entry: { ...proof.entry!, index: 3 } } };
      }),
      /mercury|not shown/,
    ],
    [
      "no audit path",
      changed(receipt, mercury, ({ vote, proof }) => {
        if (proof?.kind !== "log") throw new Error("a log's proof wanted");
        return { vote, proof: { ...proof, logProof: [] } };
      }),
      /not shown/,
    ],
    [
      "a proof beside an assertion",
      changed(receipt, mars, ({ vote, proof }) => ({ vote: { ...vote, outcome: "stale" }, proof })),
      /a proof came with "stale"/,
    ],
    [
      "a vote left out, so that the verdict does not follow",
      sealed({ ...receipt, votes: receipt.votes.filter(({ vote }) => vote.logId !== mercury) }),
      /decides nothing on what is shown/,
    ],
    [
      "a vote twice",
      sealed({ ...receipt, votes: [...receipt.votes, receipt.votes.at(-1)!] }),
      /not one a voter, by ascending id/,
    ],
    ["a value twice", sealed({ ...receipt, values: [...receipt.values, receipt.values[0]!] }), /a value twice/],
    [
      "another confidence",
      sealed({ ...receipt, verdict: { ...receipt.verdict, decided: true, digest: digestOf(receipt), confidence: 99 } }),
      /its confidence is 99, the policy makes it 50/,
    ],
    [
      "another digest",
      sealed({
        ...receipt,
        verdict: { ...receipt.verdict, decided: true, digest: new Uint8Array(32), confidence: 50 },
      }),
      /decides on another value/,
    ],
    ["undecided", sealed({ ...receipt, verdict: { decided: false, reason: "no" } }), /it says undecided/],
  ];
  for (const [name, bytes, wanted] of table) expect(refusal(bytes, own), name).toMatch(wanted);
});

function digestOf({ verdict }: Receipt): Uint8Array {
  if (!verdict.decided) throw new Error("a decision wanted");
  return verdict.digest;
}

test("keys and policy come from one's own side: a voter's other key, a stricter or laxer policy", () => {
  const { receipt, file, own, logs } = example();
  const { id } = logs[0]!.info;
  const stranger = new FakeLog(crypto, "stranger", NIX).info;
  const swapped = new Map([...own.voters, [id, { kind: "log", publicKey: stranger.publicKey } as const]]);
  expect(refusal(file, { ...own, voters: swapped })).toMatch(/its head is not signed by the log's key/);
  const unknown = new Map([...own.voters].filter(([voter]) => voter !== id));
  expect(refusal(file, { ...own, voters: unknown })).toBe(`receipt: no key is known of voter ${id}`);

  const strict = { ...own.policy, rules: [{ engine: "quorum", threshold: 4, voters: undefined }] as const };
  expect(refusal(file, { ...own, policy: strict })).toMatch(
    /^receipt: your policy, which is another than the node's, decides nothing/,
  );
  const lax = { ...own.policy, rules: [{ engine: "quorum", threshold: 2, voters: undefined }] as const };
  expect(verifyReceipt(crypto, file, { ...own, policy: lax })).toMatchObject({ policyDiffers: true });

  // A node that uses a policy of its own making shows nothing to whoever has another.
  const alone = { ...receipt.policy, rules: [{ engine: "logid", id: logs[2]!.info.id }] as const };
  const forged = sealed(receiptOf(alone, receipt.votes, receipt.values));
  expect(refusal(forged, own)).toMatch(/decides on another value/);
});

test("the second checker finds the same, and refuses what the first refuses", () => {
  for (const threshold of [2, 3, 4]) {
    const { file, own } = example({ rules: [{ engine: "quorum", threshold, voters: undefined }] });
    const side = {
      node: Buffer.from(NODE_KEY),
      threshold,
      logs: new Map(
        [...own.voters].flatMap(([id, keys]) => (keys.kind === "log" ? [[id, Buffer.from(keys.publicKey)]] : [])),
      ),
      caches: new Map(
        [...own.voters].flatMap(([id, keys]) =>
          keys.kind === "binary-cache" ? [[id, Buffer.from(keys.publicKeys[0]!)]] : [],
        ),
      ),
    };
    const first = verifyReceipt(crypto, file, own).outcome.decision;
    expect(checkAgain(Buffer.from(file), side).decided).toBe(first && toHex(first.digest));
    for (let i = 0; i < file.length; i += 97) {
      expect(() => checkAgain(Buffer.from(file.with(i, file[i]! ^ 1)), side), `byte ${i}`).toThrow();
    }
  }
});

test("a voter's id is that of its key, so nobody else's key stands for it", () => {
  const { own } = example();
  for (const [id, keys] of own.voters) expect(voterIdOf(crypto, NIX, keys)).toBe(id);
});

test("hostile files are refused by their first fault", () => {
  const { file, own } = example();
  const [statement] = utf8Text(file).split("\n") as [string];
  const body = JSON.parse(statement) as Record<string, unknown>;
  const written = (value: unknown): Uint8Array => {
    const text = utf8(JSON.stringify(value));
    const signature = crypto.ed25519Sign(NODE_SEED, utf8(`trustix-receipt/1\n${JSON.stringify(value)}`));
    const seal = {
      node: Buffer.from(NODE_KEY).toString("base64"),
      signature: Buffer.from(signature).toString("base64"),
    };
    return new Uint8Array(Buffer.concat([text, Buffer.from(`\n${JSON.stringify(seal)}\n`)]));
  };
  const table: [unknown, RegExp][] = [
    [{ ...body, format: "trustix-receipt/2" }, /receipt\.format: "trustix-receipt\/2" came/],
    [{ ...body, surplus: 1 }, /receipt\.surplus: there is no such field/],
    [{ ...body, key: "!" }, /receipt\.key: base64/],
    [{ ...body, votes: {} }, /receipt\.votes: an object came, a list wanted/],
    [{ ...body, votes: [{ voter: "x", outcome: "claims" }] }, /receipt\.votes\[0\]\.digest/],
    [{ ...body, time: -1 }, /receipt\.time: -1 came/],
    [{ ...body, verdict: { decided: 1 } }, /receipt\.verdict/],
    [{ ...body, policy: { ...(body["policy"] as object), mode: "lax" } }, /policy\.mode/],
    [[], /receipt: a list of 0 came, an object wanted/],
    [null, /receipt: null came, an object wanted/],
  ];
  for (const [value, wanted] of table) expect(refusal(written(value), own)).toMatch(wanted);
  for (const text of ["", "\n", "{}\n", "{}\n{}\n", "\n\n\n", "x".repeat(100)])
    expect(refusal(utf8(text), own)).toMatch(/^receipt/);
});

test("a keys file gives one's own side again, and is refused by its first fault", () => {
  const { file, own, keys } = example();
  const known = keysFromBytes(crypto, utf8(keys));
  expect(known).toMatchObject({ nodeKeys: own.nodeKeys, voters: own.voters });
  const again = { ...own, nodeKeys: known.nodeKeys, voters: known.voters, policy: known.policies[0]! };
  expect(verifyReceipt(crypto, file, again).policyDiffers).toBe(false);
  const body = JSON.parse(keys) as { voters: Record<string, unknown>[] } & Record<string, unknown>;
  const [first, ...rest] = body.voters as [Record<string, unknown>, ...Record<string, unknown>[]];
  const table: [unknown, RegExp][] = [
    [{ ...body, format: "trustix-keys/2" }, /keys\.format: "trustix-keys\/2" came/],
    [{ ...body, nodes: [] }, /keys\.nodes/],
    [{ ...body, nodes: ["short"] }, /keys\.nodes\[0\]: "short" came, base64 of 32 bytes wanted/],
    [{ ...body, voters: rest }, /keys\.voters: voter [0-9a-f]{64} of a policy is not among them/],
    [{ ...body, voters: [{ ...first, keys: rest[0]!["keys"] }, ...rest] }, /its key gives/],
    [{ ...body, voters: [{ ...first, kind: "friend" }, ...rest] }, /keys\.voters\[0\]\.kind/],
    [{ ...body, policies: [] }, /keys\.policies/],
    [{ ...body, secret: "" }, /there is no such field/],
  ];
  for (const [value, wanted] of table) {
    expect(() => keysFromBytes(crypto, utf8(JSON.stringify(value)))).toThrow(wanted);
  }
  expect(() => keysFromBytes(crypto, utf8("{"))).toThrow(/not JSON/);
});
