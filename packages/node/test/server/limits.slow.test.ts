/** One test for each limit: what is over it gets a clear answer, and the server goes on. */
import { create, toBinary } from "@bufbuild/protobuf";
import { gzipSync } from "node:zlib";
import {
  GetLogEntriesRequestSchema,
  LogEntriesResponseSchema,
  LogHeadRequestSchema,
  SubmitRequestSchema,
  GetValuesRequestSchema,
} from "@trustix/proto";
import { decode, tokenHeader } from "@trustix/protocol";
import { connect as connectHttp2 } from "node:http2";
import { afterEach, describe, expect, test } from "vitest";
import type { Limits } from "../../src/config/limits.ts";
import type { Decide, DecideReport } from "../../src/model.ts";
import { NO_DECISIONS } from "../idle-parts.ts";
import { isWhole, parseAnswer } from "./raw-exchange.ts";
import { crypto, ReferenceLog } from "./reference-log.ts";
import {
  hostOf,
  LOG_ID,
  post,
  rawSocket,
  readAll,
  SEED,
  startTestNode,
  TOKEN,
  type TestNode,
  type TestNodeOptions,
} from "./test-node.ts";

const HEAD = "/trustix_api.v1.LogAPI/GetHead";
const ENTRIES = "/trustix_api.v1.LogAPI/GetLogEntries";
const SUBMIT = "/trustix_rpc.v1.LogRPC/Submit";
const DECIDE = "/trustix_rpc.v1.RPCApi/Decide";
const headRequest = toBinary(LogHeadRequestSchema, create(LogHeadRequestSchema, { LogID: LOG_ID }));
const decideRequest = Buffer.from([0x0a, 1, 0x61, 0x12, 4, ...Buffer.from("test")]);
const token = { "trustix-token": tokenHeader(crypto, TOKEN, SUBMIT) };

const nodes: TestNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});
async function start(limits: Partial<Limits>, options: TestNodeOptions = {}): Promise<TestNode> {
  const node = await startTestNode({ ...options, limits });
  nodes.push(node);
  return node;
}
async function stillAnswers(node: TestNode): Promise<void> {
  expect((await post(node.url, HEAD, headRequest)).status).toBe(200);
}
const entries = (Start: bigint, Finish: bigint) =>
  toBinary(GetLogEntriesRequestSchema, create(GetLogEntriesRequestSchema, { LogID: LOG_ID, Start, Finish }));

/** Decides when told to, and notices when it is no longer wanted. */
function slowDecide() {
  const calls: { finish: () => void; aborted: boolean }[] = [];
  const report: DecideReport = { decision: undefined, votes: [], reason: "told to" };
  const decide: Decide = {
    ...NO_DECISIONS,
    decide: (_protocol, _key, signal) =>
      new Promise((resolve) => {
        const call = { finish: () => resolve(report), aborted: false };
        signal.addEventListener("abort", () => (call.aborted = true));
        calls.push(call);
      }),
  };
  return { calls, decide };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(what()).toBe(true);
}

