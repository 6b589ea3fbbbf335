/** Bytes that no client sends: the server answers or hangs up, and is there for the next caller. */
import { create, toBinary } from "@bufbuild/protobuf";
import { GetMapValueRequestSchema, LogHeadRequestSchema, SubmitRequestSchema } from "@trustix/proto";
import { tokenHeader } from "@trustix/protocol";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { crypto } from "./reference-log.ts";
import { http2Frame, isWhole, parseAnswer } from "./raw-exchange.ts";
import { LOG_ID, post, rawSocket, readAll, startTestNode, TOKEN, type TestNode } from "./test-node.ts";
import { NO_DECISIONS } from "../idle-parts.ts";

const HEAD = "/trustix_api.v1.LogAPI/GetHead";
const SUBMIT = "/trustix_rpc.v1.LogRPC/Submit";
const headRequest = toBinary(LogHeadRequestSchema, create(LogHeadRequestSchema, { LogID: LOG_ID }));
const runs = 60 * (process.env["SLOW"] === "1" ? 20 : 1);

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode({ limits: { headerMs: 300, bodyMs: 300, callMs: 2000, idleMs: 300 } });
});
afterAll(() => node.close());

const stillThere = async () => expect((await post(node.url, HEAD, headRequest)).status).toBe(200);

const PATHS = [
  HEAD,
  "/trustix_api.v1.LogAPI/GetMapValue",
  "/trustix_rpc.v1.RPCApi/Decide",
  "/trustix_ext.v1.LogExt/GetValues",
];

test("any bytes as a message get an answer with a code, in every format", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...PATHS),
      fc.constantFrom(
        "application/proto",
        "application/json",
        "application/grpc-web+proto",
        "application/grpc-web+json",
      ),
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.json().map((text) => Buffer.from(text)),
      ),
      async (path, contentType, body) => {
        const answer = await post(node.url, path, body, { headers: { "content-type": contentType } });
        expect(answer.status).toBeLessThan(500);
        if (answer.status !== 200) expect(answer.code).toBeDefined();
      },
    ),
    { numRuns: runs },
  );
  expect(node.lines.filter((line) => line.includes('"level":50'))).toEqual([]);
  await stillThere();
});

test("a good message with any few bytes changed is answered or refused, never a fault of ours", async () => {
  const message = create(GetMapValueRequestSchema, {
    LogID: LOG_ID,
    Key: Buffer.from("k"),
    MapRoot: new Uint8Array(32),
  });
  const good = toBinary(GetMapValueRequestSchema, message);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), async (at, byte, cut) => {
      const bytes = Buffer.from(good);
      bytes[at] = byte;
      const answer = await post(node.url, PATHS[1]!, bytes.subarray(0, cut));
      expect([400, 404, 429]).toContain(answer.status);
    }),
    { numRuns: runs },
  );
});

test("any bytes as a connection end in an answer or in silence", async () => {
  const request = fc
    .record({
      start: fc.constantFrom(
        "POST ",
        "GET ",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "PRI",
        "\r\n\r\n",
        "POST / HTTP/1.0\r\n\r\n",
        "",
      ),
      rest: fc.uint8Array({ maxLength: 200 }),
    })
    .map(({ start, rest }) => Buffer.concat([Buffer.from(start), rest]));
  await fc.assert(
    fc.asyncProperty(request, async (bytes) => {
      const socket = rawSocket(node.url);
      socket.write(bytes);
      socket.end();
      await readAll(socket, undefined, 8000);
    }),
    { numRuns: runs / 3 },
  );
  await stillThere();
});

test.each([
  ["no host", `POST ${HEAD} HTTP/1.1\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: 0\r\n\r\n`],
  [
    "no host over HTTP/1.0",
    `POST ${HEAD} HTTP/1.0\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: 0\r\n\r\n`,
  ],
  [
    "a host that is none",
    `POST ${HEAD} HTTP/1.1\r\nHost: [\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: 0\r\n\r\n`,
  ],
  ["two lengths", `POST ${HEAD} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
  [
    "a length and chunks",
    `POST ${HEAD} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ["a negative length", `POST ${HEAD} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n`],
  ["a chunk of no size", `POST ${HEAD} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`],
  ["a header without a colon", `POST ${HEAD} HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n`],
  ["an unknown method", `BREW ${HEAD} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ["an absolute URL", `POST http://elsewhere/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`],
  ["a URL with spaces", `POST /a b HTTP/1.1\r\nHost: x\r\n\r\n`],
])("a request with %s gets a refusal", async (_what, text) => {
  const socket = rawSocket(node.url);
  socket.write(text);
  const all = await readAll(socket, isWhole);
  const { status } = parseAnswer(all);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  await stillThere();
});

test("many pipelined requests are all answered, in order", async () => {
  const one = Buffer.concat([
    Buffer.from(`POST ${HEAD} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 66\r\n\r\n`),
    headRequest,
  ]);
  const socket = rawSocket(node.url);
  socket.write(Buffer.concat(Array.from({ length: 50 }, () => one)));
  const count = (all: Buffer) => all.toString("latin1").split("HTTP/1.1 200 OK").length - 1;
  const all = await readAll(socket, (seen) => count(seen) === 50 && seen.length > 50 * 172);
  expect(count(all)).toBe(50);
});

test("HTTP/2 streams opened and reset at once, again and again, do no harm", async () => {
  const socket = rawSocket(node.url);
  socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), http2Frame(4, 0, 0)]));
  // Indexed fields of the static table: POST, http, path "/".
  const block = Buffer.from([0x83, 0x86, 0x84]);
  for (let stream = 1; stream < 4000; stream += 2) {
    socket.write(Buffer.concat([http2Frame(1, 4, stream, block), http2Frame(3, 0, stream, Buffer.from([0, 0, 0, 8]))]));
  }
  socket.end();
  await readAll(socket, undefined, 8000);
  await stillThere();
});

test("a fault of ours is logged with its cause, and the caller learns only that there was one", async () => {
  const failing = await startTestNode({
    decide: {
      ...NO_DECISIONS,
      decide: async () => {
        throw new TypeError("secret detail");
      },
    },
  });
  const body = Buffer.from([0x0a, 1, 0x61, 0x12, 4, ...Buffer.from("test")]);
  const answer = await post(failing.url, "/trustix_rpc.v1.RPCApi/Decide", body);
  expect(answer).toMatchObject({ status: 500, code: "internal", message: "internal error" });
  expect(failing.lines.some((line) => line.includes("secret detail") && line.includes("RPCApi/Decide"))).toBe(true);
  const metrics = await post(failing.url, "/metrics", "", { method: "GET" });
  expect(metrics.body.toString()).toContain(
    'trustix_rpc_seconds_count{method="/trustix_rpc.v1.RPCApi/Decide",code="internal"} 1',
  );
  await failing.close();
});

test("a replayed write is the same write: nothing is doubled", async () => {
  const Items = [{ Key: Buffer.from("once"), Value: Buffer.from("v") }];
  const body = toBinary(SubmitRequestSchema, create(SubmitRequestSchema, { LogID: LOG_ID, Items }));
  const headers = { "trustix-token": tokenHeader(crypto, TOKEN, SUBMIT) };
  for (let i = 0; i < 3; i++) expect((await post(node.url, SUBMIT, body, { headers })).status).toBe(200);
  expect((await node.log.flush()).treeSize).toBe(1);
});
