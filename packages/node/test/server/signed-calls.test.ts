/** Signed calls over real sockets: what is taken, and how each thing that does not fit is told. */
import { connect as connectHttp2 } from "node:http2";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { create, fromBinary, toBinary, toJsonString } from "@bufbuild/protobuf";
import { LogHeadRequestSchema, NodeExt, SubmitRequestSchema, TokensResponseSchema } from "@trustix/proto";
import { formatPublicToken, keyPairOfSeed, SIGNED_CALL_HEADER, signCall, tokenHeader } from "@trustix/protocol";
import type { PrivateToken, SignedCall } from "@trustix/protocol";
import { openMemoryStore } from "@trustix/storage";
import { afterEach, describe, expect, test } from "vitest";
import { type Grant, KnownTokens } from "../../src/access/known-tokens.ts";
import { parseAnswer } from "./raw-exchange.ts";
import { crypto } from "./reference-log.ts";
import {
  hostOf,
  inFolder,
  LOG_ID,
  post,
  PUBLIC,
  rawSocket,
  readAll,
  realClock,
  startTestNode,
  STRICT,
  TOKEN,
  type Answer,
  type TestNode,
  type TestNodeOptions,
} from "./test-node.ts";

const HEAD = "/trustix_api.v1.LogAPI/GetHead";
const SUBMIT = "/trustix_rpc.v1.LogRPC/Submit";
const FLUSH = "/trustix_rpc.v1.LogRPC/Flush";
const LOGS = "/trustix_rpc.v1.RPCApi/Logs";
const TOKENS = "/trustix_ext.v1.NodeExt/Tokens";
const ADD_TOKEN = "/trustix_ext.v1.NodeExt/AddToken";
const REVOKE_TOKEN = "/trustix_ext.v1.NodeExt/RevokeToken";
const headRequest = toBinary(LogHeadRequestSchema, create(LogHeadRequestSchema, { LogID: LOG_ID }));

const submitOf = (key: string) =>
  create(SubmitRequestSchema, { LogID: LOG_ID, Items: [{ Key: Buffer.from(key), Value: Buffer.from("v") }] });
const submitBytes = (key: string) => toBinary(SubmitRequestSchema, submitOf(key));

let nonces = 0;
function signedBy(
  token: PrivateToken,
  url: string,
  procedure: string,
  body: Uint8Array,
  more: Partial<SignedCall> = {},
) {
  const nonce = new Uint8Array(16);
  new DataView(nonce.buffer).setUint32(0, ++nonces);
  const { host, port } = url.startsWith("unix:") ? { host: "", port: 0 } : hostOf(url);
  return signCall(crypto, token, {
    procedure,
    audience: `${host}:${port}`,
    time: Date.now(),
    nonce,
    bodyDigest: crypto.sha256(body),
    ...more,
  });
}
const header = (...args: Parameters<typeof signedBy>) => ({ [SIGNED_CALL_HEADER]: signedBy(...args) });

const nodes: TestNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});
async function start(options: TestNodeOptions = {}): Promise<TestNode> {
  const node = await startTestNode({ listeners: [STRICT], ...options });
  nodes.push(node);
  return node;
}

/** One exchange over cleartext HTTP/2. */
function postHttp2(url: string, path: string, body: Uint8Array, headers: Record<string, string>): Promise<Answer> {
  const session = connectHttp2(url);
  return new Promise<Answer>((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/proto",
      ...headers,
    });
    const chunks: Buffer[] = [];
    let status = 0;
    stream.on("response", (answer) => (status = Number(answer[":status"])));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    session.on("error", reject);
    stream.on("end", () => {
      const all = Buffer.concat(chunks);
      const error = status === 200 ? undefined : (JSON.parse(all.toString()) as { code: string; message: string });
      resolve({ status, headers: {}, body: all, code: error?.code, message: error?.message });
    });
    stream.end(body);
  }).finally(() => session.close());
}

