/**
 * The binary cache proxy against what it is made of: narinfo answers that are ready, and hash-checked NARs against the same
 * transfer without the proxy's care (uncompressed: undici with SHA-256 inline) or the decompressor alone (compressed).
 *
 * Proxy, upstream and load each run in a process of their own on loopback. Compared things take turns, so that other work
 * on the machine hits both, and the best of each counts, since other work only ever adds. The NAR is this very Node: real
 * machine code. The load reads into one buffer, because on two cores its own work would count against the proxy: read with
 * undici, which takes 0.5 ms of processor time a MB of NAR more, zstd gets 0.83 to 0.95 instead of 1.0.
 *
 * Where the time goes with zstd, in ms of processor time a MB of NAR: 2.8 in the proxy (1.3 the decompressor, 0.5 SHA-256, 0.1
 * garbage collection, the rest sockets and waking threads), 0.3 in load and upstream; 2.4 for the decompressor alone as a Node
 * stream, 1 of it for what that leaves to the garbage collector and for waking its thread.
 */
import { fork, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress, zstdCompressSync } from "node:zlib";
import { createBinaryCacheProxy } from "@trustix/nix";
import {
  checkNar,
  formatSriHash,
  hashPartOf,
  narOf,
  parseSecretCacheKey,
  printNarInfo,
  sha256Hash,
  storePathOfBaseName,
} from "@trustix/nix-formats";
import { nodeCrypto } from "@trustix/node-crypto";
import { encodeNixValue } from "@trustix/protocol";
import { request } from "undici";
import { median, report } from "./figure.ts";

const crypto = nodeCrypto();
const COMPRESSIONS = ["none", "zstd", "xz"] as const;
type Compression = (typeof COMPRESSIONS)[number];
/** Of the NAR's contents; xz is slow enough with a part of it. */
const SIZES: Record<Compression, number> = { none: 96 << 20, zstd: 96 << 20, xz: 24 << 20 };
const ROUNDS = 7;
const CONNECTIONS = 16;
const NARINFO_MS = 1500;

const pathOf = (compression: Compression) =>
  storePathOfBaseName(`${String(COMPRESSIONS.indexOf(compression)).repeat(32)}-bench-${compression}`);

function narOfSize(bytes: number): Uint8Array {
  return narOf({ type: "regular", contents: readFileSync(process.execPath).subarray(0, bytes) });
}

function compress(compression: Compression, nar: Uint8Array): Uint8Array {
  if (compression === "none") return nar;
  if (compression === "zstd") return zstdCompressSync(nar);
  return spawnSync("xz", ["-c", "-1"], { input: nar, maxBuffer: 1 << 30 }).stdout;
}

interface Claim {
  readonly path: string;
  readonly narHash: string;
  readonly narSize: number;
}

/** A child: the cache that has the files. Its message: where it is, and what it claims. */
async function upstream(): Promise<void> {
  const files = new Map<string, Uint8Array>();
  const claims: Claim[] = [];
  for (const compression of COMPRESSIONS) {
    const nar = narOfSize(SIZES[compression]);
    const file = compress(compression, nar);
    const storePath = pathOf(compression);
    const facts = { storePath, ...checkNar(crypto, nar), references: [] };
    const fileHash = sha256Hash(crypto.sha256(file));
    const info = { ...facts, url: `nar/${compression}`, compression, fileHash, fileSize: file.length };
    const text = printNarInfo({ ...info, deriver: undefined, ca: undefined, signatures: [] });
    files.set(`/${hashPartOf(storePath)}.narinfo`, Buffer.from(text));
    files.set(`/nar/${compression}`, file);
    claims.push({ path: storePath, narHash: formatSriHash(sha256Hash(facts.narHash)), narSize: facts.narSize });
  }
  const port = await listen((request, response) => {
    const file = files.get(request.url ?? "");
    if (file === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { "content-length": file.length });
    return void response.end(file);
  });
  process.send!({ port, claims });
}

