/** What the services say, over one protocol. */
import { createClient, type ConnectError } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { verifyInclusion } from "@trustix/merkle";
import { LogAPI, LogExt, LogRPC, NodeAPI, NodeExt, RPCApi } from "@trustix/proto";
import { NIX, logIdOf, logLeafDigest, parseMapEntry, type LogInfo } from "@trustix/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FollowedLog } from "../../src/model.ts";
import { crypto } from "./reference-log.ts";
import { LOG_ID, startTestNode, type TestNode } from "./test-node.ts";

const publicKey = crypto.sha256(Buffer.from("somebody's key"));
const info: LogInfo = { id: logIdOf(crypto, { protocol: NIX, publicKey }), protocol: NIX, publicKey, meta: {} };
const waiting: LogInfo = { ...info, id: logIdOf(crypto, { protocol: NIX, publicKey: crypto.sha256(publicKey) }) };
const zero = new Uint8Array(32);
const head = { logRoot: zero, treeSize: 7, mapRoot: zero, mhRoot: zero, mhTreeSize: 2, signature: new Uint8Array(64) };

const followed: FollowedLog[] = [
  {
    info,
    name: "mercury",
    head,
    headSeenAt: 1234,
    against: { why: "heads differ", time: 4321 },
    remotes: [
      { url: "http://a", reachability: { state: "reachable", since: 5 } },
      { url: "http://b", reachability: { state: "unreachable", since: 6, why: "down" } },
    ],
  },
  {
    info: waiting,
    name: "venus",
    head: undefined,
    headSeenAt: undefined,
    against: undefined,
    remotes: [{ url: "http://c", reachability: { state: "unknown" } }],
  },
];

let node: TestNode;
beforeAll(async () => {
  const items = [
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
  ] as const;
  node = await startTestNode({
    followed,
    followedValues: [Buffer.from("theirs")],
    items,
    limits: { values: 4, answerBytes: 1024 },
  });
});
afterAll(() => node.close());

const at = () => createConnectTransport({ baseUrl: node.url, httpVersion: "1.1" });
const digest = (text: string) => crypto.sha256(Buffer.from(text));
const refused = (call: Promise<unknown>) =>
  call.then(
    () => "answered",
    (error: ConnectError) => error.rawMessage,
  );

describe("what is followed stays private", () => {
  test("the public list has the published logs only, the private one both", async () => {
    const ids = async (call: Promise<{ Logs: { LogID: string }[] }>) => (await call).Logs.map((log) => log.LogID);
    expect(await ids(createClient(NodeAPI, at()).logs({}))).toEqual([LOG_ID]);
    expect(await ids(createClient(RPCApi, at()).logs({}))).toEqual([LOG_ID, info.id, waiting.id]);
    expect(await ids(createClient(RPCApi, at()).logs({ Protocols: ["nix"] }))).toEqual([info.id, waiting.id]);
    expect(await ids(createClient(RPCApi, at()).logs({ Protocols: [NIX.id, "test"] }))).toHaveLength(3);
    expect(await ids(createClient(RPCApi, at()).logs({ Protocols: ["bogus"] }))).toEqual([]);
  });

  test("a public call on a followed log answers as on one nobody knows", async () => {
    const client = createClient(LogAPI, at());
    const message = (id: string) => `log ${id} is not published by this node`;
    expect(await refused(client.getHead({ LogID: info.id }))).toBe(message(info.id));
    expect(await refused(client.getLogEntries({ LogID: info.id, Start: 0n, Finish: 0n }))).toBe(message(info.id));
    expect(await refused(client.getMapValue({ LogID: info.id, Key: zero, MapRoot: zero }))).toBe(message(info.id));
  });

  test("a public GetValue has values of published logs only, the private one asks remotes too", async () => {
    expect(await refused(createClient(NodeAPI, at()).getValue({ Digest: digest("theirs") }))).toMatch(
      /no published log/,
    );
    const rpc = createClient(RPCApi, at());
    expect(Buffer.from((await rpc.getValue({ Digest: digest("theirs") })).Value).toString()).toBe("theirs");
    expect(Buffer.from((await rpc.getValue({ Digest: digest("2") })).Value).toString()).toBe("2");
    expect(await refused(rpc.getValue({ Digest: digest("nobody's") }))).toMatch(
      /neither this node nor a reachable remote/,
    );
  });
});

describe("private calls on a followed log", () => {
  test("its held head is answered, and one that has none yet is told apart from an unknown log", async () => {
    const client = createClient(LogRPC, at());
    expect((await client.getHead({ LogID: info.id })).TreeSize).toBe(7n);
    expect(await refused(client.getHead({ LogID: waiting.id }))).toMatch(/\(venus\): no valid head came/);
    expect(await refused(client.getHead({ LogID: "f".repeat(64) }))).toMatch(/neither published nor followed/);
  });

  test("its entries are not here, which is said", async () => {
    const call = createClient(LogRPC, at()).getLogEntries({ LogID: info.id, Start: 0n, Finish: 0n });
    expect(await refused(call)).toMatch(/its entries are at its remotes/);
  });
});