describe.each([
  [
    "HTTP/1.1",
    (url: string, path: string, body: Uint8Array, headers: Record<string, string>) =>
      post(url, path, body, { headers }),
  ],
  ["HTTP/2", postHttp2],
])("over %s", (_what, send) => {
  test("a write is taken once", async () => {
    const node = await start();
    const body = submitBytes("k");
    const headers = header(TOKEN, node.url, SUBMIT, body);
    expect((await send(node.url, SUBMIT, body, headers)).status).toBe(200);
    expect(await send(node.url, SUBMIT, body, headers)).toMatchObject({
      status: 401,
      code: "unauthenticated",
      message: expect.stringMatching(/^this nonce was used before: a signed call is good once\nhint: /),
    });
    expect(node.log.status().waiting).toBe(1);
  });

  test("another body, method, node or time than was signed is refused, each in its own words, and nothing comes of it", async () => {
    const node = await start();
    const [body, other] = [submitBytes("k"), submitBytes("other")];
    const now = Date.now();
    const skewed = (time: number) => header(TOKEN, node.url, SUBMIT, body, { time });
    const cases: [path: string, body: Uint8Array, headers: Record<string, string>, message: RegExp][] = [
      [
        SUBMIT,
        other,
        header(TOKEN, node.url, SUBMIT, body),
        /^a body with digest .* came, and the call was signed for one with /,
      ],
      [FLUSH, body, header(TOKEN, node.url, SUBMIT, body), /^the call was signed for \S+Submit and came as \S+Flush$/],
      [
        SUBMIT,
        body,
        header(TOKEN, node.url, SUBMIT, body, { audience: "other.example:80" }),
        /^the call was signed for a node called "other.example:80", and this one is called 127\.0\.0\.1:\d+, localhost:\d+\nhint: .*names = \["other.example:80"\]/,
      ],
      [
        SUBMIT,
        body,
        skewed(now - 310_000),
        /^the call was signed at 2\S+Z and this node's clock says 2\S+Z: at most 300 s apart wanted\nhint: set the clock/,
      ],
      [
        SUBMIT,
        body,
        skewed(now + 310_000),
        /^the call was signed at 2\S+Z and this node's clock says 2\S+Z: at most 300 s apart wanted\nhint: set the clock/,
      ],
      [
        SUBMIT,
        body,
        header({ ...TOKEN, name: "nobody" }, node.url, SUBMIT, body),
        /^token "nobody" is not known to this node$/,
      ],
      [
        SUBMIT,
        body,
        header({ ...TOKEN, seed: new Uint8Array(32) }, node.url, SUBMIT, body),
        /^token "default": the call is not signed by the key that this node has under that name$/,
      ],
      [SUBMIT, body, { [SIGNED_CALL_HEADER]: "v1" }, /^Trustix-Signed-Call: "v1" and 7 fields/],
    ];
    for (const [path, sent, headers, message] of cases) {
      const answer = await send(node.url, path, sent, headers);
      expect([answer.status, answer.code]).toEqual([401, "unauthenticated"]);
      expect(answer.message).toMatch(message);
    }
    expect(node.log.status().waiting).toBe(0);
  });
});

test("what is signed is the body before compression, in whichever format it is", async () => {
  const node = await start();
  const json = Buffer.from(toJsonString(SubmitRequestSchema, submitOf("of JSON")));
  const proto = submitBytes("of gzip");
  const asJson = { "content-type": "application/json", ...header(TOKEN, node.url, SUBMIT, json) };
  expect((await post(node.url, SUBMIT, json, { headers: asJson })).status).toBe(200);
  const zipped = { "content-encoding": "gzip", ...header(TOKEN, node.url, SUBMIT, proto) };
  expect((await post(node.url, SUBMIT, gzipSync(proto), { headers: zipped })).status).toBe(200);
  const overGzip = { "content-encoding": "gzip", ...header(TOKEN, node.url, SUBMIT, gzipSync(proto)) };
  expect((await post(node.url, SUBMIT, gzipSync(proto), { headers: overGzip })).message).toMatch(/^a body with digest/);
  expect(node.log.status().waiting).toBe(2);
});

test("a replay is refused by the next process too, which has the same store", async () => {
  const store = openMemoryStore();
  const listeners = [{ ...STRICT, names: ["node.example"] }];
  const body = submitBytes("k");
  const first = await start({ store, listeners });
  const headers = header(TOKEN, first.url, SUBMIT, body, { audience: "node.example:80" });
  expect((await post(first.url, SUBMIT, body, { headers })).status).toBe(200);
  await first.close();
  const second = await start({ store, listeners });
  expect((await post(second.url, SUBMIT, body, { headers })).message).toMatch(/^this nonce was used before/);
  expect(second.log.status().waiting).toBe(0);
});