/** A child: the proxy; and beside it, on another port, the plain passthrough it is compared with. */
async function proxy(): Promise<void> {
  const { port, claims } = await new Promise<{ port: number; claims: Claim[] }>((resolve) =>
    process.once("message", (value) => resolve(value as { port: number; claims: Claim[] })),
  );
  const quiet = () => undefined;
  const seed = new Uint8Array(32).fill(7);
  const key = Buffer.concat([seed, crypto.ed25519PublicKey(seed)]).toString("base64");
  const values = new Map(claims.map((claim) => [claim.path, encodeNixValue({ ...claim, references: [] })]));
  const cache = await createBinaryCacheProxy({
    crypto,
    clock: {
      now: () => Date.now(),
      after: (ms, call) => {
        const timer = setTimeout(call, ms);
        return { cancel: () => clearTimeout(timer) };
      },
    },
    log: { debug: quiet, info: quiet, warn: console.error, error: console.error },
    decide: async (path) => ({ state: "decided", value: values.get(path)!, reason: "2 of 2", votes: [] }),
    generation: () => 1,
    upstreams: [{ url: `http://127.0.0.1:${port}`, publicKeys: [] }],
    signingKey: parseSecretCacheKey(crypto, `bench-1:${key}`),
  });
  const address = (await cache.listen({ host: "127.0.0.1", port: 0 })) as AddressInfo;
  const plain = await listen((asked, response) => void passThrough(`http://127.0.0.1:${port}${asked.url}`, response));
  process.send!({ port: address.port, plain });
}

/** What the uncompressed NAR is compared with: the bytes, hashed on the way, and no more care than that. */
async function passThrough(url: string, response: ServerResponse): Promise<void> {
  const { body, headers } = await request(url);
  const hash = createHash("sha256");
  response.writeHead(200, { "content-length": Number(headers["content-length"]) });
  body.on("data", (chunk: Buffer) => hash.update(chunk));
  await pipeline(body, response);
  hash.digest();
}

async function listen(handler: RequestListener): Promise<number> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const child = (role: string): ChildProcess => fork(import.meta.filename, [role]);
const message = <T>(from: ChildProcess): Promise<T> =>
  new Promise((resolve) => from.once("message", (value) => resolve(value as T)));

/** Seconds to read all of a URL, into one buffer again and again: the load shares the proxy's processors. */
async function seconds(url: string): Promise<number> {
  const { hostname, port, pathname } = new URL(url);
  const start = performance.now();
  let head = "";
  let bytes = 0;
  const take = (count: number, from: Uint8Array): boolean => {
    const end = head.indexOf("\r\n\r\n");
    if (end >= 0) bytes += count;
    else {
      head += Buffer.from(from.subarray(0, count)).toString("latin1");
      if (head.includes("\r\n\r\n")) bytes = head.length - head.indexOf("\r\n\r\n") - 4;
    }
    return true;
  };
  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: { buffer: Buffer.alloc(256 * 1024), callback: take },
  });
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
  await new Promise((resolve, reject) => socket.on("close", resolve).on("error", reject));
  const status = /^HTTP\/1.1 (\d+)/.exec(head)?.[1];
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  if (status !== "200" || bytes === 0 || bytes !== Number(length)) {
    throw new Error(`${url}: status ${status}, ${bytes} bytes of ${length}`);
  }
  return (performance.now() - start) / 1000;
}

/** Seconds that the decompressor takes when nothing else is done with what comes out. */
async function decompressing(compression: "zstd" | "xz", file: Uint8Array): Promise<number> {
  const start = performance.now();
  if (compression === "zstd") {
    const stream = createZstdDecompress({ chunkSize: 256 * 1024 }).on("data", () => undefined);
    const done = new Promise((resolve) => stream.on("end", resolve));
    for (let at = 0; at < file.length; at += 65_536) stream.write(file.subarray(at, at + 65_536));
    stream.end();
    await done;
  } else {
    const xz = spawn("xz", ["-dc"], { stdio: ["pipe", "pipe", "inherit"] });
    xz.stdout.on("data", () => undefined);
    const done = new Promise((resolve) => xz.on("close", resolve));
    xz.stdin.end(file);
    await done;
  }
  return (performance.now() - start) / 1000;
}

/** Milliseconds that each answer took, in a run over `CONNECTIONS` connections, each of which asks when it was answered. */
async function narinfoTimes(url: string, path: string): Promise<{ rate: number; times: number[] }> {
  const { hostname, port } = new URL(url);
  const asked = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  const size = await answerSize(url + path);
  const times: number[] = [];
  const start = performance.now();
  const end = start + NARINFO_MS;
  const client = (): Promise<void> =>
    new Promise((resolve, reject) => {
      let sentAt = 0;
      let bytes = 0;
      const ask = (): void => {
        bytes = 0;
        sentAt = performance.now();
        socket.write(asked);
      };
      const take = (count: number): boolean => {
        bytes += count;
        if (bytes < size) return true;
        const now = performance.now();
        times.push(now - sentAt);
        if (now < end) ask();
        else socket.end();
        return true;
      };
      // One buffer, as above: what the load does counts against the proxy.
      const onread = { buffer: Buffer.alloc(16 * 1024), callback: take };
      const socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
      socket.on("connect", ask).on("close", resolve).on("error", reject);
    });
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  return { rate: (times.length * 1000) / (performance.now() - start), times };
}

