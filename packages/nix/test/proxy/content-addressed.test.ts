/** Paths that are named by their content: served without a vote if name and content fit, and only then. */
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  checkNar,
  contentPath,
  narOf,
  parseNarInfo,
  storePathOfBaseName,
  type ContentAddress,
  type HashAlgorithm,
  type NarTree,
  type StorePath,
} from "@trustix/nix-formats";
import { cached, crypto, decided, narInfoTarget, noise, packageOf, serve, World, type Package } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

interface Named extends Package {
  readonly ca: ContentAddress;
}

const digestOf = (algorithm: HashAlgorithm, bytes: Uint8Array) =>
  new Uint8Array(createHash(algorithm).update(bytes).digest());

/** A file or tree under the path that its content gives it. */
function named(
  method: ContentAddress["method"],
  algorithm: HashAlgorithm,
  tree: NarTree,
  references: readonly StorePath[] = [],
): Named {
  const nar = narOf(tree);
  const hashed = method === "nar" || tree.type !== "regular" ? nar : tree.contents;
  const ca = { method, hash: { algorithm, digest: digestOf(algorithm, hashed) } };
  const storePath = contentPath(crypto, ca, references, "source.tar.gz")!;
  return { nar, ca, facts: { storePath, ...checkNar(crypto, nar), references } };
}

const file = (contents: Uint8Array, executable = false): NarTree => ({ type: "regular", contents, executable });
const small = file(noise(3000, "small"));
const folder: NarTree = { type: "directory", entries: [["a", small]] };
const reference = packageOf("reference").facts.storePath;
const GOOD: readonly [string, () => Named][] = [
  ["fixed:sha256", () => named("flat", "sha256", small)],
  ["fixed:sha512", () => named("flat", "sha512", small)],
  ["fixed:r:sha256", () => named("nar", "sha256", folder)],
  ["fixed:r:sha256 with references", () => named("nar", "sha256", folder, [reference])],
  ["fixed:r:sha256 of an executable file", () => named("nar", "sha256", file(noise(3000, "x"), true))],
  ["fixed:r:sha512", () => named("nar", "sha512", folder)],
  ["text:sha256", () => named("text", "sha256", small)],
  ["text:sha256 with references", () => named("text", "sha256", small, [reference])],
];

/** Puts it into an upstream that signs nothing. */
function offer(upstream: Parameters<typeof serve>[0], pkg: Named, change: Parameters<typeof serve>[3] = {}) {
  return serve(upstream, pkg, "zstd", { ca: pkg.ca, signatures: [], ...change });
}

const complaints = (pkg: Package) => world.warnings().filter((line) => line.includes(pkg.facts.storePath));

