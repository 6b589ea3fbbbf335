/** The wire from the client's side: what is sent, which answers are taken, how each failure is told. */
import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  LogAPI,
  LogHeadRequestSchema,
  LogHeadSchema,
  MapValueResponseSchema,
  NodeAPI,
  ValueResponseSchema,
} from "@trustix/proto";
import { utf8 } from "@trustix/crypto";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { RPC_CODES, RpcError, httpTransport } from "../src/index.ts";
import type { HttpTransportOptions, RpcCode, RpcErrorOrigin, RpcTransport } from "../src/index.ts";
import { errorOfAnswer } from "../src/rpc-error.ts";
import { scriptedServer } from "./scripted-server.ts";
import type { Script, ScriptedServer } from "./scripted-server.ts";

const LOG = "5".repeat(64);
const hash = new Uint8Array(32).fill(3);
const HEAD = toBinary(
  LogHeadSchema,
  create(LogHeadSchema, { LogRoot: hash, TreeSize: 5n, MapRoot: hash, MHRoot: hash, MHTreeSize: 2n, Signature: hash }),
);

const folder = mkdtempSync(join(tmpdir(), "trustix-client-"));
afterAll(() => rmSync(folder, { recursive: true }));

const answer =
  (body: Uint8Array | string, headers: Record<string, string> = {}, status = 200): Script =>
  (_asked, _request, response) =>
    void response.writeHead(status, { "content-type": "application/proto", ...headers }).end(body);
const json = (status: number, value: unknown): Script =>
  answer(JSON.stringify(value), { "content-type": "application/json" }, status);

async function within<T>(
  script: Script,
  use: (transport: RpcTransport, server: ScriptedServer) => Promise<T>,
  options: HttpTransportOptions = {},
): Promise<T> {
  await using server = await scriptedServer(script);
  const transport = httpTransport(server.url, options);
  try {
    return await use(transport, server);
  } finally {
    await transport.close();
  }
}

const getHead = (transport: RpcTransport, options = {}): Promise<unknown> =>
  transport.unary(LogAPI.method.getHead, { LogID: LOG }, options);

async function failure(call: Promise<unknown>): Promise<RpcError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RpcError);
  return error as RpcError;
}

test("a call is one POST of the Connect protocol, with its deadline and the headers it was given", async () => {
  await within(
    answer(HEAD),
    async (transport, server) => {
      const head = await transport.unary(
        LogAPI.method.getHead,
        { LogID: LOG },
        { timeoutMs: 1500, headers: { "x-one": "1" } },
      );
      expect(head.TreeSize).toBe(5n);
      const [asked] = server.asked;
      expect(asked).toMatchObject({ method: "POST", path: "/trustix_api.v1.LogAPI/GetHead" });
      expect(asked!.headers).toMatchObject({
        "content-type": "application/proto",
        "connect-protocol-version": "1",
        "connect-timeout-ms": "1500",
        "x-one": "1",
        "trustix-token": "token of /trustix_api.v1.LogAPI/GetHead",
      });
      expect(asked!.headers["accept-encoding"]).toBeUndefined();
      expect(fromBinary(LogHeadRequestSchema, asked!.body).LogID).toBe(LOG);
    },
    { headersFor: (procedure) => ({ "trustix-token": `token of ${procedure}` }) },
  );
});

test("gzip is offered where asked for, and to other machines only", async () => {
  await using server = await scriptedServer(answer(HEAD));
  // Reaches the same server, by an address that does not say that it is this machine.
  const far = server.url.replace("127.0.0.1", "[::ffff:127.0.0.1]");
  for (const [url, offered] of [
    [server.url, undefined],
    [server.url.replace("127.0.0.1", "localhost"), undefined],
    [far, "gzip"],
  ] as const) {
    const transport = httpTransport(url);
    server.asked.length = 0;
    await getHead(transport);
    await getHead(transport, { gzip: true });
    expect(server.asked.map(({ headers }) => headers["accept-encoding"])).toEqual([undefined, offered]);
    await transport.close();
  }
});

