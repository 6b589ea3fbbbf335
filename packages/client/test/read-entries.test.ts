/** Runs of entries and values from honest, small, old and lying remotes. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { utf8Text } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import {
  GetValuesRequestSchema,
  GetValuesResponseSchema,
  LogEntriesResponseSchema,
  LogExt,
  type LogEntriesResponse,
} from "@trustix/proto";
import { FakeLog, FakeNode } from "@trustix/testkit";
import { expect, test } from "vitest";
import { RpcError, readEntries, readMapHeadLeaves, readValues } from "../src/index.ts";

const crypto = nodeCrypto();

function setUp() {
  const log = new FakeLog(crypto, "mercury");
  for (let i = 0; i < 5; i++) log.publish([`a${i}`, `value a${i}`], [`b${i}`, `value b${i}`]);
  const node = new FakeNode("memory:one", log);
  return { log, node, at: { crypto, transport: node.transport(), log: log.info } };
}

const digests = ["value a0", "value b4", "value a0"].map((text) => crypto.sha256(Buffer.from(text)));

test("entries and map-head leaves come in their order", async () => {
  const { log, at } = setUp();
  const got = await readEntries(at, 2, 6);
  expect(got.kind === "entries" && got.entries.map(({ key }) => utf8Text(key))).toEqual(["a1", "b1", "a2", "b2", "a3"]);
  const leaves = log.mapHeads.leaves.slice(1, 4);
  expect(await readMapHeadLeaves(at, 1, 3)).toEqual({ kind: "leaves", leaves });
});

test("a remote whose answers are full is asked for less at once", async () => {
  const { node, at } = setUp();
  node.tamper = (_method, answer) => {
    const bytes = answer();
    if (fromBinary(LogEntriesResponseSchema, bytes).Leaves.length > 2)
      throw new RpcError("resource_exhausted", "more than fits", { origin: "server" });
    return bytes;
  };
  const got = await readEntries(at, 0, 9);
  expect(got.kind === "entries" && got.entries.length).toBe(10);
});

test.each([
  { what: "too few", change: (answer: LogEntriesResponse) => void answer.Leaves.pop() },
  {
    what: "no keys",
    change: ({ Leaves }: LogEntriesResponse) => delete (Leaves[0] as { ValueDigest?: unknown }).ValueDigest,
  },
  { what: "another key", change: ({ Leaves }: LogEntriesResponse) => void (Leaves[0]!.Key = Buffer.from("other")) },
])("an answer with $what is trouble", async ({ change }) => {
  const { node, at } = setUp();
  node.tamper = (_method, answer) => {
    const message = fromBinary(LogEntriesResponseSchema, answer());
    change(message);
    return toBinary(LogEntriesResponseSchema, message);
  };
  expect(await readEntries(at, 0, 3)).toMatchObject({ kind: "unverifiable" });
});

test("values come in the order of their digests, one by one from a remote without the call for many", async () => {
  const { node, at } = setUp();
  node.tamper = (method, answer) => {
    if (method !== LogExt.method.getValues.name) return answer();
    throw new RpcError("unimplemented", "404", { origin: "server" });
  };
  const values = ["value a0", "value b4", "value a0"].map((text) => new Uint8Array(Buffer.from(text)));
  expect(await readValues(at, digests)).toEqual({ kind: "values", values });
  expect(node.calls).toEqual(["GetValues", "GetValue", "GetValues", "GetValue"]);
});

test("values in bounded answers are asked for until all are there", async () => {
  const { node, at } = setUp();
  node.tamper = (method, answer, request) => {
    if (method !== LogExt.method.getValues.name) return answer();
    const [first, ...Left] = fromBinary(GetValuesRequestSchema, request).Digests;
    const Value = Buffer.from(Buffer.compare(first!, digests[0]!) === 0 ? "value a0" : "value b4");
    return toBinary(
      GetValuesResponseSchema,
      create(GetValuesResponseSchema, { Values: [{ Digest: first!, Value }], Left }),
    );
  };
  expect((await readValues(at, digests)).kind).toBe("values");
  expect(node.calls).toEqual(["GetValues", "GetValues"]);
});

test.each([
  { what: "leaves values out", values: [], why: /it has no value of digest/ },
  { what: "sends another value", values: ["rubbish"], why: /was not asked for/ },
])("a remote that $what is trouble", async ({ values, why }) => {
  const { node, at } = setUp();
  const Values = values.map((text) => ({ Digest: digests[0]!, Value: Buffer.from(text) }));
  node.tamper = () => toBinary(GetValuesResponseSchema, create(GetValuesResponseSchema, { Values }));
  expect(await readValues(at, digests)).toMatchObject({ kind: "unverifiable", why: expect.stringMatching(why) });
});

test("a remote that is down or lacks the log is told apart", async () => {
  const { node, at } = setUp();
  expect(await readEntries({ ...at, log: new FakeLog(crypto, "venus").info }, 0, 1)).toMatchObject({
    kind: "refused",
    code: "not_found",
  });
  node.down = "connection refused";
  expect(await readValues(at, digests)).toEqual({ kind: "unreachable", why: "connection refused" });
  expect(await readMapHeadLeaves(at, 0, 1)).toEqual({ kind: "unreachable", why: "connection refused" });
});
