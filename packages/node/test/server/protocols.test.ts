/** The same services over every wire protocol the port speaks, by a client library that is not ours. */
import { createClient, ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { LogAPI, LogExt, LogRPC, MapValueResponseSchema, RPCApi, UndecidedSchema } from "@trustix/proto";
import { headFromWire, tokenHeader, undecidedFromWire, verifyHead } from "@trustix/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { crypto } from "./reference-log.ts";
import { http2Frame } from "./raw-exchange.ts";
import { LOG_ID, post, rawSocket, readAll, startTestNode, TCP, TOKEN, type TestNode } from "./test-node.ts";

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode({ listeners: [TCP], items: [["key-a", "value-a"]] });
});
afterAll(() => node.close());

const big = "x".repeat(5000);
const PROTOCOLS: Record<string, (baseUrl: string) => Transport> = {
  "Connect over HTTP/1.1": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect over HTTP/2": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  "Connect with JSON": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  "Connect with JSON over HTTP/2": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }),
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  "gRPC with JSON": (baseUrl) => createGrpcTransport({ baseUrl, useBinaryFormat: false }),
  "gRPC-Web over HTTP/1.1": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "gRPC-Web over HTTP/2": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
};

async function refused(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectError);
    return error as ConnectError;
  }
  throw new Error("the call was answered");
}

describe.each(Object.entries(PROTOCOLS))("%s", (name, transport) => {
  const clients = () => {
    const at = transport(node.url);
    return { log: createClient(LogAPI, at), rpc: createClient(RPCApi, at), write: createClient(LogRPC, at) };
  };

  test("a head comes and verifies", async () => {
    const head = headFromWire(await clients().log.getHead({ LogID: LOG_ID }));
    expect(verifyHead(crypto, node.log.info.publicKey, head)).toBe(true);
  });

  test("an error has its code and text", async () => {
    const error = await refused(clients().log.getHead({ LogID: "0".repeat(64) }));
    expect([error.code, error.rawMessage]).toEqual([5, `log ${"0".repeat(64)} is not published by this node`]);
  });

  test("absence comes as an error with its proof, an undecided key with its votes", async () => {
    const { mapRoot } = await node.log.head();
    const Key = Buffer.from("no such key");
    const absent = await refused(clients().log.getMapValue({ LogID: LOG_ID, Key, MapRoot: mapRoot }));
    expect(absent.code).toBe(5);
    const [proof] = absent.findDetails(MapValueResponseSchema);
    expect(proof!.Value.length).toBe(0);
    expect(proof!.Proof!.NonMembershipLeafData.length).toBe(65);
    const undecided = await refused(clients().rpc.decide({ Key, Protocol: "test" }));
    expect(undecided.code).toBe(9);
    const [detail] = undecided.findDetails(UndecidedSchema);
    expect(undecidedFromWire(detail!).votes.map(({ outcome }) => outcome)).toEqual(["absent"]);
  });

  test("a write is taken with its token and refused without", async () => {
    const { write } = clients();
    const item = { Key: Buffer.from(`key of ${name}`), Value: Buffer.from("v") };
    const submit = { LogID: LOG_ID, Items: [item] };
    expect((await refused(write.submit(submit))).code).toBe(16);
    const token = tokenHeader(crypto, TOKEN, "/trustix_rpc.v1.LogRPC/Submit");
    expect((await write.submit(submit, { headers: { "Trustix-Token": token } })).Refused).toEqual([]);
    const other = { ...submit, Items: [{ ...item, Value: Buffer.from("w") }] };
    const { Refused } = await write.submit(other, { headers: { "Trustix-Token": token } });
    expect(Refused.map((key) => Buffer.from(key).toString())).toEqual([`key of ${name}`]);
  });

  test("a required field that is missing is named", async () => {
    // The library writes required fields only if they are set, and its JSON form does not insist either.
    const error = await refused(clients().log.getHead({} as { LogID: string }));
    expect(error.rawMessage).toMatch(/LogID/);
  });
});

test("an answer over 1 KiB is gzipped for whoever offers it, and reads the same", async () => {
  await node.log.submit([{ key: Buffer.from(big), value: Buffer.from(big) }]);
  await node.log.flush();
  const at = createConnectTransport({ baseUrl: node.url, httpVersion: "1.1" });
  const seen: (string | null)[] = [];
  const spy: Transport = {
    stream: at.stream.bind(at),
    async unary(...args) {
      const answer = await at.unary(...args);
      seen.push(answer.header.get("content-encoding"));
      return answer;
    },
  };
  const Digests = [crypto.sha256(Buffer.from(big))];
  const { Values, Left } = await createClient(LogExt, spy).getValues({ Digests });
  expect(Values.map(({ Value }) => Buffer.from(Value).toString())).toEqual([big]);
  expect([Left, seen]).toEqual([[], ["gzip"]]);
});

describe("a token with letters beyond ASCII in its name is read right", () => {
  const named = { ...TOKEN, name: 'my "name"<&>é' };
  const path = "/trustix_ext.v1.NodeExt/Status";
  const unknown = 'token "my \\"name\\"<&>é" is not known to this node';

  test("over HTTP/1.1", async () => {
    const answer = await post(node.url, path, "", { headers: { "trustix-token": tokenHeader(crypto, named, path) } });
    expect(answer).toMatchObject({ status: 401, message: unknown });
  });

  test("over HTTP/2", async () => {
    const fields: [string, Buffer][] = [
      [":method", Buffer.from("POST")],
      [":scheme", Buffer.from("http")],
      [":authority", Buffer.from("x")],
      [":path", Buffer.from(path)],
      ["content-type", Buffer.from("application/proto")],
      ["trustix-token", Buffer.from(tokenHeader(crypto, named, path), "latin1")],
    ];
    // Node's own client would encode the value once more. Literal fields without indexing (RFC 7541 section 6.2.2).
    const length = (n: number) => (n < 127 ? Buffer.of(n) : Buffer.of(127, n - 127));
    const block = fields.map(([name, value]) =>
      Buffer.concat([Buffer.of(0), length(name.length), Buffer.from(name), length(value.length), value]),
    );
    const socket = rawSocket(node.url);
    const headers = http2Frame(1, 0x5, 1, Buffer.concat(block));
    socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), http2Frame(4, 0, 0), headers]));
    const all = await readAll(socket, (seen) => seen.includes("this node"));
    expect(all.toString()).toContain(JSON.stringify(unknown));
  });
});