test("a body that comes when its call is forgotten is refused: the time is looked at again", async () => {
  let now = Date.now();
  const clock = { ...realClock, now: () => now };
  const node = await start({ clock, limits: { bodyMs: 3_600_000, callMs: 3_600_000 } });
  const body = submitBytes("k");
  const headers = header(TOKEN, node.url, SUBMIT, body, { time: clock.now() });
  expect((await post(node.url, SUBMIT, body, { headers })).status).toBe(200);
  // The same call, seen on the wire; its body is held back until nobody remembers.
  const socket = rawSocket(node.url);
  const lines = [
    `POST ${SUBMIT} HTTP/1.1`,
    "Host: x",
    "Content-Type: application/proto",
    `Content-Length: ${body.length}`,
  ];
  lines.push(`${SIGNED_CALL_HEADER}: ${headers[SIGNED_CALL_HEADER]}`, "Connection: close", "", "");
  socket.write(lines.join("\r\n"));
  await until(async () =>
    /trustix_rpc_in_flight 1/.test((await post(node.url, "/metrics", "", { method: "GET" })).body.toString()),
  );
  now += 310_000;
  const next = submitBytes("l");
  const later = header(TOKEN, node.url, SUBMIT, next, { time: clock.now() });
  expect((await post(node.url, SUBMIT, next, { headers: later })).status).toBe(200);
  const reading = readAll(socket);
  socket.write(body);
  const { status, body: said } = parseAnswer(await reading);
  expect([status, said.toString()]).toEqual([401, expect.stringContaining("at most 300 s apart wanted")]);
});

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("it did not come to pass");
}

describe("who is asked for by a private TCP listener", () => {
  test("a token that can be replayed, or none, writes and reads nothing", async () => {
    const node = await start();
    const old = { "trustix-token": tokenHeader(crypto, TOKEN, SUBMIT) };
    expect(await post(node.url, SUBMIT, submitBytes("k"), { headers: old })).toMatchObject({
      status: 403,
      code: "permission_denied",
      message: expect.stringMatching(/^a Trustix-Token can be replayed .*\nhint: sign the call/),
    });
    expect(await post(node.url, SUBMIT, submitBytes("k"))).toMatchObject({
      status: 401,
      message: expect.stringMatching(/^a write needs a token, shown by a signed call\nhint: TRUSTIX_TOKEN /),
    });
    const oldRead = { "trustix-token": tokenHeader(crypto, TOKEN, LOGS) };
    expect((await post(node.url, LOGS, "", { headers: oldRead })).status).toBe(403);
    expect(await post(node.url, LOGS, "")).toMatchObject({ status: 401, code: "unauthenticated" });
    // Public calls want nobody, but a bad signature is refused there as well.
    expect((await post(node.url, HEAD, headRequest)).status).toBe(200);
    const bad = header(TOKEN, node.url, HEAD, Buffer.from("other"));
    expect((await post(node.url, HEAD, headRequest, { headers: bad })).status).toBe(401);
  });

  test("a private read is answered to the holder of a write token, and again: what it shows was seen by whoever saw it", async () => {
    const store = openMemoryStore();
    const node = await start({ store });
    const headers = header(TOKEN, node.url, LOGS, Buffer.alloc(0));
    for (let i = 0; i < 2; i++) expect((await post(node.url, LOGS, "", { headers })).status).toBe(200);
    let noted = 0;
    for await (const _ of store.range(Uint8Array.of(0), Uint8Array.of(255))) noted++;
    expect(noted).toBe(0);
  });

  test("allow-unsigned-reads opens reads and nothing else", async () => {
    const node = await start({ listeners: [{ ...STRICT, allowUnsignedReads: true }] });
    expect((await post(node.url, LOGS, "")).status).toBe(200);
    expect((await post(node.url, SUBMIT, submitBytes("k"))).status).toBe(401);
  });

  test("a public listener serves no private call, signed or not", async () => {
    const node = await start({ listeners: [PUBLIC] });
    const body = submitBytes("k");
    const headers = header(TOKEN, node.url, SUBMIT, body);
    expect((await post(node.url, SUBMIT, body, { headers })).status).toBe(404);
  });
});