test("gzip is taken wherever it comes, empty and large bodies too", async () => {
  await within(answer(gzipSync(HEAD), { "content-encoding": "gzip" }), async (transport, server) => {
    await getHead(transport);
    server.script = answer(gzipSync(""), { "content-encoding": "gzip" });
    expect(
      (await transport.unary(LogAPI.method.getLogConsistencyProof, { LogID: LOG, FirstSize: 0n, SecondSize: 5n }))
        .Proof,
    ).toEqual([]);
    server.script = answer("", { "content-encoding": "gzip" });
    expect((await transport.unary(NodeAPI.method.logs, {})).Logs).toEqual([]);

    const value = new Uint8Array(300_000).map((_, i) => (i * i) >> 3);
    const message = toBinary(ValueResponseSchema, create(ValueResponseSchema, { Value: value }));
    server.script = answer(gzipSync(message), { "content-encoding": "gzip" });
    expect((await transport.unary(NodeAPI.method.getValue, { Digest: hash })).Value).toEqual(value);
  });
});

test("many calls share few connections", async () => {
  await within(answer(HEAD), async (transport, server) => {
    for (let i = 0; i < 20; i++) await getHead(transport);
    expect(server.connections()).toBeLessThanOrEqual(2);
    await Promise.all(Array.from({ length: 200 }, () => getHead(transport)));
    expect(server.connections()).toBeLessThanOrEqual(64);
  });
});

const pastEnd = HEAD.with(1, 0xff);

test.each<[string, Script, { code: RpcCode; origin: RpcErrorOrigin; message: RegExp }]>([
  [
    "a Go error",
    json(500, { code: "unknown", message: "Map value not found" }),
    { code: "unknown", origin: "server", message: /^Map value not found$/ },
  ],
  [
    "a Connect error",
    json(404, { code: "not_found", message: "no" }),
    { code: "not_found", origin: "server", message: /^no$/ },
  ],
  [
    "an error code nobody knows",
    json(500, { code: "mystery" }),
    { code: "unknown", origin: "server", message: /HTTP 500/ },
  ],
  [
    "a proxy's page",
    answer("<html>", { "content-type": "text/html" }, 502),
    { code: "unavailable", origin: "server", message: /HTTP 502/ },
  ],
  ["no such path", answer("404", {}, 404), { code: "unimplemented", origin: "server", message: /HTTP 404/ }],
  [
    "a redirect",
    answer("", { location: "http://127.0.0.1:1/" }, 302),
    { code: "unknown", origin: "answer", message: /redirects \(HTTP 302\)/ },
  ],
  [
    "a login page with 200",
    answer("<html>", { "content-type": "text/html" }),
    { code: "unknown", origin: "answer", message: /content type "text\/html"/ },
  ],
  [
    "bytes that are no message",
    answer(pastEnd),
    { code: "internal", origin: "answer", message: /LogHead: bytes do not parse/ },
  ],
  [
    "a missing required field",
    answer(HEAD.subarray(0, 34)),
    { code: "internal", origin: "answer", message: /required field TreeSize is missing/ },
  ],
  [
    "an unknown encoding",
    answer(HEAD, { "content-encoding": "br" }),
    { code: "internal", origin: "answer", message: /encoding "br"/ },
  ],
  [
    "gzip that is none",
    answer(HEAD, { "content-encoding": "gzip" }),
    { code: "internal", origin: "answer", message: /not gzip/ },
  ],
  [
    "a body over the limit",
    answer(new Uint8Array(200_000)),
    { code: "resource_exhausted", origin: "answer", message: /larger than 100000 bytes/ },
  ],
  [
    "a small bomb",
    answer(gzipSync(new Uint8Array(2_000_000)), { "content-encoding": "gzip" }),
    { code: "resource_exhausted", origin: "answer", message: /larger than 100000/ },
  ],
  [
    "a large bomb",
    answer(gzipSync(new Uint8Array(60_000_000)), { "content-encoding": "gzip" }),
    { code: "resource_exhausted", origin: "answer", message: /larger than 100000/ },
  ],
  [
    "an error over the limit",
    json(500, { code: "unknown", message: "x".repeat(300_000) }),
    { code: "resource_exhausted", origin: "answer", message: /larger than 262144/ },
  ],
  ["silence", () => undefined, { code: "deadline_exceeded", origin: "network", message: /no answer within 300 ms/ }],
  [
    "an answer that stops halfway",
    (_a, _r, response) =>
      void response.writeHead(200, { "content-type": "application/proto", "content-length": "100" }).write("abc"),
    { code: "deadline_exceeded", origin: "network", message: /within 300 ms/ },
  ],
  [
    "a connection that always breaks",
    (_a, request) => void request.socket.destroy(),
    { code: "unavailable", origin: "network", message: /connection/ },
  ],
])("%s is told as such", async (_, script, wanted) => {
  const error = await within(
    script,
    (transport) => failure(getHead(transport, { timeoutMs: wanted.code === "deadline_exceeded" ? 300 : 20_000 })),
    {
      maxAnswerBytes: 100_000,
    },
  );
  expect(error).toMatchObject({ code: wanted.code, origin: wanted.origin });
  expect(error.message).toMatch(wanted.message);
});

