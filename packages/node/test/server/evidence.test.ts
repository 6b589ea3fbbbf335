/** Proofs of misbehaviour over the wire: listed page by page, handed out as they are, taken in if they convict. */
import { createClient, type ConnectError } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { writeEvidence } from "@trustix/client";
import { toHex } from "@trustix/crypto";
import { ImportEvidenceResponse_Outcomes, NodeExt, type EvidenceItem } from "@trustix/proto";
import { openMemoryStore } from "@trustix/storage";
import { FakeClock, FakeLog, evidenceExamples, narInfo } from "@trustix/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openEvidence } from "../../src/evidence/index.ts";
import type { EvidenceStore } from "../../src/model.ts";
import { crypto } from "./reference-log.ts";
import { startTestNode, type TestNode } from "./test-node.ts";

const saturn = new FakeLog(crypto, "saturn").info;
const { publicKey } = saturn;
const examples = evidenceExamples(crypto, "saturn").map(({ evidence }) => evidence);

let node: TestNode;
let evidence: EvidenceStore;
beforeAll(async () => {
  const isConfigured = (key: Uint8Array): boolean => toHex(key) === toHex(publicKey);
  evidence = openEvidence({ store: openMemoryStore(), crypto, clock: new FakeClock(), isConfigured });
  const followed = [
    { info: saturn, name: "saturn", head: undefined, headSeenAt: undefined, against: undefined, remotes: [] },
  ];
  node = await startTestNode({ evidence, followed });
});
afterAll(() => node.close());

const client = () => createClient(NodeExt, createConnectTransport({ baseUrl: node.url, httpVersion: "1.1" }));
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => "answered",
    (error: ConnectError) => error.message,
  );

test("proofs are listed page by page with the names of whom they accuse, and handed out byte for byte", async () => {
  for (const one of examples) await evidence.keep(one, "found");
  for (let n = 0; n < 70; n++) {
    const [one, other] = ["one", "other"].map((content) => narInfo(crypto, "saturn", content, `p-${n}`));
    await evidence.keep({ publicKey, kind: "cache_key_signed_two", narInfos: [one!, other!] }, "imported");
  }
  const items: EvidenceItem[] = [];
  const sizes: number[] = [];
  let After: Uint8Array | undefined;
  do {
    const page = await client().evidence(After === undefined ? {} : { After });
    items.push(...page.Items);
    sizes.push(page.Items.length);
    After = page.Next.length === 0 ? undefined : page.Next;
  } while (After !== undefined);
  expect(sizes).toEqual([64, 18]);
  expect(new Set(items.map(({ ID }) => toHex(ID))).size).toBe(82);
  expect(items[0]).toMatchObject({ Kind: "same_size", Names: ["saturn"], Imported: false });
  expect(toHex(items[0]!.PublicKey)).toBe(toHex(publicKey));
  expect(items[0]!.Summary).toMatch(/^two signed heads of size 9 differ/);
  const { File } = await client().getEvidence({ ID: items[0]!.ID });
  expect(toHex(File)).toBe(toHex(writeEvidence(examples[0]!)));
  expect(BigInt(File.length)).toBe(items[0]!.Size);
  expect(await refusal(client().getEvidence({ ID: new Uint8Array(32) }))).toMatch(
    /\[not_found\] no evidence with id 0/,
  );
  expect(await refusal(client().getEvidence({ ID: new Uint8Array(4) }))).toMatch(/\[invalid_argument\] ID: 4 bytes/);
});

test("what is brought is kept if it convicts a configured key; otherwise it is refused with the reason", async () => {
  const log = new FakeLog(crypto, "saturn");
  log.publish(["new", "claim"]);
  const second = log.sign({ ...log.head(), logRoot: new Uint8Array(32).fill(9) });
  const anew = writeEvidence({ publicKey, kind: "same_size", first: log.heads[1]!, second });
  const { KEPT, KNOWN } = ImportEvidenceResponse_Outcomes;
  const ID = crypto.sha256(anew);
  for (const wanted of [KEPT, KNOWN]) {
    const { ID: id, Outcome } = await client().importEvidence({ File: anew });
    expect([toHex(id), Outcome]).toEqual([toHex(ID), wanted]);
  }
  expect(toHex((await client().getEvidence({ ID })).File)).toBe(toHex(anew));
  const none = writeEvidence({ publicKey, kind: "same_size", first: second, second });
  const foreign = writeEvidence(evidenceExamples(crypto, "venus")[0]!.evidence);
  for (const [File, wanted] of [
    [none, /\[data_loss\] evidence: it does not convict/],
    [foreign, /\[not_found\] nobody is configured here with the accused key/],
    [new Uint8Array(0), /\[invalid_argument\] evidence: not JSON/],
    [new Uint8Array(1 << 20), /\[invalid_argument\] evidence: 1048576 bytes came/],
  ] as const) {
    expect(await refusal(client().importEvidence({ File }))).toMatch(wanted);
  }
});
