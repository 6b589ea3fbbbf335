/** Where the server listens, what it serves there, and how it ends. */
import { execFile, spawn } from "node:child_process";
import { chmod, chown, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { LogHeadRequestSchema, NodeExt, RPCApi, LogRPC } from "@trustix/proto";
import { tokenHeader } from "@trustix/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import { NodeError } from "../../src/errors.ts";
import type { Decide, DecideReport } from "../../src/model.ts";
import { inheritedListeners, type ListenerOptions } from "../../src/server/index.ts";
import { isWhole, parseAnswer } from "./raw-exchange.ts";
import { crypto } from "./reference-log.ts";
import {
  inFolder,
  LOG_ID,
  post,
  PUBLIC,
  rawSocket,
  readAll,
  startTestNode,
  TCP,
  TOKEN,
  type TestNodeOptions,
} from "./test-node.ts";
import { NO_DECISIONS } from "../idle-parts.ts";

const HEAD = "/trustix_api.v1.LogAPI/GetHead";
const SUBMIT = "/trustix_rpc.v1.LogRPC/Submit";
const DECIDE = "/trustix_rpc.v1.RPCApi/Decide";
const headRequest = toBinary(LogHeadRequestSchema, create(LogHeadRequestSchema, { LogID: LOG_ID }));
const decideRequest = Buffer.from([0x0a, 1, 0x61, 0x12, 4, ...Buffer.from("test")]);
const token = { "trustix-token": tokenHeader(crypto, TOKEN, SUBMIT) };

const socketAt = (path: string): Partial<ListenerOptions> => ({
  address: { kind: "unix", path },
  private: true,
  metrics: true,
  allowReplayableTokens: false,
});

async function refused(starting: Promise<unknown>): Promise<NodeError> {
  try {
    await starting;
  } catch (error) {
    expect(error).toBeInstanceOf(NodeError);
    return error as NodeError;
  }
  throw new Error("it started");
}

async function withNode<T>(options: TestNodeOptions, use: (url: string) => Promise<T>): Promise<T> {
  const node = await startTestNode(options);
  try {
    return await use(node.url);
  } finally {
    await node.close();
  }
}

describe("what a public TCP listener serves", () => {
  const forPeers = "/trustix_ext.v1.NodeExt/SeenHeads";
  const privatePaths = [RPCApi, LogRPC, NodeExt]
    .flatMap((service) => service.methods.map((method) => `/${service.typeName}/${method.name}`))
    .filter((path) => path !== forPeers);

  test("what peers may ask is there, and asks who they are before it says what is followed", () =>
    withNode({ listeners: [PUBLIC] }, async (url) => {
      const anybody = await post(url, forPeers, headRequest);
      expect(anybody).toMatchObject({ status: 401, code: "unauthenticated" });
      expect(anybody.message).toMatch(/SeenHeads needs a token, shown by a signed call/);
    }));

  test.each(privatePaths)("%s is not there, and it says where it is", (path) =>
    withNode({ listeners: [PUBLIC] }, async (url) => {
      for (const type of ["application/proto", "application/json", "application/grpc", "application/grpc-web+proto"]) {
        const answer = await post(url, path, "", { headers: { ...token, "content-type": type } });
        expect(answer).toMatchObject({ status: 404, code: "unimplemented" });
        expect(answer.message).toMatch(/private and not served on this listener\nhint: use the unix socket/);
      }
    }),
  );

  test("public calls and /healthz are, /metrics is not", () =>
    withNode({ listeners: [PUBLIC] }, async (url) => {
      expect((await post(url, HEAD, headRequest)).status).toBe(200);
      const health = await post(url, "/healthz", "", { method: "GET" });
      expect([health.status, health.body.toString()]).toEqual([200, '{"status":"ok"}']);
      expect((await post(url, "/healthz", "", { method: "PUT" })).status).toBe(405);
      expect((await post(url, "/metrics", "", { method: "GET" })).status).toBe(404);
    }));

  test("path tricks reach nothing", () =>
    withNode({ listeners: [PUBLIC] }, async (url) => {
      for (const path of ["/./healthz/..", "/%2e%2e/etc/passwd", "//healthz", `${HEAD}/`, `${HEAD}%00`, "*", "/%zz"]) {
        expect((await post(url, path, headRequest)).status).toBe(404);
      }
      expect((await post(url, `${HEAD}?x=1`, headRequest)).status).toBe(200);
    }));
});

describe("write tokens, which can be replayed,", () => {
  test("are taken on a unix socket", () =>
    inFolder((folder) =>
      withNode({ listeners: [socketAt(join(folder, "s"))] }, async (url) => {
        expect((await post(url, SUBMIT, headRequest, { headers: token })).status).toBe(200);
        expect((await post(url, SUBMIT, headRequest)).status).toBe(401);
      }),
    ));

  test("are refused on a private TCP listener, unless it says otherwise", async () => {
    await withNode({ listeners: [{ ...TCP, allowReplayableTokens: false }] }, async (url) => {
      const answer = await post(url, SUBMIT, headRequest, { headers: token });
      expect(answer).toMatchObject({ status: 403, code: "permission_denied" });
      expect(answer.message).toMatch(/hint: .*allow-replayable-tokens = true/);
      expect((await post(url, "/trustix_rpc.v1.RPCApi/Logs", "")).status).toBe(200);
    });
    await withNode({ listeners: [TCP] }, async (url) => {
      expect((await post(url, SUBMIT, headRequest, { headers: token })).status).toBe(200);
    });
  });
});

describe("a unix socket", () => {
  test("is open to its owner and group alone, and goes when the server ends", () =>
    inFolder(async (folder) => {
      const path = join(folder, "trustix.socket");
      const node = await startTestNode({ listeners: [socketAt(path)] });
      expect((await stat(path)).mode & 0o777).toBe(0o660);
      expect(await readdir(folder)).toEqual(["trustix.socket"]);
      await node.close();
      await expect(stat(path)).rejects.toThrow(/ENOENT/);
    }));

  test("left behind by a process that was killed is replaced", () =>
    inFolder(async (folder) => {
      const path = join(folder, "trustix.socket");
      const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
      await promisify(execFile)(process.execPath, ["-e", script]).catch(() => {});
      expect((await stat(path)).isSocket()).toBe(true);
      await withNode({ listeners: [socketAt(path)] }, async (url) => {
        expect((await post(url, HEAD, headRequest)).status).toBe(200);
      });
    }));

  test("that somebody answers at is left alone", () =>
    inFolder(async (folder) => {
      const path = join(folder, "trustix.socket");
      const other = createServer((socket) => socket.on("error", () => {}).end("me"));
      await new Promise<void>((resolve) => other.listen(path, resolve));
      const error = await refused(startTestNode({ listeners: [socketAt(path)] }));
      expect([error.code, error.message]).toEqual(["locked", `socket ${path}: another process answers there`]);
      expect((await readAll(rawSocket(`unix://${path}`))).toString()).toBe("me");
      await new Promise((resolve) => other.close(resolve));
    }));

  test("that is something else is left alone", () =>
    inFolder(async (folder) => {
      const path = join(folder, "trustix.socket");
      await writeFile(path, "precious");
      const error = await refused(startTestNode({ listeners: [socketAt(path)] }));
      expect([error.code, error.message]).toEqual(["permission_denied", expect.stringContaining("something else")]);
    }));

  test("is not bound where anybody may replace it, or where no folder is", () =>
    inFolder(async (folder) => {
      const open = join(folder, "open");
      await mkdir(open);
      await chmod(open, 0o777);
      const replaceable = await refused(startTestNode({ listeners: [socketAt(join(open, "s"))] }));
      expect([replaceable.code, replaceable.hint]).toEqual(["permission_denied", `chmod o-w ${open}`]);
      await chmod(open, 0o1777);
      await (await startTestNode({ listeners: [socketAt(join(open, "s"))] })).close();
      const nowhere = await refused(startTestNode({ listeners: [socketAt(join(folder, "none", "s"))] }));
      expect([nowhere.code, nowhere.message]).toEqual(["not_found", expect.stringContaining("does not exist")]);
      const long = await refused(startTestNode({ listeners: [socketAt(join(folder, "x".repeat(120)))] }));
      expect([long.code, long.message]).toEqual(["bad_config", expect.stringContaining("at most 107")]);
    }));

  // Only root can give a file to somebody else.
  test.runIf(process.getuid!() === 0)("of somebody else, or in a folder of somebody else, is refused", () =>
    inFolder(async (folder) => {
      const path = join(folder, "trustix.socket");
      const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
      await promisify(execFile)(process.execPath, ["-e", script]).catch(() => {});
      await chown(path, 65534, 65534);
      const theirs = await refused(startTestNode({ listeners: [socketAt(path)] }));
      expect([theirs.code, theirs.message]).toEqual([
        "permission_denied",
        expect.stringContaining("belongs to user 65534"),
      ]);
      const home = join(folder, "home");
      await mkdir(home);
      await chown(home, 65534, 65534);
      const inTheirs = await refused(startTestNode({ listeners: [socketAt(join(home, "s"))] }));
      expect(inTheirs.message).toContain(`the folder ${home} belongs to user 65534`);
    }),
  );
});

test("a port in use is refused, and nothing is left listening", () =>
  inFolder(async (folder) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as { port: number };
    const address = { kind: "tcp", host: "127.0.0.1", port } as const;
    const path = join(folder, "s");
    const error = await refused(startTestNode({ listeners: [socketAt(path), { address }] }));
    expect([error.code, error.message, error.hint]).toEqual([
      "locked",
      `cannot listen at http://127.0.0.1:${port}: it is taken`,
      "another program listens there: --listen or [[listeners]] names another address",
    ]);
    await expect(stat(path)).rejects.toThrow(/ENOENT/);
    await new Promise((resolve) => taken.close(resolve));
  }));