describe.each(GOOD)("%s", (_name, make) => {
  test("is served without any vote, with its address and no signature", async () => {
    const pkg = make();
    offer(await world.upstream(), pkg);
    await world.start();
    const reply = await world.ask(narInfoTarget(pkg.facts));
    expect(reply.status).toBe(200);
    expect(reply.headers["trustix-decision"]).toMatch(
      /^content-addressed; rule="its name is the address of its content, (fixed|text):/,
    );
    const info = parseNarInfo(reply.body);
    expect(info).toMatchObject({ ...pkg.facts, ca: pkg.ca, signatures: [] });
    // Of its references only, which the next question will be about.
    expect(world.asked).not.toContain(pkg.facts.storePath);
    const nar = await world.ask(await world.narTarget(pkg));
    expect(nar).toMatchObject({ status: 200, broken: false });
    expect(nar.body.equals(cached(pkg, "zstd").file)).toBe(true);
    expect(complaints(pkg)).toEqual([]);
  });

  test("is served although a copied log names it and the voters decide nothing, or something else", async () => {
    const pkg = make();
    offer(await world.upstream(), pkg);
    await world.start({ pathByHashPart: async () => pkg.facts.storePath });
    expect((await world.ask(narInfoTarget(pkg.facts))).headers["trustix-decision"]).toMatch(/^content-addressed;/);
    // An address proves the content; whoever votes for another is wrong.
    world.decisions.set(pkg.facts.storePath, decided({ ...packageOf("x").facts, storePath: pkg.facts.storePath }));
    world.generation++;
    expect(parseNarInfo((await world.ask(narInfoTarget(pkg.facts))).body).narHash).toEqual(pkg.facts.narHash);
  });

  test("does not count if its name is that of other content", async () => {
    const pkg = make();
    const digest = Uint8Array.from(pkg.ca.hash.digest, (byte, i) => (i === 0 ? byte ^ 1 : byte));
    offer(await world.upstream(), pkg, { ca: { ...pkg.ca, hash: { ...pkg.ca.hash, digest } } });
    await world.start();
    const reply = await world.ask(narInfoTarget(pkg.facts));
    expect(reply.status).toBe(404);
    expect(reply.headers["trustix-decision"]).toMatch(/^undecided;/);
    expect(world.asked).toEqual([pkg.facts.storePath]);
  });

  test("does not count with other references", async () => {
    const pkg = make();
    offer(await world.upstream(), pkg, { references: [packageOf("stranger").facts.storePath] });
    await world.start();
    expect((await world.ask(narInfoTarget(pkg.facts))).status).toBe(404);
  });

  test("is broken off if the bytes are others, and never completed", async () => {
    const pkg = make();
    const upstream = await world.upstream();
    // As large, and with a NAR hash of its own: only the address says that these are not the bytes.
    const wrong = narOf(file(noise(pkg.facts.narSize - 112 - ((8 - ((pkg.facts.narSize - 112) % 8)) % 8), "wrong")));
    const facts = checkNar(crypto, wrong);
    serve(upstream, { nar: wrong, facts: { ...pkg.facts, ...facts } }, "zstd", { ca: pkg.ca, signatures: [] });
    await world.start();
    const reply = await world.ask(narInfoTarget(pkg.facts));
    if (reply.status === 404) {
      // The NAR hash is the address itself: the lie is seen at once.
      expect(pkg.ca.method).toBe("nar");
      return;
    }
    const nar = await world.ask(`/${/^URL: (.*)$/m.exec(reply.body.toString())![1]}`);
    expect(nar.status).toBe(404);
    expect(complaints(pkg)).toEqual([expect.stringMatching(/not delivered: .*content/)]);
  });
});

describe("voted on as any other path", () => {
  test.each<[string, () => Named]>([
    ["MD5", () => named("flat", "md5", small)],
    ["SHA-1", () => named("flat", "sha1", small)],
    ["a tree by SHA-1", () => named("nar", "sha1", folder)],
    ["a git tree", () => named("git", "sha1", folder)],
  ])("%s, which proves too little", async (_name, make) => {
    const pkg = make();
    offer(await world.upstream(), pkg);
    await world.start();
    expect((await world.ask(narInfoTarget(pkg.facts))).headers["trustix-decision"]).toMatch(/^undecided;/);
    world.decide(pkg);
    world.generation++;
    const reply = await world.ask(narInfoTarget(pkg.facts));
    expect(reply.headers["trustix-decision"]).toMatch(/^decided;/);
    expect(parseNarInfo(reply.body)).toMatchObject({ ca: undefined, signatures: [{ name: "local-1" }] });
  });

  test("a path that refers to itself: its name is of another hash than that of its bytes", async () => {
    const pkg = named("nar", "sha256", folder);
    const self = { ...pkg, facts: { ...pkg.facts, references: [pkg.facts.storePath] } };
    offer(await world.upstream(), self);
    await world.start();
    expect((await world.ask(narInfoTarget(self.facts))).status).toBe(404);
  });

  test("a path that is not made of its content, whatever address stands beside it", async () => {
    const pkg = packageOf("hello");
    const ca = named("nar", "sha256", folder).ca;
    for (const address of [ca, { method: "flat", hash: ca.hash }, { method: "text", hash: ca.hash }] as const) {
      serve(await world.upstream(), pkg, "none", { ca: address, signatures: [] });
    }
    await world.start();
    expect((await world.ask(narInfoTarget(pkg.facts))).headers["trustix-decision"]).toMatch(/^undecided;/);
  });
});