describe("message-bytes", () => {
  const tooLarge = { status: 429, code: "resource_exhausted" };

  test("a body that says it is larger is refused before it is read", async () => {
    const node = await start({ messageBytes: 1000 });
    const answer = await post(node.url, HEAD, Buffer.alloc(1001));
    expect(answer).toMatchObject({ ...tooLarge, message: "body: 1001 bytes came, at most 1000 wanted" });
    await stillAnswers(node);
  });

  test("a chunked body is cut off where the limit is", async () => {
    const node = await start({ messageBytes: 1000 });
    const answer = await post(node.url, HEAD, Buffer.alloc(1001), { headers: { "transfer-encoding": "chunked" } });
    expect(answer).toMatchObject({ ...tooLarge, message: /more than 1000 bytes came/ });
    await stillAnswers(node);
  });

  test("a body that never ends is not read for ever", async () => {
    const node = await start({ messageBytes: 1000 });
    const socket = rawSocket(node.url);
    const head = `POST ${HEAD} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nTransfer-Encoding: chunked\r\n\r\n`;
    socket.write(head);
    const chunk = `${(8192).toString(16)}\r\n${"x".repeat(8192)}\r\n`;
    const pump = setInterval(() => socket.write(chunk), 1);
    const all = await readAll(socket);
    clearInterval(pump);
    expect(parseAnswer(all).status).toBe(429);
    await stillAnswers(node);
  });

  test("a gzip bomb is stopped when it has grown to the limit", async () => {
    const node = await start({ messageBytes: 100_000 });
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    expect(bomb.length).toBeLessThan(100_000);
    const answer = await post(node.url, HEAD, bomb, { headers: { "content-encoding": "gzip" } });
    expect(answer).toMatchObject({ ...tooLarge, message: /after decompression/ });
    await stillAnswers(node);
  });

  test("bytes that are no gzip are the caller's mistake", async () => {
    const node = await start({});
    const answer = await post(node.url, HEAD, headRequest, { headers: { "content-encoding": "gzip" } });
    expect(answer).toMatchObject({ status: 400, code: "invalid_argument", message: /not the gzip/ });
  });

  test("calls that anybody may make are smaller, also after decompression, in every format", async () => {
    const node = await start({});
    const values = "/trustix_ext.v1.LogExt/GetValues";
    const [proto, json] = [
      Buffer.alloc(200_000, Uint8Array.of(0x0a, 0)),
      Buffer.from(`{"Digests":[${'"",'.repeat(6e4)}""]}`),
    ];
    const framed = Buffer.concat([Buffer.from([0]), uint32(proto.length), proto]);
    const squeezed = Buffer.concat([Buffer.from([1]), uint32(gzipSync(proto).length), gzipSync(proto)]);
    const plain = { ...tooLarge, message: /at most 131072 wanted/ };
    expect(await post(node.url, values, proto)).toMatchObject(plain);
    expect(await post(node.url, values, json, { headers: { "content-type": "application/json" } })).toMatchObject(
      plain,
    );
    expect(await post(node.url, values, gzipSync(proto), { headers: { "content-encoding": "gzip" } })).toMatchObject({
      ...tooLarge,
      message: /more than 131072 bytes after decompression/,
    });
    for (const [body, encoding] of [
      [framed, "identity"],
      [squeezed, "gzip"],
    ] as const) {
      const headers = { "content-type": "application/grpc-web+proto", "grpc-encoding": encoding };
      expect((await post(node.url, values, body, { headers })).body.toString("latin1")).toContain("grpc-status: 8");
    }
    await stillAnswers(node);
  });

  test("gRPC-Web has the same limit", async () => {
    const node = await start({ messageBytes: 1000 });
    const body = Buffer.alloc(2005);
    body.writeUInt32BE(2000, 1);
    const answer = await post(node.url, HEAD, body, { headers: { "content-type": "application/grpc-web+proto" } });
    expect(answer.body.toString("latin1")).toContain("grpc-status: 8");
    await stillAnswers(node);
  });
});

describe("answer-bytes", () => {
  test("leaves that need more are refused, with how many fit", async () => {
    const items = Array.from({ length: 20 }, (_, i) => [`${i}`.padStart(100, "k"), "v"] as const);
    const node = await start({ answerBytes: 1000 }, { items });
    const answer = await post(node.url, ENTRIES, entries(0n, 19n));
    expect(answer).toMatchObject({ status: 429, message: /need more than 1000 bytes; 5 of them fit/ });
    expect((await post(node.url, ENTRIES, entries(0n, 4n))).status).toBe(200);
  });

  test("an answer that turns out larger is refused", async () => {
    const node = await start({ answerBytes: 100 });
    expect(await post(node.url, HEAD, headRequest)).toMatchObject({ status: 429, message: /answer has 172 bytes/ });
  });
});

test("entries: more leaves than allowed are refused, exactly as many are answered", async () => {
  const items = Array.from({ length: 11 }, (_, i) => [`${i}`, "v"] as const);
  const node = await start({ entries: 10 }, { items });
  const over = await post(node.url, ENTRIES, entries(0n, 10n));
  expect(over).toMatchObject({
    status: 429,
    code: "resource_exhausted",
    message: "11 leaves asked for (0 to 10), at most 10 in one call",
  });
  const exact = await post(node.url, ENTRIES, entries(1n, 10n));
  expect(decode(LogEntriesResponseSchema, exact.body, 1 << 20).Leaves).toHaveLength(10);
  const huge = await post(node.url, ENTRIES, entries(0n, 2n ** 64n - 1n));
  expect(huge).toMatchObject({ status: 400, code: "invalid_argument", message: /^Finish: 18446744073709551615 came/ });
  expect(await post(node.url, ENTRIES, entries(0n, 2n ** 53n - 1n))).toMatchObject({ status: 429 });
});

test("submit-items: one call takes at most so many", async () => {
  const node = await start({ submitItems: 2 });
  const item = (i: number) => ({ Key: Buffer.from(`${i}`), Value: Buffer.from("v") });
  const submit = (n: number) =>
    toBinary(
      SubmitRequestSchema,
      create(SubmitRequestSchema, { LogID: LOG_ID, Items: Array.from({ length: n }, (_, i) => item(i)) }),
    );
  expect(await post(node.url, SUBMIT, submit(3), { headers: token })).toMatchObject({
    status: 429,
    message: "3 items came, at most 2 in one call",
  });
  expect((await post(node.url, SUBMIT, submit(2), { headers: token })).status).toBe(200);
});

