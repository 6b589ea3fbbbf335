/** Upstreams that lie, break off, hang or lead elsewhere: what the client gets, and that a good upstream still serves it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256Hash } from "@trustix/nix-formats";
import { chunked, cutOff, hang, redirect, reset, status, type Answer, type FakeUpstream } from "./fake-upstream.ts";
import type { Compression } from "../../src/proxy/nar-name.ts";
import {
  cached,
  compress,
  decompress,
  leave,
  narInfoTarget,
  noise,
  packageOf,
  serve,
  sha256,
  World,
  type Package,
} from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

/** Large enough that its beginning is sent before its end is checked. */
const large = packageOf("large", 600_000);
const small = packageOf("small", 2000);
const other = packageOf("other", 2000);

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length >> 1]! ^= 1;
  return copy;
}

describe("a narinfo that cannot be used", () => {
  const good = cached(small, "zstd").text;
  const gzipBomb = compress("gzip", Buffer.alloc(50 << 20));
  const body =
    (text: string, headers: Record<string, string> = {}): Answer =>
    (_request, response) =>
      void response.writeHead(200, headers).end(text);

  test.each<[string, Answer]>([
    ["CRLF", body(good.replaceAll("\n", "\r\n"))],
    ["no final newline", body(good.slice(0, -1))],
    ["References: without space", body(good.replace("References: \n", "References:\n"))],
    ["of another path", body(cached(other, "zstd").text)],
    ["empty", body("")],
    ["HTML", body("<html>sorry</html>\n")],
    ["cut", body(good.slice(0, 200))],
    [
      "endless",
      (_request, response) => {
        response.writeHead(200);
        const more = () => {
          while (response.write("X: ".padEnd(65_536, "x") + "\n"));
        };
        response.on("drain", more);
        more();
      },
    ],
    [
      "giant by its length",
      (_request, response) => {
        response.writeHead(200, { "content-length": 2 ** 40 });
        response.write("x".repeat(3 << 20));
      },
    ],
    ["a gzip bomb", (_request, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipBomb)],
    ["in an encoding nobody knows", body(good, { "content-encoding": "sdch" })],
    ["in an encoding it is not in", body(good, { "content-encoding": "zstd" })],
    ["with a URL that leaves the cache", body(good.replace(/URL: .*/, "URL: ../../secret"))],
    ["in a compression that nobody knows", body(good.replace(/Compression: .*/, "Compression: lzip"))],
    [
      "of another NAR",
      body(cached({ ...other, facts: { ...other.facts, storePath: small.facts.storePath } }, "zstd").text),
    ],
    ["with another size", body(cached(small, "zstd", { narSize: small.facts.narSize + 1 }).text)],
    ["a 500", status(500)],
    ["a 403", status(403)],
    ["a 429", status(429)],
    ["a reset connection", reset],
    ["a redirect to nowhere", redirect("http://[")],
    ["a redirect to itself", (request, response) => redirect(request.url ?? "")(request, response)],
    ["a redirect to a file", redirect("file:///etc/passwd")],
    ["a redirect to another private address", redirect("http://127.0.0.2:1/x")],
    ["a redirect to another port of its host", redirect("http://127.0.0.1:1/x")],
    ["a redirect to a name of this machine", redirect("http://localhost:1/x")],
    ["a hang", hang],
    ["a hang after the head", (_request, response) => void response.writeHead(200).write("StorePath: ")],
  ])("%s: 404 from it alone, served from another", async (_name, answer) => {
    const bad = await world.upstream();
    bad.on(narInfoTarget(small.facts), answer);
    await world.decide(small).start();
    const alone = await world.ask(narInfoTarget(small.facts));
    expect(alone.status).toBe(404);
    expect(alone.headers["trustix-decision"]).toMatch(/^(unknown|no-source|undecided);/);
    expect(alone.milliseconds).toBeLessThan(900);
    await world.proxy.close();
    serve(await world.upstream(), small, "zstd");
    await world.start();
    const together = await world.ask(narInfoTarget(small.facts));
    expect(together.status).toBe(200);
    expect((await world.ask(await world.narTarget(small))).body.equals(cached(small, "zstd").file)).toBe(true);
  });
});