test("IPv6 addresses are listened at and shown in brackets", () =>
  withNode({ listeners: [{ address: { kind: "tcp", host: "::1", port: 0 } }] }, async (url) => {
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
  }));

describe("sockets handed over by systemd", () => {
  const listening = (where: object): Promise<Server> =>
    new Promise((resolve) => {
      const server = createServer();
      server.listen(where, () => resolve(server));
    });
  const handleOf = (server: Server) => (server as unknown as { _handle: { fd: number } })._handle.fd;

  test("are served by what they are: everything on a unix socket, public services on TCP; SIGTERM ends it", () =>
    inFolder(async (folder) => {
      const path = join(folder, "s");
      const [unix, tcp] = [await listening({ path }), await listening({ port: 0, host: "127.0.0.1" })];
      const { port } = tcp.address() as { port: number };
      const script = new URL("./inherited-child.ts", import.meta.url).pathname;
      const child = spawn(process.execPath, [script], {
        env: { ...process.env, LISTEN_FDS: "2" },
        stdio: ["ignore", "pipe", "ignore", handleOf(unix), handleOf(tcp)],
      });
      const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
      onTestFinished(() => void child.kill("SIGKILL"));
      const ready = await new Promise<Buffer>((resolve) => child.stdout!.once("data", resolve));
      expect(ready.toString()).toContain(`"urls":["unix://${path}","http://127.0.0.1:${port}"]`);
      unix.close();
      tcp.close();
      const url = `http://127.0.0.1:${port}`;
      expect((await post(url, HEAD, headRequest)).status).toBe(200);
      expect((await post(url, "/trustix_rpc.v1.RPCApi/Logs", "")).status).toBe(404);
      child.kill("SIGTERM");
      expect(await exited).toBe(0);
    }));

  test("are ours only if they name this process; what is no socket is refused", () => {
    expect(inheritedListeners({}, 7)).toEqual([]);
    expect(inheritedListeners({ LISTEN_FDS: "1", LISTEN_PID: "8" }, 7)).toEqual([]);
    expect(() => inheritedListeners({ LISTEN_FDS: "many", LISTEN_PID: "7" }, 7)).toThrow(/"many" came/);
    expect(() => inheritedListeners({ LISTEN_FDS: "64", LISTEN_PID: "7" }, 7)).toThrow(/is not a socket/);
  });
});