describe("the node's name", () => {
  test.each([
    ["localhost at the same port", (port: number) => `localhost:${port}`, 200],
    ["a configured host at any port", () => "node.example:443", 200],
    ["a configured host and port", () => "[2001:db8::1]:8080", 200],
    ["that host at another port", () => "[2001:db8::1]:80", 401],
    ["another host", () => "xnode.example:443", 401],
    ["the address at another port", (port: number) => `127.0.0.1:${port + 1}`, 401],
    ["that of unix sockets", () => "local", 401],
    ["no host", (port: number) => `:${port}`, 401],
  ])("%s", async (_what, audience, status) => {
    const node = await start({ listeners: [{ ...STRICT, names: ["node.example", "[2001:db8::1]:8080"] }] });
    const headers = header(TOKEN, node.url, LOGS, Buffer.alloc(0), { audience: audience(hostOf(node.url).port) });
    expect((await post(node.url, LOGS, "", { headers })).status).toBe(status);
  });

  test("is never what a caller says it is: a node cannot pass on what was signed for it", async () => {
    const node = await start();
    for (const host of ["evil.example", "evil.example:80"]) {
      const signed = header(TOKEN, node.url, LOGS, Buffer.alloc(0), { audience: "evil.example:80" });
      const headers = { host, "x-forwarded-host": host, forwarded: `host=${host}`, ...signed };
      expect((await post(node.url, LOGS, "", { headers })).message).toMatch(
        /signed for a node called "evil.example:80"/,
      );
    }
  });
});

test.each(["application/grpc", "application/grpc-web+proto"])(
  "over %s a signed call is refused with the reason",
  async (type) => {
    const node = await start();
    const body = submitBytes("k");
    const frame = Buffer.concat([Buffer.of(0, 0, 0, 0, body.length), body]);
    const headers = { "content-type": type, te: "trailers", ...header(TOKEN, node.url, SUBMIT, body) };
    const answer =
      type === "application/grpc"
        ? await grpcTrailers(node.url, SUBMIT, frame, headers)
        : decodeURIComponent((await post(node.url, SUBMIT, frame, { headers })).body.toString("latin1"));
    expect(answer).toMatch(/grpc-status"?: ?"?16/);
    expect(answer).toContain("signed calls are taken over the Connect protocol only");
    expect(node.log.status().waiting).toBe(0);
  },
);

function grpcTrailers(url: string, path: string, body: Uint8Array, headers: Record<string, string>): Promise<string> {
  const session = connectHttp2(url);
  return new Promise<string>((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    const seen: object[] = [];
    stream.on("response", (fields) => seen.push(fields));
    stream.on("trailers", (fields) => seen.push(fields));
    stream.on("error", reject);
    stream.on("end", () => resolve(decodeURIComponent(JSON.stringify(seen))));
    stream.resume();
    stream.end(body);
  }).finally(() => session.close());
}