test("a narinfo that comes compressed although nobody asked is read", async () => {
  const upstream = await world.upstream();
  const { text, info, file } = cached(small, "zstd");
  upstream.file(narInfoTarget(small.facts), compress("gzip", Buffer.from(text)), { "content-encoding": "gzip" });
  upstream.file(`/${info.url}`, file);
  await world.decide(small).start();
  expect((await world.ask(await world.narTarget(small))).status).toBe(200);
  expect(upstream.headers[0]!["accept-encoding"]).toBe("identity");
});

type Break = (upstream: FakeUpstream, pkg: Package, target: string, file: Uint8Array) => void;

/** How a NAR can go wrong, and whether that condemns its source for this NAR. */
const BREAKS: readonly (readonly [string, Break, "wrong" | "broken"])[] = [
  ["a flipped byte", (up, _pkg, target, file) => up.file(target, flipped(file)), "wrong"],
  [
    "another NAR",
    (up, pkg, target) => up.file(target, cached(packageOf("evil", pkg.nar.length), "zstd").file),
    "wrong",
  ],
  ["a shorter file", (up, _pkg, target, file) => up.file(target, file.subarray(0, -1)), "wrong"],
  ["a longer file", (up, _pkg, target, file) => up.file(target, Buffer.concat([file, Buffer.alloc(9)])), "wrong"],
  [
    "a shorter file without a length",
    (up, _pkg, target, file) => up.on(target, chunked(file.subarray(0, -1))),
    "wrong",
  ],
  [
    "a longer file without a length",
    (up, _pkg, target, file) => up.on(target, chunked(Buffer.concat([file, file]))),
    "wrong",
  ],
  ["garbage", (up, _pkg, target, file) => up.on(target, chunked(noise(file.length, "x"))), "wrong"],
  ["nothing", (up, _pkg, target) => up.on(target, chunked(new Uint8Array())), "wrong"],
  [
    "a bomb",
    (up, _pkg, target, file) => {
      const bomb = compress("zstd", Buffer.alloc(64 << 20));
      up.on(target, chunked(bomb.length < file.length ? bomb : bomb.subarray(0, file.length)));
    },
    "wrong",
  ],
  [
    "a connection cut in the middle",
    (up, _pkg, target, file) => up.on(target, cutOff(file, file.length / 2)),
    "broken",
  ],
  ["a connection cut at once", (up, _pkg, target) => up.on(target, reset), "broken"],
  ["a 404", (up, _pkg, target) => up.on(target, status(404)), "broken"],
  ["a 500", (up, _pkg, target) => up.on(target, status(500)), "broken"],
  ["a hang", (up, _pkg, target) => up.on(target, hang), "broken"],
  [
    "a hang in the middle",
    (up, _pkg, target, file) =>
      up.on(target, (_request, response) => {
        response.writeHead(200, { "content-length": file.length });
        response.write(file.subarray(0, file.length / 2));
      }),
    "broken",
  ],
  [
    "a content encoding",
    (up, _pkg, target, file) => up.file(target, compress("gzip", file), { "content-encoding": "gzip" }),
    "broken",
  ],
  ["a redirect to a private address", (up, _pkg, target) => up.on(target, redirect("http://127.0.0.3:9/x")), "broken"],
  [
    "six redirects",
    (up, _pkg, target, file) => {
      for (let i = 0; i < 6; i++) up.on(i === 0 ? target : `/hop${i}`, redirect(`/hop${i + 1}`));
      up.file("/hop6", file);
    },
    "broken",
  ],
];