describe("the end", () => {
  function slow() {
    const finish: (() => void)[] = [];
    const report: DecideReport = { decision: undefined, votes: [], reason: "told to" };
    const decide: Decide = {
      ...NO_DECISIONS,
      decide: () => new Promise((resolve) => finish.push(() => resolve(report))),
    };
    return { finish, decide };
  }
  const until = async (what: () => boolean) => {
    for (let i = 0; i < 500 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(what()).toBe(true);
  };

  test("waits for calls under way, of every protocol, and accepts no more", async () => {
    const { finish, decide } = slow();
    const node = await startTestNode({ decide });
    // A client that keeps its connection.
    const socket = rawSocket(node.url);
    socket.write(`POST ${DECIDE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 9\r\n\r\n`);
    socket.write(decideRequest);
    const session = connectHttp2(node.url);
    const stream = session.request({ ":method": "POST", ":path": DECIDE, "content-type": "application/proto" });
    stream.end(decideRequest);
    await until(() => finish.length === 2);
    const reading = readAll(socket);
    const got: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => got.push(chunk));
    const started = Date.now();
    const closing = node.close();
    await expect(post(node.url, HEAD, headRequest)).rejects.toThrow(/ECONNREFUSED/);
    for (const done of finish) done();
    await closing;
    expect(Date.now() - started).toBeLessThan(2000);
    const all = await reading;
    expect(isWhole(all)).toBe(true);
    expect(parseAnswer(all).body.toString()).toContain("told to");
    expect(Buffer.concat(got).toString()).toContain("told to");
  });

  test("comes within 5 seconds also when calls do not: they are told why", async () => {
    const { finish, decide } = slow();
    const node = await startTestNode({ decide });
    const call = post(node.url, DECIDE, decideRequest);
    await until(() => finish.length === 1);
    const started = Date.now();
    await node.close();
    expect(Date.now() - started).toBeLessThan(5000);
    expect(await call).toMatchObject({ status: 503, code: "unavailable", message: "this node is shutting down" });
  });

  test("does not wait for connections that are idle or say nothing", async () => {
    const node = await startTestNode();
    const idle = rawSocket(node.url);
    idle.write(`POST ${HEAD} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 66\r\n\r\n`);
    idle.write(headRequest);
    await new Promise((resolve) => idle.once("data", resolve));
    const [silent, unsure] = [rawSocket(node.url), rawSocket(node.url)];
    unsure.write("PR");
    const session = connectHttp2(node.url);
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const started = Date.now();
    await node.close();
    expect(Date.now() - started).toBeLessThan(1000);
    for (const socket of [idle, silent, unsure]) socket.destroy();
  });
});
