/** Time and load: hung upstreams, slow clients, floods, a clean end. */
import { connect, type Socket } from "node:net";
import { request as httpRequest } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hang, reset, status } from "./fake-upstream.ts";
import { cached, narInfoTarget, packageOf, serve, World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

const pkg = packageOf("hello", 3000);
const large = packageOf("large", 4_000_000);
const target = narInfoTarget(pkg.facts);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("an upstream that does not work", () => {
  const BUDGET = 600;

  test("hung, and no other: it costs its budget once, later requests nothing", async () => {
    (await world.upstream()).fallback = hang;
    await world.start({ limits: { upstreamBudget: BUDGET } });
    const first = await world.ask(target);
    expect(first.status).toBe(404);
    expect(first.milliseconds).toBeGreaterThan(BUDGET - 50);
    expect(first.milliseconds).toBeLessThan(BUDGET + 500);
    for (let i = 0; i < 3; i++) {
      const later = await world.ask(narInfoTarget(packageOf(`later-${i}`).facts));
      expect(later.status).toBe(404);
      expect(later.milliseconds).toBeLessThan(50);
    }
    expect(world.upstreams[0]!.requests.length).toBe(1);
    expect(world.warnings()).toEqual([`${world.upstreams[0]!.url}/ failed and is left alone for a while`]);
    expect(JSON.parse((await world.ask("/healthz")).body.toString()).upstreams[0].state).toBe("resting");
    expect((await world.ask("/metrics")).body.toString()).toMatch(/upstream_resting\{upstream="http:\S+"\} 1/);
  });

  test.each([
    ["hung", hang],
    ["failing", status(502)],
    ["closing connections", reset],
  ])("%s, and another works: the client gets path and NAR from that one at once", async (_name, answer) => {
    (await world.upstream()).fallback = answer;
    serve(await world.upstream(), pkg, "zstd");
    await world.decide(pkg).start({ limits: { upstreamBudget: BUDGET } });
    const reply = await world.ask(target);
    expect(reply.status).toBe(200);
    expect(reply.milliseconds).toBeLessThan(BUDGET);
    const nar = await world.ask(await world.narTarget(pkg));
    expect(nar.body.equals(cached(pkg, "zstd").file)).toBe(true);
  });

  test("hung while NARs are asked of it: budget once, then the other source", async () => {
    const [hung, good] = [await world.upstream(), await world.upstream()];
    const file = serve(hung, pkg, "zstd");
    serve(good, pkg, "zstd");
    await world.decide(pkg).start({ limits: { upstreamBudget: BUDGET } });
    const nar = await world.narTarget(pkg);
    hung.on(file, hang);
    const first = await world.ask(nar);
    expect(first.status).toBe(200);
    expect(first.milliseconds).toBeLessThan(BUDGET + 500);
    const second = await world.ask(nar);
    expect(second.status).toBe(200);
    expect(second.milliseconds).toBeLessThan(100);
  });

  test("that comes back is found by a probe and used again", async () => {
    const upstream = await world.upstream();
    upstream.fallback = status(503);
    await world.decide(pkg).start({ limits: { breakerRest: 100 } });
    expect((await world.ask(target)).status).toBe(404);
    serve(upstream, pkg, "none");
    upstream.file("/nix-cache-info", "StoreDir: /nix/store\n");
    await expect.poll(async () => (await world.ask(target)).status, { timeout: 3000, interval: 60 }).toBe(200);
    expect(world.lines.map(({ message }) => message)).toContain(`${upstream.url}/ answers again`);
  });

  test("for one request only is asked again, so that the client does not notice", async () => {
    const upstream = await world.upstream();
    serve(upstream, pkg, "none");
    const { text } = cached(pkg, "none");
    let failures = 0;
    upstream.on(target, (request, response) => {
      failures++;
      if (failures <= 2) (failures === 1 ? reset : status(502))(request, response);
      else response.end(text);
    });
    await world.decide(pkg).start();
    expect((await world.ask(target)).status).toBe(200);
  });
});

describe("requests that are none", () => {
  test.each(["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"])(
    "%s is answered 405 with what is allowed",
    async (method) => {
      await world.start();
      const reply = await world.ask("/nix-cache-info", { method });
      expect(reply).toMatchObject({ status: 405, broken: false });
      expect(reply.headers).toMatchObject({ allow: "GET, HEAD", connection: "close" });
    },
  );

  test("a PUT with a large body, as `nix copy` sends it, is answered and not read", async () => {
    await world.start();
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      const put = httpRequest({ host: "127.0.0.1", port: world.port, path: "/x.narinfo", method: "PUT" });
      put.on("response", (response) => resolve(response.resume().statusCode));
      put.on("error", reject);
      put.write(Buffer.alloc(1000));
    });
    expect(answered).toBe(405);
  });

  test.each([
    ["/%zz", 400],
    ["/a%00b", 400],
    ["/../../etc/passwd", 404],
    ["/nar/../../../etc/passwd", 404],
    ["/nar/%2e%2e%2fetc%2fpasswd", 404],
    ["//etc/passwd", 404],
    [`/${"a".repeat(4000)}`, 400],
    ["/nix-cache-info/", 404],
    ["/favicon.ico", 404],
  ])("%s is answered %i", async (path, expected) => {
    await world.start();
    expect((await world.ask(path)).status).toBe(expected);
  });

  async function raw(bytes: string, wait = 1500): Promise<string> {
    const socket = connect(world.port, "127.0.0.1");
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    socket.on("error", () => undefined);
    socket.write(bytes);
    await Promise.race([new Promise((resolve) => socket.on("close", resolve)), pause(wait)]);
    socket.destroy();
    return text;
  }

  test.each([
    ["a head over the limit", `GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
    ["garbage", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "400"],
    ["a header without name", "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", "400"],
    ["two lengths", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"],
    ["no host", "GET / HTTP/1.1\r\n\r\n", "400"],
  ])("%s is refused with %s", async (_name, bytes, code) => {
    await world.start();
    expect(await raw(bytes)).toMatch(new RegExp(`^HTTP/1.1 ${code}`));
  });

  test("a client that never ends its head is cut off", async () => {
    await world.start({ limits: { requestHead: 300 } });
    const start = performance.now();
    expect(await raw("GET /nix-cache-info HTTP/1.1\r\nX: y\r\n", 5000)).toMatch(/^HTTP\/1.1 408/);
    expect(performance.now() - start).toBeLessThan(2000);
    expect((await world.ask("/nix-cache-info")).status).toBe(200);
  });

  test("connections over the limit are closed, and there is room again when others end", async () => {
    await world.start({ limits: { connections: 3 } });
    const sockets: Socket[] = [];
    for (let i = 0; i < 3; i++) {
      const socket = connect(world.port, "127.0.0.1").on("error", () => undefined);
      await new Promise((resolve) => socket.on("connect", resolve));
      sockets.push(socket);
    }
    await pause(20);
    await expect(world.ask("/nix-cache-info")).rejects.toThrow();
    for (const socket of sockets) socket.destroy();
    await expect.poll(async () => (await world.ask("/nix-cache-info").catch(() => undefined))?.status).toBe(200);
  });
});

describe("a client that reads slowly", () => {
  async function half(path: string): Promise<Socket> {
    const socket = connect(world.port, "127.0.0.1").on("error", () => undefined);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await new Promise((resolve) => socket.once("readable", resolve));
    return socket;
  }

  test("or not at all is cut off, its upstream connection too, and memory is not filled meanwhile", async () => {
    const huge = packageOf("huge", 40_000_000);
    const upstream = await world.upstream();
    const file = serve(upstream, huge, "none");
    let closed = false;
    const { file: bytes } = cached(huge, "none");
    upstream.on(file, (_request, response) => {
      response.on("close", () => (closed = true));
      response.writeHead(200, { "content-length": bytes.length });
      response.end(bytes);
    });
    await world.decide(huge).start({ limits: { stall: 400 } });
    const nar = await world.narTarget(huge);
    const start = performance.now();
    const socket = await half(nar);
    await new Promise(
      (resolve) => socket.resume().pause() && socket.once("close", resolve) && setTimeout(resolve, 3000),
    );
    await expect.poll(() => closed, { timeout: 3000 }).toBe(true);
    expect(performance.now() - start).toBeLessThan(3500);
    socket.destroy();
  });

  test("and goes away ends its upstream's transfer, and is no failure of the source", async () => {
    const upstream = await world.upstream();
    const file = serve(upstream, large, "none");
    const { file: bytes } = cached(large, "none");
    let closed = false;
    upstream.on(file, (_request, response) => {
      response.on("close", () => (closed = true));
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, bytes.length / 2));
    });
    await world.decide(large).start();
    const socket = await half(await world.narTarget(large));
    socket.destroy();
    await expect.poll(() => closed, { timeout: 1500 }).toBe(true);
    expect(world.warnings()).toEqual([]);
  });

  test("many NARs at once are all right, few decompress at a time", async () => {
    const upstream = await world.upstream();
    const packages = Array.from({ length: 12 }, (_, i) => packageOf(`pkg-${i}`, 200_000));
    for (const one of packages) serve(upstream, one, "xz");
    await world.decide(...packages).start({ limits: { decoders: 2 } });
    const replies = await Promise.all(packages.map(async (one) => world.ask(await world.narTarget(one))));
    for (const [i, reply] of replies.entries()) expect(reply.body.equals(cached(packages[i]!, "xz").file)).toBe(true);
  });
});

describe("the end", () => {
  test("idle connections are closed at once, requests under way are answered", async () => {
    const upstream = await world.upstream();
    const file = serve(upstream, large, "none");
    const { file: bytes } = cached(large, "none");
    upstream.on(file, (_request, response) => {
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, 1000));
      setTimeout(() => response.end(bytes.subarray(1000)), 300);
    });
    await world.decide(large).start();
    const nar = await world.narTarget(large);
    const idle = connect(world.port, "127.0.0.1").on("error", () => undefined);
    const idleClosed = new Promise((resolve) => idle.on("close", resolve));
    await new Promise((resolve) => idle.on("connect", resolve));
    idle.write("GET /nix-cache-info HTTP/1.1\r\nHost: x\r\n\r\n");
    await new Promise((resolve) => idle.once("data", resolve));
    const underWay = world.ask(nar);
    await expect.poll(() => upstream.count(file)).toBe(1);
    const start = performance.now();
    const closing = world.proxy.close();
    await idleClosed;
    await expect(world.ask("/nix-cache-info")).rejects.toThrow();
    expect((await underWay).body.equals(bytes)).toBe(true);
    await closing;
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test("a request that hangs is cut off when the grace is over", async () => {
    (await world.upstream()).fallback = hang;
    await world.start({ limits: { upstreamBudget: 60_000 } });
    const hanging = world.ask(target).catch((error: Error) => error);
    await expect.poll(() => world.upstreams[0]!.requests.length).toBe(1);
    const start = performance.now();
    await world.proxy.close(200);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(await hanging).toBeInstanceOf(Error);
  });

  test("an address in use is told to who wanted it", async () => {
    await world.start();
    const other = new World();
    await other.start();
    await other.proxy.close();
    await expect(other.proxy.listen({ host: "127.0.0.1", port: world.port })).rejects.toThrow("EADDRINUSE");
    await other.stop();
  });
});