test("values: one call asks for at most so many digests", async () => {
  const node = await start({ values: 1 });
  const body = toBinary(
    GetValuesRequestSchema,
    create(GetValuesRequestSchema, { Digests: [Buffer.alloc(32), Buffer.alloc(32)] }),
  );
  expect(await post(node.url, "/trustix_ext.v1.LogExt/GetValues", body)).toMatchObject({ status: 429 });
});

test("bytes of all calls together are bounded: sixteen of the largest messages, and there is room again afterwards", async () => {
  const node = await start({ messageBytes: 10_000, answerBytes: 10_000, calls: 100 });
  const head = `POST ${HEAD} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 10000\r\n\r\n`;
  const held = Array.from({ length: 16 }, () => rawSocket(node.url));
  for (const socket of held) socket.write(Buffer.concat([Buffer.from(head), Buffer.alloc(9990)]));
  await until(() => held.every((socket) => socket.bytesWritten > 9990));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await post(node.url, HEAD, Buffer.alloc(1000))).toMatchObject({
    status: 503,
    code: "unavailable",
    message: /calls under way hold 160000 bytes/,
  });
  const frame = Buffer.alloc(1005);
  frame.writeUInt32BE(1000, 1);
  const web = await post(node.url, HEAD, frame, { headers: { "content-type": "application/grpc-web+proto" } });
  expect(web.body.toString("latin1")).toContain("grpc-status: 14");
  for (const socket of held) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await stillAnswers(node);
});

test("calls: beyond so many at once a call is refused at once, and taken again when there is room", async () => {
  const { calls, decide } = slowDecide();
  const node = await start({ calls: 2 }, { decide });
  const slow = [1, 2].map(() => post(node.url, DECIDE, decideRequest));
  await until(() => calls.length === 2);
  expect(await post(node.url, HEAD, headRequest)).toMatchObject({
    status: 503,
    code: "unavailable",
    message: /2 calls are being answered/,
  });
  for (const call of calls) call.finish();
  for (const answer of await Promise.all(slow)) expect(answer.message).toBe("told to");
  await stillAnswers(node);
});