describe("tokens, while the node runs,", () => {
  const own: PrivateToken = { name: "own", ...keyPairOfSeed(crypto, new Uint8Array(32).fill(40)) };
  const builder: PrivateToken = { name: "builder", ...keyPairOfSeed(crypto, new Uint8Array(32).fill(41)) };
  const peer: PrivateToken = { name: "peer", ...keyPairOfSeed(crypto, new Uint8Array(32).fill(42)) };
  const grants: Grant[] = [
    { token: own, role: "owner", from: "own" },
    { token: own, role: "writer", from: "own" },
    { token: builder, role: "writer", from: "configuration" },
    { token: peer, role: "peer", from: "configuration" },
  ];
  const withBoth = (use: (node: TestNode, socket: string, tcp: string) => Promise<void>) =>
    inFolder(async (folder) => {
      const tokens = new KnownTokens(join(folder, "tokens"), grants, { added: [], revoked: [] });
      const path = join(folder, "s");
      const node = await start({ tokens, listeners: [{ ...STRICT, address: { kind: "unix", path } }, STRICT] });
      await use(node, node.server.urls[0]!, node.server.urls[1]!);
      await node.close();
    });
  const asked = (token: PrivateToken, procedure: string) => ({
    "trustix-token": tokenHeader(crypto, token, procedure),
  });
  const request = (method: (typeof NodeExt.method)["addToken" | "revokeToken"], fields: object) =>
    toBinary(method.input, create(method.input, fields));

  test("are listed, added and revoked by the holder of the node's own, on the local socket", () =>
    withBoth(async (_node, socket, tcp) => {
      const fresh = { name: "fresh", ...keyPairOfSeed(crypto, new Uint8Array(32).fill(43)) };
      const writes = async (token: PrivateToken): Promise<number> => {
        const body = submitBytes(token.name);
        return (await post(tcp, SUBMIT, body, { headers: header(token, tcp, SUBMIT, body) })).status;
      };
      expect([await writes(own), await writes(builder), await writes(fresh), await writes(peer)]).toEqual([
        200, 200, 401, 403,
      ]);
      const add = request(NodeExt.method.addToken, { Token: formatPublicToken(fresh) });
      expect((await post(socket, ADD_TOKEN, add, { headers: asked(own, ADD_TOKEN) })).status).toBe(200);
      const revoke = request(NodeExt.method.revokeToken, { Name: "builder" });
      expect((await post(socket, REVOKE_TOKEN, revoke, { headers: asked(own, REVOKE_TOKEN) })).status).toBe(200);
      expect([await writes(own), await writes(builder), await writes(fresh)]).toEqual([200, 401, 200]);
      const listed = await post(socket, TOKENS, "", { headers: asked(own, TOKENS) });
      const { Tokens } = fromBinary(TokensResponseSchema, listed.body);
      expect(Tokens.map(({ Token, Roles, From, Revoked }) => [Token.split(":")[0], Roles, From, Revoked])).toEqual([
        ["own", [0, 1], 0, false],
        ["peer", [2], 1, false],
        ["fresh", [1], 2, false],
        ["builder", [], 1, true],
      ]);
    }));

  test("are shown to nobody else, and nowhere else", () =>
    withBoth(async (_node, socket, tcp) => {
      expect((await post(socket, TOKENS, "")).status).toBe(401);
      expect(await post(socket, TOKENS, "", { headers: asked(builder, TOKENS) })).toMatchObject({
        status: 403,
        message: expect.stringMatching(/^token "builder": \S+Tokens is for the holder of the node's own token/),
      });
      expect((await post(tcp, TOKENS, "", { headers: header(own, tcp, TOKENS, Buffer.alloc(0)) })).status).toBe(404);
    }));

  test("a private half that is sent by mistake is not repeated in the answer", () =>
    withBoth(async (node, socket) => {
      const secret = Buffer.from(builder.seed).toString("base64");
      for (const Token of [`builder:${secret}${secret}`, `builder:${secret.slice(0, -1)}!`]) {
        const body = request(NodeExt.method.addToken, { Token });
        const answer = await post(socket, ADD_TOKEN, body, { headers: asked(own, ADD_TOKEN) });
        expect(answer).toMatchObject({ status: 400, code: "invalid_argument" });
        expect(answer.message + node.lines.join()).not.toContain(secret.slice(0, 12));
      }
    }));

  test.each(["signed over TCP", "with the existing header on the socket"])(
    "one that is revoked between headers and body of a call %s stops that call",
    (how) =>
      withBoth(async (node, socket, tcp) => {
        const body = submitBytes("k");
        const url = how.startsWith("signed") ? tcp : socket;
        const headers = how.startsWith("signed") ? header(builder, tcp, SUBMIT, body) : asked(builder, SUBMIT);
        const raw = rawSocket(url);
        const lines = [`POST ${SUBMIT} HTTP/1.1`, "Host: x", "Content-Type: application/proto"];
        lines.push(
          `Content-Length: ${body.length}`,
          ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
        );
        raw.write([...lines, "Connection: close", "", ""].join("\r\n"));
        raw.write(body.subarray(0, 5));
        await until(async () =>
          /in_flight 1/.test((await post(socket, "/metrics", "", { method: "GET" })).body.toString()),
        );
        const revoke = request(NodeExt.method.revokeToken, { Name: "builder" });
        expect((await post(socket, REVOKE_TOKEN, revoke, { headers: asked(own, REVOKE_TOKEN) })).status).toBe(200);
        const reading = readAll(raw);
        raw.write(body.subarray(5));
        const { status, body: said } = parseAnswer(await reading);
        expect([status, said.toString()]).toEqual([
          401,
          expect.stringContaining('token \\"builder\\" was revoked while the call was under way'),
        ]);
        expect(node.log.status().waiting).toBe(0);
      }),
  );

  test("a signed call is good on a local socket too, whatever it calls the node, and once", () =>
    withBoth(async (_node, socket) => {
      const body = submitBytes("k");
      for (const audience of ["local", "tunnel.example:8080"]) {
        const headers = header(builder, socket, SUBMIT, body, { audience });
        expect((await post(socket, SUBMIT, body, { headers })).status).toBe(200);
        expect((await post(socket, SUBMIT, body, { headers })).status).toBe(401);
      }
    }));
});