test("early hints before an answer are nothing, and do not bound it as an error is bounded", async () => {
  const value = Buffer.alloc(1 << 20, 7);
  const message = toBinary(ValueResponseSchema, create(ValueResponseSchema, { Value: value }));
  await within(
    (asked, request, response) => {
      for (let i = 0; i < 3; i++) response.writeEarlyHints({ link: "</x>; rel=preload" });
      answer(message)(asked, request, response);
    },
    async (transport) => {
      const got = await transport.unary(NodeAPI.method.getValue, { Digest: hash });
      expect(Buffer.compare(got.Value, value)).toBe(0);
    },
  );
});

test("early hints without end are an answer that cannot be used", async () => {
  await within(
    (_asked, _request, { socket }) => {
      const more = (): void => {
        while (socket!.writable && socket!.write("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"));
        socket!.once("drain", more);
      };
      more();
    },
    async (transport) => {
      expect(await failure(getHead(transport))).toMatchObject({
        origin: "answer",
        message: "it sends early hints (more than 16) and no answer",
      });
    },
  );
});

test.each([
  ["as it is", "no such log: µ, 字, \u{1F600}", "no such log: µ, 字, \u{1F600}"],
  ["a hint of ours stays in its line", "it is down\nhint: start it", "it is down\nhint: start it"],
  ["other lines become one", "it is down\r\nall is well\n\nok\u2028ok\tok", "it is down all is well ok ok ok"],
  [
    "what a terminal obeys",
    "\u001b]0;mine\u0007\u001b[2Jok\u009b1m\u0000\u007f",
    "\uFFFD]0;mine\uFFFD\uFFFD[2Jok\uFFFD1m\uFFFD\uFFFD",
  ],
  ["what turns text around or is not seen", "\u202Edetsurt\u200B\u{E0041}\uFEFF", "\uFFFDdetsurt\uFFFD\uFFFD\uFFFD"],
  ["half a character", "a\uD800b", "a\uFFFDb"],
])("a server's message may be shown to people: %s", (_what, said, shown) => {
  expect(errorOfAnswer(500, utf8(JSON.stringify({ code: "internal", message: said }))).message).toBe(shown);
});

test("details of an error are found by type and checked like any message", async () => {
  const proof = { BitMask: new Uint8Array(0), NumSideNodes: 0n, SideNodes: [] };
  const message = create(MapValueResponseSchema, { Value: new Uint8Array(0), Proof: proof });
  const value = Buffer.from(toBinary(MapValueResponseSchema, message)).toString("base64");
  const details = [
    { type: "other.Message", value: "AA" },
    { type: "trustix_api.v1.MapValueResponse", value: value.replace(/=+$/, "") },
    "junk",
  ];
  const error = await within(json(404, { code: "not_found", message: "absent", details }), (t) => failure(getHead(t)));
  expect(error.detail(MapValueResponseSchema)?.Proof?.NumSideNodes).toBe(0n);
  expect(error.detail(LogHeadSchema)).toBeUndefined();
  const broken = [{ type: "trustix_api.v1.MapValueResponse", value: "CgA" }];
  const other = await within(json(404, { code: "not_found", details: broken }), (t) => failure(getHead(t)));
  expect(other.details).toHaveLength(1);
  expect(other.detail(MapValueResponseSchema)).toBeUndefined();
});

test("a connection the server closed while idle is not the server being down", async () => {
  await within(answer(HEAD), async (transport, server) => {
    await getHead(transport);
    let killed = 0;
    server.script = (asked, request, response) => {
      if (killed++ === 0) request.socket.destroy();
      else answer(HEAD)(asked, request, response);
    };
    await getHead(transport);
    expect(killed).toBe(2);
  });
});