/** Bytes of one whole answer, head and body: each of a ready narinfo has as many. */
async function answerSize(url: string): Promise<number> {
  const { hostname, port, pathname } = new URL(url);
  let text = "";
  const socket = connect({ host: hostname, port: Number(port) });
  socket.setEncoding("latin1").on("data", (chunk: Buffer) => (text += chunk.toString()));
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  for (;;) {
    const head = text.indexOf("\r\n\r\n");
    const length = Number(/^content-length: (\d+)/im.exec(text)?.[1]);
    if (head >= 0 && text.length >= head + 4 + length) {
      socket.destroy();
      if (!text.startsWith("HTTP/1.1 200")) throw new Error(`${url}: ${text.split("\r\n", 1)[0]}`);
      return text.length;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function load(): Promise<void> {
  const cache = child("upstream");
  const { port, claims } = await message<{ port: number; claims: Claim[] }>(cache);
  const front = child("proxy");
  front.send({ port, claims });
  const { port: proxyPort, plain } = await message<{ port: number; plain: number }>(front);
  const url = `http://127.0.0.1:${proxyPort}`;
  try {
    const narinfo = (compression: Compression) => `/${hashPartOf(pathOf(compression))}.narinfo`;
    await seconds(url + narinfo("none"));
    const runs: { rate: number; times: number[] }[] = [];
    for (let round = 0; round < 3; round++) runs.push(await narinfoTimes(url, narinfo("none")));
    const how = `GET of one decided narinfo over ${CONNECTIONS} connections without pipelining, ${NARINFO_MS} ms, median of 3; load in another process on the same cores`;
    report({
      name: "proxy: narinfo, warm, 16 connections",
      value: median(runs.map(({ rate }) => rate)),
      unit: "answers/s",
      better: "more",
      target: 10_000,
      how,
    });
    report({
      name: "proxy: narinfo, warm, 16 connections, 99th percentile",
      value: median(runs.map(({ times }) => times.sort((x, y) => x - y)[Math.floor(times.length * 0.99)]!)),
      unit: "ms",
      better: "less",
      target: 5,
      how: `${how}: the time that 99 of 100 answers stay below`,
    });
    for (const compression of COMPRESSIONS)
      await compareNar(compression, { url, plain, port, narinfo: narinfo(compression) });
  } finally {
    cache.kill();
    front.kill();
  }
}

async function compareNar(
  compression: Compression,
  at: { url: string; plain: number; port: number; narinfo: string },
): Promise<void> {
  const text = await (await request(at.url + at.narinfo)).body.text();
  const nar = `${at.url}/${/^URL: (.*)$/m.exec(text)![1]}`;
  const direct = `http://127.0.0.1:${at.port}/nar/${compression}`;
  const file = compression === "none" ? undefined : new Uint8Array(await (await request(direct)).body.arrayBuffer());
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    theirs.push(
      compression === "none"
        ? await seconds(`http://127.0.0.1:${at.plain}/nar/none`)
        : await decompressing(compression, file!),
    );
    ours.push(await seconds(nar));
  }
  const megabytes = SIZES[compression] / 1e6;
  const what = compression === "none" ? "undici with SHA-256 inline" : `the ${compression} decompressor alone`;
  report({
    name: `proxy: checked NAR, ${compression}, against ${what}`,
    value: Math.min(...theirs) / Math.min(...ours),
    unit: "x",
    better: "more",
    target: 0.9,
    scale: "none",
    how: `${megabytes.toFixed(0)} MB of NAR, best of ${ROUNDS} taking turns: ${(megabytes / Math.min(...ours)).toFixed(0)} MB/s through the proxy, ${(megabytes / Math.min(...theirs)).toFixed(0)} MB/s for the other`,
  });
}

const role = process.argv[2];
if (role === "upstream") await upstream();
else if (role === "proxy") await proxy();
else await load();
