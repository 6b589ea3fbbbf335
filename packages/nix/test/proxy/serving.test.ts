/** What an ordinary client gets: narinfo and NARs in every compression, ranges, lengths, headers. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseNarInfo, verifyFacts } from "@trustix/nix-formats";
import type { DeciderState } from "../../src/index.ts";
import { COMPRESSIONS } from "../../src/proxy/nar-name.ts";
import {
  CACHE_KEY,
  cached,
  crypto,
  keyNamed,
  LOCAL_KEY,
  narInfoTarget,
  packageOf,
  publicKeyOf,
  serve,
  World,
} from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

test("the cache's own account says what clients need", async () => {
  await world.start({ priority: 20 });
  const reply = await world.ask("/nix-cache-info");
  expect(reply.status).toBe(200);
  expect(reply.headers["content-type"]).toBe("text/x-nix-cache-info");
  expect(reply.body.toString()).toBe("StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 20\n");
});

test("a decided path is served with the decided facts, the local signature and the cache's", async () => {
  const reference = packageOf("dependency");
  const pkg = packageOf("hello", 1000, [reference.facts.storePath]);
  serve(await world.upstream(), pkg, "xz");
  await world.decide(pkg).start();
  const reply = await world.ask(narInfoTarget(pkg.facts));
  expect(reply.status).toBe(200);
  expect(reply.headers["content-type"]).toBe("text/x-nix-narinfo");
  expect(reply.headers["trustix-decision"]).toBe('decided; rule="3 of 4 agree, 3 wanted"');
  const info = parseNarInfo(reply.body);
  expect(info).toMatchObject(pkg.facts);
  expect(info.signatures.map(({ name }) => name)).toEqual(["local-1", "cache-1"]);
  for (const [i, key] of [LOCAL_KEY, CACHE_KEY].entries()) {
    expect(verifyFacts(crypto, publicKeyOf(key), info, info.signatures[i]!)).toBe(true);
  }
  expect(info.deriver).toBeUndefined();
  expect(reply.body.toString()).not.toContain(world.upstreams[0]!.url);
});

test("a path without references keeps the space after References:, and the text ends in a newline", async () => {
  const pkg = packageOf("hello");
  serve(await world.upstream(), pkg, "none");
  await world.decide(pkg).start();
  const text = (await world.ask(narInfoTarget(pkg.facts))).body.toString();
  expect(text).toContain("\nReferences: \n");
  expect(text.endsWith("\n")).toBe(true);
});

test("signatures that do not belong to the decided facts, or whose key nobody configured, are left out", async () => {
  const pkg = packageOf("hello");
  const [first, second] = [await world.upstream(), await world.upstream()];
  const foreign = cached(pkg, "none").info.signatures.map((signature) => ({ ...signature, name: "foreign-1" }));
  serve(first, pkg, "none", { references: [packageOf("other").facts.storePath], signatures: foreign });
  serve(second, pkg, "none");
  await world.decide(pkg).start({
    upstreams: [{ url: first.url, publicKeys: [publicKeyOf(keyNamed("foreign-1"))] }],
  });
  const info = parseNarInfo((await world.ask(narInfoTarget(pkg.facts))).body);
  expect(info.signatures.map(({ name }) => name)).toEqual(["local-1"]);
  expect(info.references).toEqual([]);
});

test("a voter's own signature over the decided bytes is passed on, another's is not", async () => {
  const pkg = packageOf("hello");
  serve(await world.upstream(), pkg, "none", { signatures: [] });
  await world.decide(pkg).start();
  const decision = world.decisions.get(pkg.facts.storePath)!;
  const text = (name: string) => `${name}:${Buffer.alloc(64, 1).toString("base64")}`;
  const other = `sha256-${Buffer.alloc(32).toString("base64")}`;
  world.decisions.set(pkg.facts.storePath, {
    ...decision,
    votes: [
      { ...decision.votes[0]!, signature: text("voter-1") },
      { ...decision.votes[1]!, signature: text("voter-2"), narHash: other },
      { ...decision.votes[2]!, signature: "broken" },
    ],
  });
  const info = parseNarInfo((await world.ask(narInfoTarget(pkg.facts))).body);
  expect(info.signatures.map(({ name }) => name)).toEqual(["local-1", "voter-1"]);
});

describe.each(COMPRESSIONS)("%s", (compression) => {
  test.each([200, 300_000])("a NAR of %i bytes is passed through, with length and ranges", async (size) => {
    const pkg = packageOf(`pkg-${size}`, size);
    const upstream = await world.upstream();
    serve(upstream, pkg, compression);
    const { file } = cached(pkg, compression);
    await world.decide(pkg).start();
    const target = await world.narTarget(pkg);
    expect(target).not.toContain("files");

    const whole = await world.ask(target);
    expect(whole).toMatchObject({ status: 200, broken: false });
    expect(whole.body.equals(file)).toBe(true);
    expect(whole.headers).toMatchObject({
      "content-type": "application/x-nix-nar",
      "content-length": String(file.length),
      "accept-ranges": "bytes",
      "trustix-decision": expect.stringMatching(/^decided;/),
    });

    const head = await world.ask(target, { method: "HEAD" });
    expect(head.body.length).toBe(0);
    expect(head.headers["content-length"]).toBe(String(file.length));

    const middle = Math.floor(file.length / 2);
    for (const [range, start, end] of [
      [`bytes=${middle}-`, middle, file.length - 1],
      ["bytes=0-0", 0, 0],
      ["bytes=-7", file.length - 7, file.length - 1],
      [`bytes=3-${middle}`, 3, middle],
    ] as const) {
      const part = await world.ask(target, { headers: { range } });
      expect(part, range).toMatchObject({ status: 206, broken: false });
      expect(part.headers["content-range"]).toBe(`bytes ${start}-${end}/${file.length}`);
      expect(part.headers["content-length"]).toBe(String(end - start + 1));
      expect(part.body.equals(file.subarray(start, end + 1)), range).toBe(true);
    }
    expect(world.warnings()).toEqual([]);
  });
});

test.each([
  ["bytes=99999999-", 416],
  ["bytes=-0", 416],
  ["bytes=5-2", 200],
  ["bytes=0-1,5-6", 200],
  ["lines=1-2", 200],
])("the range %j is answered %i", async (range, status) => {
  const pkg = packageOf("hello", 5000);
  serve(await world.upstream(), pkg, "zstd");
  await world.decide(pkg).start();
  const reply = await world.ask(await world.narTarget(pkg), { headers: { range } });
  expect(reply.status).toBe(status);
  if (status === 416) expect(reply.headers["content-range"]).toMatch(/^bytes \*\/\d+$/);
});

test("a range with If-Range is answered whole: there are no validators", async () => {
  const pkg = packageOf("hello", 5000);
  serve(await world.upstream(), pkg, "zstd");
  await world.decide(pkg).start();
  const reply = await world.ask(await world.narTarget(pkg), { headers: { range: "bytes=5-", "if-range": '"x"' } });
  expect(reply.status).toBe(200);
});

test("HEAD of a narinfo has the headers of GET and no body", async () => {
  const pkg = packageOf("hello");
  serve(await world.upstream(), pkg, "none");
  await world.decide(pkg).start();
  for (let i = 0; i < 2; i++) {
    const [head, get] = [
      await world.ask(narInfoTarget(pkg.facts), { method: "HEAD" }),
      await world.ask(narInfoTarget(pkg.facts)),
    ];
    expect(head.body.length).toBe(0);
    expect(head.headers["content-length"]).toBe(String(get.body.length));
  }
});

test("a NAR is served by its URL alone, also by a proxy that never saw its narinfo", async () => {
  const pkg = packageOf("hello", 5000);
  serve(await world.upstream(), pkg, "zstd");
  await world.decide(pkg).start();
  const target = await world.narTarget(pkg);
  await world.proxy.close();
  await world.start();
  expect((await world.ask(target)).body.equals(cached(pkg, "zstd").file)).toBe(true);
});

test("an upstream that names neither file hash nor size is passed through, checked, without ranges", async () => {
  const pkg = packageOf("hello", 5000);
  serve(await world.upstream(), pkg, "xz", { fileHash: undefined, fileSize: undefined });
  await world.decide(pkg).start();
  const target = await world.narTarget(pkg);
  const { file } = cached(pkg, "xz");
  const head = await world.ask(target, { method: "HEAD" });
  expect(head.headers["content-length"]).toBe(String(file.length));
  const reply = await world.ask(target, { headers: { range: "bytes=5-" } });
  expect(reply.status).toBe(200);
  expect(reply.headers["accept-ranges"]).toBe("none");
  expect(reply.body.equals(file)).toBe(true);
});

test("health tells whether the one who decides answers", async () => {
  const found: DeciderState[] = [
    { state: "not asked yet" },
    { state: "answers" },
    { state: "away", since: 7, why: "connection refused" },
  ];
  await world.start({ decider: () => found[0]! });
  const told: unknown[] = [];
  for (; found.length > 0; found.shift()) told.push(JSON.parse((await world.ask("/healthz")).body.toString()));
  expect(told).toMatchObject([
    { status: "ok", decider: { state: "not asked yet" } },
    { status: "ok", decider: { state: "answers" } },
    { status: "degraded", decider: { state: "away", since: 7, why: "connection refused" } },
  ]);
});

test("health and metrics are told", async () => {
  const pkg = packageOf("hello", 5000);
  serve(await world.upstream(), pkg, "zstd");
  await world.decide(pkg).start();
  await world.ask(await world.narTarget(pkg));
  const health = await world.ask("/healthz");
  expect(JSON.parse(health.body.toString())).toMatchObject({ status: "ok", upstreams: [{ state: "working" }] });
  const metrics = (await world.ask("/metrics")).body.toString();
  expect(metrics).toContain('trustix_proxy_requests_total{kind="nar",status="200"} 1');
  expect(metrics).toContain('trustix_proxy_paths_total{outcome="decided"} 2');
  expect(metrics).toMatch(/trustix_proxy_nar_bytes_total \d{4}/);
});