describe("a file by its hash", () => {
  const contents = noise(3000, "small");
  const right = named("flat", "sha256", file(contents));
  test.each<[string, NarTree]>([
    ["that is executable", file(contents, true)],
    ["within a folder", { type: "directory", entries: [["a", file(contents)]] }],
    ["instead of which a link comes", { type: "symlink", target: "/etc/passwd" }],
  ])("%s is refused, though its bytes are right", async (_name, tree) => {
    const nar = narOf(tree);
    const upstream = await world.upstream();
    serve(upstream, { nar, facts: { ...right.facts, ...checkNar(crypto, nar) } }, "xz", { ca: right.ca });
    await world.start();
    const reply = await world.ask(narInfoTarget(right.facts));
    expect(reply.status).toBe(200);
    const target = `/${/^URL: (.*)$/m.exec(reply.body.toString())![1]}`;
    expect((await world.ask(target)).status).toBe(404);
    expect(world.warnings()).toEqual([expect.stringMatching(/none of its content address/)]);
  });

  test("that is long is broken off at its end, not served whole", async () => {
    const long = named("flat", "sha256", file(noise(400_000, "long")));
    const lie = narOf(file(noise(400_000, "lie")));
    const upstream = await world.upstream();
    serve(upstream, { nar: lie, facts: { ...long.facts, ...checkNar(crypto, lie) } }, "none", { ca: long.ca });
    await world.start();
    const reply = await world.ask(narInfoTarget(long.facts));
    const nar = await world.ask(`/${/^URL: (.*)$/m.exec(reply.body.toString())![1]}`);
    expect(nar.broken || nar.status === 404).toBe(true);
    expect(nar.body.length).toBeLessThan(lie.length);
  });

  test("of which one cache lies is had from the next, once the lie was seen", async () => {
    const [liar, honest] = [await world.upstream(), await world.upstream()];
    const lie = narOf(file(noise(2000, "lie")));
    serve(liar, { nar: lie, facts: { ...right.facts, ...checkNar(crypto, lie) } }, "none", { ca: right.ca });
    honest.on(narInfoTarget(right.facts), (_request, response) => {
      setTimeout(() => response.end(cached(right, "zstd", { ca: right.ca }).text), 50);
    });
    honest.file(`/${cached(right, "zstd").info.url}`, cached(right, "zstd").file);
    await world.start();
    expect((await world.ask(await world.narTarget(right))).status).toBe(404);
    const nar = await world.ask(await world.narTarget(right));
    expect(nar.body.equals(cached(right, "zstd").file)).toBe(true);
  });
});

test("another compression than the client was told of is made of what was checked", async () => {
  const pkg = named("flat", "sha512", small);
  offer(await world.upstream(), pkg);
  await world.start();
  const target = await world.narTarget(pkg);
  const plain = await world.ask(target.replace(/(-[0-9a-z]{52})?\.nar\.zst$/, ".nar"));
  expect(plain.status).toBe(200);
  expect(plain.body.equals(Buffer.from(pkg.nar))).toBe(true);
});

test("a name is part of the address", async () => {
  const pkg = named("flat", "sha256", small);
  const renamed = storePathOfBaseName(`${pkg.facts.storePath.slice(11, 43)}-other.tar.gz`);
  offer(await world.upstream(), { ...pkg, facts: { ...pkg.facts, storePath: renamed } });
  await world.start();
  expect((await world.ask(narInfoTarget(pkg.facts))).status).toBe(404);
});