test("the audit path of a claim comes with the map's answer to those who ask for it, and to nobody else", async () => {
  const client = createClient(LogAPI, at());
  const signed = await client.getHead({ LogID: LOG_ID });
  const asked = { LogID: LOG_ID, Key: Buffer.from("b"), MapRoot: signed.MapRoot };
  expect((await client.getMapValue(asked)).LogProof).toEqual([]);
  const { Value, LogProof: proof } = await client.getMapValue({ ...asked, TreeSize: signed.TreeSize });
  const { index } = parseMapEntry(Value);
  const leaf = logLeafDigest(crypto, Buffer.from("b"), digest("2"));
  verifyInclusion(crypto, { index, size: Number(signed.TreeSize), leaf, root: signed.LogRoot, proof });
  expect(await refused(client.getMapValue({ ...asked, TreeSize: 1000n }))).toMatch(/tree size 1000|in a tree of 1000/);
});

test("the status shows every log with its head, age and remotes", async () => {
  const status = await createClient(NodeExt, at()).status({});
  expect(status.Version).toBe("0.0.0-test");
  expect(Math.abs(Number(status.Now) - Date.now())).toBeLessThan(60_000);
  expect(status.Published.map((log) => [log.Log!.LogID, log.Name, log.Head!.TreeSize, log.Waiting])).toEqual([
    [LOG_ID, "one", 3n, 0n],
  ]);
  expect(
    status.Followed.map((log) => [
      log.Name,
      log.Head?.TreeSize,
      log.HeadSeenAt,
      [log.Against, log.AgainstSince],
      log.Remotes.map((remote) => [remote.URL, remote.State, remote.Since, remote.Why]),
    ]),
  ).toEqual([
    [
      "mercury",
      7n,
      1234n,
      ["heads differ", 4321n],
      [
        ["http://a", 1, 5n, ""],
        ["http://b", 2, 6n, "down"],
      ],
    ],
    ["venus", undefined, 0n, ["", 0n], [["http://c", 0, 0n, ""]]],
  ]);
});

test("refused claims are listed with what stands", async () => {
  await node.log.submit([{ key: Buffer.from("a"), value: Buffer.from("other") }]);
  const { Claims } = await createClient(NodeExt, at()).refused({ LogID: LOG_ID });
  expect(Claims.map(({ Key, Value }) => [Buffer.from(Key).toString(), Buffer.from(Value).toString()])).toEqual([
    ["a", "other"],
  ]);
  expect(Buffer.from(Claims[0]!.Standing)).toEqual(Buffer.from(digest("1")));
});

test("a hash part gives its path, an unknown one nothing, one of a wrong length an error", async () => {
  const client = createClient(NodeExt, at());
  const paths = async (HashPart: Uint8Array) =>
    (await client.pathByHashPart({ HashPart })).Paths.map((path) => Buffer.from(path).toString());
  expect(await paths(digest("b").subarray(0, 20))).toEqual(["b"]);
  expect(await paths(new Uint8Array(20))).toEqual([]);
  expect(await refused(paths(new Uint8Array(19)))).toBe("HashPart: 19 bytes came, 20 wanted");
});

describe("many values in one call", () => {
  const values = (...texts: string[]) => createClient(LogExt, at()).getValues({ Digests: texts.map(digest) });

  test("come in the order asked for, unknown ones left out", async () => {
    const { Values, Left } = await values("3", "unknown", "1", "3");
    expect(Values.map(({ Value }) => Buffer.from(Value).toString())).toEqual(["3", "1", "3"]);
    expect(Left).toEqual([]);
  });

  test("over the number allowed are refused, as is a digest of a wrong length", async () => {
    expect(await refused(values("1", "2", "3", "4", "5"))).toBe("5 digests came, at most 4 in one call");
    const call = createClient(LogExt, at()).getValues({ Digests: [digest("1"), new Uint8Array(31)] });
    expect(await refused(call)).toBe("Digests[1]: 31 bytes came, 32 wanted");
  });

  test("that do not fit are named, and come when asked for again", async () => {
    const texts = ["x", "y", "z"].map((letter) => letter.repeat(400));
    await node.log.submit(texts.map((text) => ({ key: Buffer.from(text), value: Buffer.from(text) })));
    await node.log.flush();
    const first = await values(...texts);
    expect(first.Values).toHaveLength(2);
    expect(first.Left.map((left) => Buffer.from(left))).toEqual([Buffer.from(digest(texts[2]!))]);
    const second = await createClient(LogExt, at()).getValues({ Digests: first.Left });
    expect(Buffer.from(second.Values[0]!.Value).toString()).toBe(texts[2]);
  });
});