describe.each(BREAKS)("%s instead of a NAR", (_name, breakIt, fault) => {
  test.each([
    ["small", small],
    ["large", large],
  ] as const)("%s: never completed by the bad source, served by the good one", async (size, pkg) => {
    const [bad, good] = [await world.upstream(), await world.upstream()];
    const target = serve(bad, pkg, "zstd");
    serve(good, pkg, "zstd");
    const { file } = cached(pkg, "zstd");
    await world.decide(pkg).start({ limits: { stall: 400 } });
    const ours = await world.narTarget(pkg);
    breakIt(bad, pkg, target, file);
    const first = await world.ask(ours);
    // All of a small NAR is held until it is checked, so the client does not notice; of a large one it may.
    const whole = !first.broken && first.status === 200;
    if (size === "small") expect(whole).toBe(true);
    if (whole) expect(first.body.equals(file)).toBe(true);
    else expect(first.body.length).toBeLessThan(file.length);
    const asked = bad.count(target);
    expect(asked).toBeGreaterThan(0);
    for (let i = 0; i < 2; i++) {
      const again = await world.ask(ours);
      expect(again).toMatchObject({ status: 200, broken: false });
      expect(again.body.equals(file)).toBe(true);
    }
    expect(bad.count(target)).toBe(asked);
    expect(world.warnings().join("\n")).toContain(`${pkg.facts.storePath} not delivered`);
    // Whoever has the beginning of wrong bytes must not be helped to complete them.
    const range = await world.ask(ours, { headers: { range: "bytes=100-" } });
    expect(range.status).toBe(fault === "wrong" ? 200 : 206);
    expect(range.headers["accept-ranges"]).toBe(fault === "wrong" ? "none" : "bytes");
  });

  test("without another source it is never completed and the path is not served any more while that holds", async () => {
    const bad = await world.upstream();
    const target = serve(bad, small, "zstd");
    await world.decide(small).start({ limits: { stall: 400 } });
    const ours = await world.narTarget(small);
    breakIt(bad, small, target, cached(small, "zstd").file);
    expect((await world.ask(ours)).status).toBe(404);
    if (fault === "wrong") {
      const narinfo = await world.ask(narInfoTarget(small.facts));
      expect(narinfo.status).toBe(404);
      expect(narinfo.headers["trustix-decision"]).toMatch(/^no-source; rule="3 of 4 agree.*sent wrong bytes/);
      expect((await world.ask(ours)).status).toBe(404);
      expect(bad.count(target)).toBe(1);
    }
  });
});

describe("ranges of a file that is not what it was", () => {
  test("the end of another file with the same NAR is not sent", async () => {
    const upstream = await world.upstream();
    const target = serve(upstream, large, "gzip");
    await world.decide(large).start();
    const ours = await world.narTarget(large);
    const { file } = cached(large, "gzip");
    // Another header byte: the same NAR, the same length, not the same file.
    const twin = Uint8Array.from(file);
    twin[4] = 77;
    upstream.file(target, twin);
    const range = await world.ask(ours, { headers: { range: `bytes=${file.length - 10}-` } });
    expect(range.status).toBe(404);
    expect(range.body.includes(Buffer.from(file.subarray(-10)))).toBe(false);
  });
});

describe("another source with another form", () => {
  /** The target of `pkg` as it was announced when only a source with `announced` had it; that one is gone now. */
  async function gone(pkg: Package, announced: Compression): Promise<string> {
    const first = await world.upstream();
    const target = serve(first, pkg, announced);
    await world.decide(pkg).start();
    const ours = await world.narTarget(pkg);
    await world.proxy.close();
    first.on(target, status(404));
    return ours;
  }

  test.each<[Compression, Compression]>([
    ["none", "none"],
    ["none", "zstd"],
    ["zstd", "none"],
  ])("a wrong NAR of 250 kB is replaced unseen: %s out of %s", async (announced, lied) => {
    const pkg = packageOf("medium", 250_000);
    const ours = await gone(pkg, announced);
    const liar = await world.upstream();
    const { info, text } = cached(pkg, lied, { fileSize: undefined, fileHash: undefined });
    liar.file(narInfoTarget(pkg.facts), text).file(`/${info.url}`, compress(lied, flipped(pkg.nar)));
    serve(await world.upstream(), pkg, "xz");
    await world.start();
    const reply = await world.ask(ours);
    expect(reply).toMatchObject({ status: 200, broken: false });
    expect(decompress(announced, reply.body).equals(pkg.nar)).toBe(true);
    expect(liar.count(`/${info.url}`)).toBe(1);
  });

  test("another file of the same compression is passed through, whole only", async () => {
    const ours = await gone(large, "zstd");
    // Made in two frames, so that it is another file with the same NAR.
    const half = large.nar.length >> 1;
    const frames = [large.nar.subarray(0, half), large.nar.subarray(half)].map((part) => compress("zstd", part));
    const file = Buffer.concat(frames);
    const change = { url: "backup", fileHash: sha256Hash(sha256(file)), fileSize: file.length };
    const backup = await world.upstream();
    backup.file(narInfoTarget(large.facts), cached(large, "zstd", change).text).file("/backup", file);
    serve(await world.upstream(), large, "none");
    await world.start();
    const reply = await world.ask(ours, { headers: { range: "bytes=1000-" } });
    expect(reply).toMatchObject({ status: 200, broken: false });
    expect(reply.headers).toMatchObject({ "accept-ranges": "none", "content-length": String(file.length) });
    expect(reply.body.equals(file)).toBe(true);
    expect((await world.ask(ours, { method: "HEAD" })).headers["content-length"]).toBe(String(file.length));
  });

  const OTHERS: readonly (readonly [Compression, Compression])[] = [
    ["none", "xz"],
    ["zstd", "xz"],
    ["zstd", "none"],
    ["gzip", "br"],
    ["br", "gzip"],
    ["xz", "zstd"],
    ["xz", "none"],
    ["bzip2", "zstd"],
  ];

  describe.each(OTHERS)("%s is made from %s", (announced, kept) => {
    test.each([
      ["small", small],
      ["large", large],
    ] as const)("%s: whole only, with the same head for HEAD", async (_size, pkg) => {
      const ours = await gone(pkg, announced);
      serve(await world.upstream(), pkg, kept);
      await world.start();
      const head = await world.ask(ours, { method: "HEAD" });
      const reply = await world.ask(ours, { headers: { range: "bytes=1000-" } });
      expect(reply).toMatchObject({ status: 200, broken: false });
      expect(decompress(announced, reply.body).equals(pkg.nar)).toBe(true);
      expect(reply.headers["accept-ranges"]).toBe("none");
      // Of what is compressed here nobody knows the length before.
      const length = announced === "none" ? String(pkg.nar.length) : undefined;
      expect(reply.headers["content-length"]).toBe(length);
      // The first HEAD knew nothing of the failure; this one asks no upstream for the file.
      expect(head.status).toBe(200);
      const again = await world.ask(ours, { method: "HEAD" });
      expect(again).toMatchObject({ status: 200, broken: false });
      for (const name of ["content-type", "accept-ranges", "content-length", "trustix-decision"]) {
        expect(again.headers[name], name).toBe(reply.headers[name]);
      }
    });

    test.each<[string, (nar: Uint8Array) => Uint8Array]>([
      ["with a flipped byte", flipped],
      ["that is too short", (nar) => nar.subarray(0, -8)],
      ["that is too long", (nar) => Buffer.concat([nar, new Uint8Array(8)])],
    ])("a NAR %s is not completed, and its source not asked again", async (_name, alter) => {
      const ours = await gone(large, announced);
      const liar = await world.upstream();
      const { info, text } = cached(large, kept, { fileSize: undefined, fileHash: undefined });
      liar.file(narInfoTarget(large.facts), text).file(`/${info.url}`, compress(kept, alter(large.nar)));
      await world.start();
      const reply = await world.ask(ours);
      if (reply.status === 200) {
        expect(reply.broken).toBe(true);
        expect(reply.body.length).toBeLessThan(large.nar.length);
        if (announced !== "none") expect(() => decompress(announced, reply.body)).toThrow();
      } else expect(reply.status).toBe(404);
      expect((await world.ask(ours)).status).toBe(404);
      expect(liar.count(`/${info.url}`)).toBe(1);
    });
  });

  test("while nothing was sent, a lie in the form that was announced is replaced unseen", async () => {
    const liar = await world.upstream();
    const target = serve(liar, small, "zstd");
    serve(await world.upstream(), small, "xz");
    await world.decide(small).start();
    const ours = await world.narTarget(small);
    liar.file(target, flipped(cached(small, "zstd").file));
    const reply = await world.ask(ours);
    expect(reply).toMatchObject({ status: 200, broken: false });
    expect(decompress("zstd", reply.body).equals(small.nar)).toBe(true);
  });

  test("without its program a compression is not made, and that counts against nobody", async () => {
    const ours = await gone(small, "xz");
    const backup = await world.upstream();
    const target = serve(backup, small, "zstd");
    await world.start({ programs: { xz: undefined, bzip2: undefined } });
    expect((await world.ask(ours)).status).toBe(404);
    expect(backup.count(target)).toBe(0);
    expect((await world.ask(await world.narTarget(small))).status).toBe(200);
  });

  test("a program that fails never completes a body, nor counts against the source", async () => {
    const ours = await gone(large, "xz");
    const backup = await world.upstream();
    serve(backup, large, "zstd");
    await world.start({ programs: { xz: "/bin/false", bzip2: undefined } });
    expect((await world.ask(ours)).status).toBe(404);
    expect(world.warnings().join("\n")).toContain("the NAR cannot be compressed again");
    expect((await world.ask(await world.narTarget(large))).body.equals(cached(large, "zstd").file)).toBe(true);
  });

  test("more at once than there are places wait, also behind clients that leave in the middle", async () => {
    const big = packageOf("big", 8 << 20);
    const ours = await gone(big, "xz");
    serve(await world.upstream(), big, "zstd");
    await world.start({ limits: { encoders: 1 } });
    const leaving = Array.from({ length: 3 }, () => leave(world.port, ours));
    const staying = Array.from({ length: 2 }, () => world.ask(ours));
    await Promise.all(leaving);
    for (const reply of await Promise.all(staying)) {
      expect(reply).toMatchObject({ status: 200, broken: false });
      expect(decompress("xz", reply.body).equals(big.nar)).toBe(true);
    }
  });

  test("a form that cannot be looked into here is no source", async () => {
    serve(await world.upstream(), small, "bzip2");
    await world.decide(small).start({ programs: { xz: undefined, bzip2: undefined } });
    const reply = await world.ask(narInfoTarget(small.facts));
    expect(reply.headers["trustix-decision"]).toMatch(/^no-source;.*a form not understood/);
  });

  test("xz without its program is looked into all the same", async () => {
    serve(await world.upstream(), large, "xz");
    await world.decide(large).start({ programs: { xz: undefined, bzip2: undefined } });
    expect((await world.ask(await world.narTarget(large))).body.equals(cached(large, "xz").file)).toBe(true);
  });
});

test("an upstream that sends wrong bytes under a new name each time is asked for that NAR once", async () => {
  const [bad, good] = [await world.upstream(), await world.upstream()];
  serve(good, large, "zstd");
  const { text, info, file } = cached(large, "zstd");
  let names = 0;
  bad.on(narInfoTarget(large.facts), (_request, response) => {
    response.end(text.replace(info.url, `nar/name-${names++}.nar.zst`));
  });
  const wrong = compress("zstd", noise(large.nar.length, "wrong"));
  bad.fallback = (_request, response) => void response.writeHead(200, { "content-length": wrong.length }).end(wrong);
  await world.decide(large).start();
  const ours = await world.narTarget(large);
  await world.ask(ours);
  const asked = bad.requests.filter((line) => line.includes("name-")).length;
  expect(asked).toBeGreaterThan(0);
  for (let i = 0; i < 3; i++) expect((await world.ask(ours)).body.equals(file)).toBe(true);
  expect(bad.requests.filter((line) => line.includes("name-")).length).toBe(asked);
});

describe("where files lie", () => {
  test("five redirects on the upstream's own host are followed", async () => {
    const upstream = await world.upstream();
    const { text, file } = cached(small, "none", { url: "hop0?token=%20x" });
    upstream.file(narInfoTarget(small.facts), text);
    for (let i = 0; i < 5; i++) upstream.on(i === 0 ? "/hop0?token=%20x" : `/hop${i}`, redirect(`./hop${i + 1}`));
    upstream.file("/hop5", file);
    await world.decide(small).start();
    expect((await world.ask(await world.narTarget(small))).body.equals(file)).toBe(true);
  });

  test("an absolute URL to another, allowed address is followed, without the upstream's credentials", async () => {
    const upstream = await world.upstream();
    const files = await world.upstream("127.0.0.2");
    serve(files, small, "none");
    const { text, info } = cached(small, "none");
    upstream.file(narInfoTarget(small.facts), text.replace(info.url, `${files.url}/${info.url}`));
    const url = upstream.url.replace("http://", "http://user:secret@");
    const allowAddress = (address: string) => address === "127.0.0.2";
    await world.decide(small).start({ upstreams: [{ url, publicKeys: [] }], allowAddress });
    expect((await world.ask(await world.narTarget(small))).status).toBe(200);
    expect(upstream.headers[0]!.authorization).toBe(`Basic ${Buffer.from("user:secret").toString("base64")}`);
    expect(files.headers[0]!.authorization).toBeUndefined();
    const told = (await world.ask("/healthz")).body.toString() + (await world.ask("/metrics")).body.toString();
    expect(told).not.toContain("secret");
  });

  test.each([
    ["an absolute URL to itself", (upstream: FakeUpstream) => `${upstream.url}/nar/file`, undefined],
    ["a redirect to itself", () => "nar/start", "/nar/file"],
  ])("%s is followed without the upstream's credentials", async (_, urlOf, location) => {
    const upstream = await world.upstream();
    const { text, file } = cached(small, "none", { url: urlOf(upstream) });
    upstream.file(narInfoTarget(small.facts), text);
    if (location !== undefined) upstream.on("/nar/start", redirect(location));
    upstream.file("/nar/file", file);
    const url = upstream.url.replace("http://", "http://user:secret@");
    await world.decide(small).start({ upstreams: [{ url, publicKeys: [] }] });
    expect((await world.ask(await world.narTarget(small))).body.equals(file)).toBe(true);
    const seen = upstream.requests.map((line, i) => [line, upstream.headers[i]!.authorization !== undefined]);
    expect(seen.filter(([line]) => String(line).includes("/nar/file")).every(([, sent]) => sent === false)).toBe(true);
    expect(seen.filter(([line]) => String(line).includes(".narinfo")).every(([, sent]) => sent === true)).toBe(true);
    expect(seen.some(([line]) => String(line).includes("/nar/file"))).toBe(true);
  });

  test("the same URL is refused when its address is not public", async () => {
    const upstream = await world.upstream();
    const files = await world.upstream("127.0.0.2");
    serve(files, small, "none");
    const { text, info } = cached(small, "none");
    upstream.file(narInfoTarget(small.facts), text.replace(info.url, `${files.url}/${info.url}`));
    await world.decide(small).start({ upstreams: [{ url: upstream.url, publicKeys: [] }] });
    const reply = await world.ask(await world.narTarget(small));
    expect(reply.status).toBe(404);
    expect(files.requests).toEqual([]);
    expect(world.warnings().join("\n")).toContain("which is no public address");
  });
});