test("nobody listening is unavailable, at once; a client closed (even twice) and an aborted call are canceled", async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const transport = httpTransport(`http://127.0.0.1:${port}`);
  expect(await failure(getHead(transport))).toMatchObject({ code: "unavailable", message: "connection refused" });
  await transport.close();
  await transport.close();
  expect(await failure(getHead(transport))).toMatchObject({ code: "canceled" });

  await within(
    () => undefined,
    async (open) => {
      const stop = new AbortController();
      const call = failure(getHead(open, { signal: stop.signal }));
      setTimeout(() => stop.abort(), 20);
      expect(await call).toMatchObject({ code: "canceled", origin: "network" });
      expect(await failure(getHead(open, { signal: stop.signal }))).toMatchObject({ code: "canceled" });
      const underWay = failure(getHead(open));
      setTimeout(() => void open.close(), 20);
      expect(await underWay).toMatchObject({ code: "canceled" });
    },
  );
});

test("a deadline holds while the connection is still being made", async () => {
  // A listener whose backlog is full would do; a TLS call to a server that never shakes hands is the same and portable.
  const silent = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const transport = httpTransport(`https://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  const sockets: Socket[] = [];
  silent.on("connection", (socket) => sockets.push(socket));
  const start = performance.now();
  expect(await failure(getHead(transport, { timeoutMs: 200 }))).toMatchObject({ code: "deadline_exceeded" });
  await transport.close();
  expect(performance.now() - start).toBeLessThan(2000);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});

test("unix sockets work like ports", async () => {
  const path = join(folder, "own.socket");
  await using server = await scriptedServer(answer(HEAD), path);
  const transport = httpTransport(server.url);
  await getHead(transport);
  expect(server.asked[0]!.path).toBe("/trustix_api.v1.LogAPI/GetHead");
  await transport.close();
});

test("a missing socket, a file, and a folder everybody may change are refused before a byte is sent", async () => {
  const file = join(folder, "file.socket");
  writeFileSync(file, "");
  const open = mkdtempSync(join(folder, "open-"));
  const inOpen = join(open, "n.socket");
  const dangling = join(folder, "dangling.socket");
  symlinkSync(join(folder, "nowhere"), dangling);
  await using server = await scriptedServer(answer(HEAD), inOpen);
  chmodSync(open, 0o777);
  for (const [path, code, message] of [
    [join(folder, "none.socket"), "unavailable", /no such socket \(is the daemon running\?\)/],
    [file, "permission_denied", /is not a socket/],
    [dangling, "permission_denied", /is not a socket/],
    [inOpen, "permission_denied", /everybody may replace files in the folder/],
  ] as const) {
    const transport = httpTransport(`unix://${path}`);
    const error = await failure(getHead(transport));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    await transport.close();
  }
  expect(server.connections()).toBe(0);
  chmodSync(open, 0o1777);
  const transport = httpTransport(server.url);
  await getHead(transport);
  await transport.close();
});

test.runIf(process.getuid?.() === 0)(
  "a socket or folder of another user is refused, unless that user is configured",
  async () => {
    const theirs = mkdtempSync(join(folder, "theirs-"));
    const path = join(theirs, "n.socket");
    await using server = await scriptedServer(answer(HEAD), path);
    for (const [change, what] of [
      [() => chownSync(path, 4711, 4711), "socket"],
      [() => (chownSync(path, 0, 0), chownSync(theirs, 4711, 4711)), "folder"],
    ] as const) {
      change();
      const refusing = httpTransport(server.url);
      const error = await failure(getHead(refusing));
      expect(error).toMatchObject({ code: "permission_denied", origin: "local" });
      expect(error.message).toContain(`the ${what} of ${path} belongs to user 4711; accepted are 0`);
      await refusing.close();
      const allowing = httpTransport(server.url, { socketUids: [4711] });
      await getHead(allowing);
      await allowing.close();
    }
    expect(server.asked).toHaveLength(2);
  },
);

test("whatever an error body holds, it ends in an error with a code", async () => {
  const parts = fc.record({
    code: fc.oneof(fc.constantFrom("not_found", "unknown", "mystery", ""), fc.jsonValue()),
    message: fc.oneof(fc.string(), fc.jsonValue()),
    details: fc.oneof(
      fc.array(fc.record({ type: fc.string(), value: fc.oneof(fc.base64String(), fc.string()) }), { maxLength: 40 }),
      fc.jsonValue(),
    ),
  });
  const bodies = fc.oneof(
    parts.map((value) => utf8(JSON.stringify(value))),
    fc.json().map(utf8),
    fc.uint8Array(),
  );
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), bodies, (status, body) => {
      const error = errorOfAnswer(status, body);
      expect(RPC_CODES).toContain(error.code);
      expect(error.message.length).toBeLessThanOrEqual(1000);
      expect(error.details.length).toBeLessThanOrEqual(16);
    }),
  );
});