describe("call-seconds", () => {
  test("a call that takes longer is answered, and what it started is told to stop", async () => {
    const { calls, decide } = slowDecide();
    const node = await start({ callMs: 100 }, { decide });
    expect(await post(node.url, DECIDE, decideRequest)).toMatchObject({
      status: 504,
      code: "deadline_exceeded",
      message: "not done within 100 ms",
    });
    expect(calls[0]!.aborted).toBe(true);
    await stillAnswers(node);
  });

  test("a caller may ask for less, never for more", async () => {
    const { decide } = slowDecide();
    const node = await start({ callMs: 200 }, { decide });
    const timeout = (ms: string) => post(node.url, DECIDE, decideRequest, { headers: { "connect-timeout-ms": ms } });
    expect((await timeout("50")).message).toBe("not done within 50 ms");
    expect((await timeout("9999999999")).message).toBe("not done within 200 ms");
    expect(await timeout("-1")).toMatchObject({ status: 400, message: /Connect-Timeout-Ms: "-1" came/ });
    expect(await timeout("99999999999")).toMatchObject({ status: 400 });
  });

  test("a call over gRPC-Web ends too", async () => {
    const { calls, decide } = slowDecide();
    const node = await start({ callMs: 100 }, { decide });
    const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, decideRequest.length]), decideRequest]);
    const answer = await post(node.url, DECIDE, frame, { headers: { "content-type": "application/grpc-web+proto" } });
    expect(answer.body.toString("latin1")).toContain("grpc-status: 4");
    expect(calls[0]!.aborted).toBe(true);
  });

  test("a caller that does not read its answer is cut off", async () => {
    const log = new ReferenceLog(SEED);
    // More than the buffers of both sockets take.
    const keys = Array.from({ length: 300 }, (_, i) => Buffer.alloc(65_000, `${i} `));
    await log.submit(keys.map((key) => ({ key, value: Buffer.from("v") })));
    await log.flush();
    const node = await start({ callMs: 300, answerBytes: 1 << 28 }, { log });
    const socket = rawSocket(node.url);
    const body = entries(0n, 299n);
    const head = `POST ${ENTRIES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.pause();
    socket.write(Buffer.concat([Buffer.from(head), body]));
    const started = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const reading = readAll(socket);
    socket.resume();
    const all = await reading;
    expect(Date.now() - started).toBeLessThan(8000);
    expect(isWhole(all)).toBe(false);
    await stillAnswers(node);
  });
});

test("a caller that goes away ends its call", async () => {
  const { calls, decide } = slowDecide();
  const node = await start({}, { decide });
  const socket = rawSocket(node.url);
  socket.write(`POST ${DECIDE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 9\r\n\r\n`);
  socket.write(decideRequest);
  await until(() => calls.length === 1);
  socket.destroy();
  await until(() => calls[0]!.aborted);
});

test("header-bytes: larger headers are refused, over both versions of HTTP", async () => {
  const node = await start({ headerBytes: 2048 });
  const socket = rawSocket(node.url);
  socket.write(`POST ${HEAD} HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(3000)}\r\n\r\n`);
  const answer = parseAnswer(await readAll(socket));
  expect(answer.status).toBe(431);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ message: /headers are larger/ });
  const session = connectHttp2(node.url);
  const stream = session.request({ ":method": "POST", ":path": HEAD, x: "x".repeat(3000) });
  const status = await new Promise((resolve) => stream.once("response", (headers) => resolve(headers[":status"])));
  session.destroy();
  expect(status).toBe(431);
  await stillAnswers(node);
});

describe("header-seconds", () => {
  test("a connection that says nothing is ended", async () => {
    const node = await start({ headerMs: 100 });
    expect((await readAll(rawSocket(node.url))).length).toBe(0);
  });

  test.each(["P", "PR", "POST / HT", "POST / HTTP/1.1\r\nHost: x\r\n", "PRI * HTTP/2"])(
    "one that stops after %j is ended",
    async (start_) => {
      const node = await start({ headerMs: 100, bodyMs: 100, idleMs: 100, callMs: 200 });
      const socket = rawSocket(node.url);
      socket.write(start_);
      await readAll(socket, undefined, 8000);
      await stillAnswers(node);
    },
  );
});

describe("body-seconds: a body that trickles in is given up", () => {
  const late = "the request's body was not there within 200 ms";
  const limits = { headerMs: 100, bodyMs: 200, callMs: 10_000 };

  test.each(["application/proto", "application/grpc-web+proto"])("over HTTP/1.1 as %s", async (type) => {
    const node = await start(limits);
    const socket = rawSocket(node.url);
    socket.write(`POST ${HEAD} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 66\r\n\r\n`);
    const drip = setInterval(() => socket.write("x"), 50);
    const started = Date.now();
    const all = await readAll(socket);
    clearInterval(drip);
    expect(Date.now() - started).toBeLessThan(5000);
    if (type === "application/proto") expect(all.toString()).toContain(JSON.stringify(late));
    await stillAnswers(node);
    const { body } = await post(node.url, "/metrics", "", { method: "GET" });
    expect(body.toString()).toMatch(/^trustix_rpc_in_flight 0$/m);
  });

  test.each(["application/proto", "application/grpc"])("over HTTP/2 as %s", async (type) => {
    const node = await start(limits);
    const session = connectHttp2(node.url);
    const stream = session.request({ ":method": "POST", ":path": HEAD, "content-type": type });
    stream.on("error", () => {});
    const got: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => got.push(chunk));
    const drip = setInterval(() => !stream.destroyed && stream.write("x"), 50);
    const started = Date.now();
    await new Promise((resolve) => stream.once("close", resolve));
    clearInterval(drip);
    session.destroy();
    expect(Date.now() - started).toBeLessThan(5000);
    if (type === "application/proto") expect(Buffer.concat(got).toString()).toContain(JSON.stringify(late));
    await stillAnswers(node);
  });
});

test("idle-seconds: a connection without calls is ended", async () => {
  const node = await start({ idleMs: 100 });
  const socket = rawSocket(node.url);
  socket.write(`POST ${HEAD} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 66\r\n\r\n`);
  socket.write(headRequest);
  const all = await readAll(socket, undefined, 5000);
  expect(parseAnswer(all).status).toBe(200);
});

test("connections: one too many is closed and counted, and there is room again when another ends", async () => {
  const node = await start({ connections: 2 });
  const held = [rawSocket(node.url), rawSocket(node.url)];
  await Promise.all(held.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  expect((await readAll(rawSocket(node.url))).length).toBe(0);
  for (const socket of held) socket.destroy();
  await until(() => held.every((socket) => socket.closed));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { body } = await post(node.url, "/metrics", "", { method: "GET" });
  expect(body.toString()).toMatch(/trustix_connections_dropped_total\{listener="http:\/\/127.0.0.1:\d+"\} 1/);
});

test("streams: an HTTP/2 connection is told how many calls it may have at once", async () => {
  const node = await start({ streams: 3 });
  const session = connectHttp2(node.url);
  const settings = await new Promise<{ maxConcurrentStreams?: number }>((resolve) =>
    session.once("remoteSettings", resolve),
  );
  session.destroy();
  expect(settings.maxConcurrentStreams).toBe(3);
  expect(hostOf(node.url).port).toBeGreaterThan(0);
});
