/** What is served and what is refused, how long that holds, and what is told about it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hashPartOf, parseNarInfo, type StorePath } from "@trustix/nix-formats";
import { encodeNixValue } from "@trustix/protocol";
import type { ProxyDecision } from "../../src/index.ts";
import { cached, decided, narInfoTarget, packageOf, serve, World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

const pkg = packageOf("hello", 3000);
const evil = {
  ...packageOf("evil", 3000),
  facts: { ...packageOf("evil", 3000).facts, storePath: pkg.facts.storePath },
};
const target = narInfoTarget(pkg.facts);

describe("refused", () => {
  test("an undecided path is a 404 that names outcome and rule, and one line says who said what", async () => {
    serve(await world.upstream(), pkg, "zstd");
    await world.start();
    world.decisions.set(pkg.facts.storePath, {
      state: "undecided",
      reason: "2 of 4 agree, 3 wanted",
      votes: [
        { voter: "mercury", outcome: "claims", narHash: "sha256-AAA=", reason: "" },
        { voter: "saturn", outcome: "claims", narHash: "sha256-BBB=", reason: "" },
        { voter: "mars", outcome: "unreachable", reason: "connection refused" },
      ],
    });
    for (let i = 0; i < 3; i++) {
      const reply = await world.ask(target);
      expect(reply.status).toBe(404);
      expect(reply.headers["trustix-decision"]).toBe('undecided; rule="2 of 4 agree, 3 wanted"');
    }
    expect(world.warnings()).toEqual([
      `refused ${pkg.facts.storePath}: 2 of 4 agree, 3 wanted: mercury claims sha256-AAA=, saturn claims sha256-BBB=, mars unreachable (connection refused)`,
    ]);
  });

  test("a NAR of an undecided path is a 404, whoever has it", async () => {
    serve(await world.upstream(), pkg, "zstd");
    await world.decide(pkg).start();
    const nar = await world.narTarget(pkg);
    world.decisions.clear();
    world.generation++;
    const reply = await world.ask(nar);
    expect(reply.status).toBe(404);
    expect(reply.headers["trustix-decision"]).toMatch(/^undecided;/);
  });

  test("the NAR that the compromised builder's cache has is never served: neither by its narinfo nor by its URL", async () => {
    serve(await world.upstream(), evil, "none");
    world.decide(evil);
    await world.start();
    const evilNar = await world.narTarget(evil);
    world.decide(pkg);
    world.generation++;
    const reply = await world.ask(target);
    expect(reply.status).toBe(404);
    expect(reply.headers["trustix-decision"]).toMatch(/^no-source; rule="3 of 4 agree.*has others/);
    expect((await world.ask(evilNar)).status).toBe(404);
    serve(await world.upstream(), pkg, "none");
    await world.proxy.close();
    await world.start();
    expect(parseNarInfo((await world.ask(target)).body).narHash).toEqual(pkg.facts.narHash);
    const other = await world.ask(evilNar);
    expect(other.status).toBe(404);
    expect(other.headers["trustix-decision"]).toBe('no-source; rule="another NAR was decided on"');
  });

  test("a path that an upstream makes up finds no votes; the hint of another upstream is voted on too", async () => {
    const [liar, honest] = [await world.upstream(), await world.upstream()];
    const madeUp = `${pkg.facts.storePath}-evil` as StorePath;
    liar.file(target, cached({ ...pkg, facts: { ...pkg.facts, storePath: madeUp } }, "none").text);
    serve(honest, pkg, "zstd");
    await world.decide(pkg).start();
    const reply = await world.ask(target);
    expect(parseNarInfo(reply.body).storePath).toBe(pkg.facts.storePath);
    expect(world.asked).toContain(pkg.facts.storePath);
  });

  test("a path that nobody has is unknown, and no warning: clients ask for all that they build", async () => {
    await world.upstream();
    await world.start();
    const reply = await world.ask(target);
    expect(reply.headers["trustix-decision"]).toMatch(/^unknown; rule="no upstream names/);
    expect(world.warnings()).toEqual([]);
  });

  test("a path above the size that may be served has no source", async () => {
    serve(await world.upstream(), pkg, "none");
    await world.decide(pkg).start({ limits: { narBytes: 100 } });
    expect((await world.ask(target)).headers["trustix-decision"]).toMatch(
      /^no-source; rule="3 of 4 agree, 3 wanted, but its NAR has \d+ bytes, at most 100 are served"$/,
    );
  });
});

describe("what `decide` may do wrong", () => {
  const answers = async (decide: () => unknown) => {
    serve(await world.upstream(), pkg, "none");
    await world.start({ decide: decide as never });
    const reply = await world.ask(target);
    expect(reply.status).toBe(404);
    expect(world.lines.filter(({ level }) => level === "error").length).toBe(1);
    return reply;
  };

  test.each<[string, () => unknown]>([
    ["it throws", () => Promise.reject(new Error("no voters"))],
    [
      "it throws at once",
      () => {
        throw new Error("no voters");
      },
    ],
    ["it never answers", () => new Promise(() => undefined)],
    ["its value is no claim", async () => ({ state: "decided", value: Buffer.from("{}"), reason: "", votes: [] })],
    [
      "its value is of another path",
      async () => {
        const { narSize } = pkg.facts;
        const narHash = `sha256-${Buffer.alloc(32).toString("base64")}`;
        const path = `${pkg.facts.storePath}2`;
        return {
          state: "decided",
          value: encodeNixValue({ path, narHash, narSize, references: [] }),
          reason: "",
          votes: [],
        };
      },
    ],
  ])("%s: 404, told in the log", async (_name, decide) => {
    const reply = await answers(decide);
    expect(reply.headers["trustix-decision"]).toMatch(/^undecided; rule="no decision could be had/);
    expect(reply.milliseconds).toBeLessThan(900);
  });
});

describe("a decision holds", () => {
  test("until a head or the policy changes, then it is asked for again", async () => {
    const upstream = await world.upstream();
    serve(upstream, pkg, "none");
    await world.decide(pkg).start();
    for (let i = 0; i < 3; i++) await world.ask(target);
    expect(world.asked.length).toBe(1);
    world.generation++;
    for (let i = 0; i < 3; i++) await world.ask(target);
    expect(world.asked.length).toBe(2);
    expect(upstream.count(target)).toBe(1);
  });

  test("as long as it says itself, and no longer", async () => {
    const upstream = await world.upstream();
    serve(upstream, pkg, "none");
    await world.start({
      decide: async (path) => {
        world.asked.push(path);
        return {
          ...decided(pkg.facts),
          state: "decided",
          until: performance.timeOrigin + performance.now() + 150,
        } as ProxyDecision;
      },
    });
    for (let i = 0; i < 3; i++) expect((await world.ask(target)).status).toBe(200);
    expect(world.asked.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (let i = 0; i < 3; i++) expect((await world.ask(target)).status).toBe(200);
    expect(world.asked.length).toBe(2);
  });

  test("an undecided one is waited for beyond the budget where the policy waits", async () => {
    serve(await world.upstream(), pkg, "none");
    const decide = () => new Promise<ProxyDecision>((resolve) => setTimeout(() => resolve(decided(pkg.facts)), 300));
    await world.start({ decide, limits: { decideBudget: 100, waitBudget: 1000 } });
    expect((await world.ask(target)).status).toBe(200);
  });

  test("an undecided one for a while only", async () => {
    serve(await world.upstream(), pkg, "none");
    await world.start({ limits: { undecided: 150 } });
    for (let i = 0; i < 3; i++) expect((await world.ask(target)).status).toBe(404);
    expect(world.asked.length).toBe(1);
    world.decide(pkg);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await world.ask(target)).status).toBe(200);
  });

  test("clients that ask at once share one decision and one request to each upstream", async () => {
    const upstream = await world.upstream();
    serve(upstream, pkg, "none");
    await world.decide(pkg).start();
    const replies = await Promise.all(Array.from({ length: 30 }, () => world.ask(target)));
    expect(new Set(replies.map(({ body }) => body.toString())).size).toBe(1);
    expect(world.asked.length).toBe(1);
    expect(upstream.count(target)).toBe(1);
  });
});

describe("a mirrored log", () => {
  test("tells the path, so that no upstream is needed to know that it is refused", async () => {
    await world.start({ pathByHashPart: async () => pkg.facts.storePath });
    const reply = await world.ask(target);
    expect(reply.headers["trustix-decision"]).toBe('undecided; rule="0 of 4 agree, 3 wanted"');
    expect(world.asked).toEqual([pkg.facts.storePath]);
  });

  test("and upstreams only supply the bytes", async () => {
    serve(await world.upstream(), pkg, "none");
    await world.decide(pkg).start({ pathByHashPart: async () => pkg.facts.storePath });
    expect((await world.ask(target)).status).toBe(200);
  });

  test.each<[string, () => Promise<string | undefined>]>([
    ["fails", () => Promise.reject(new Error("broken"))],
    ["hangs", () => new Promise(() => undefined)],
    ["names another path", async () => packageOf("other").facts.storePath],
    ["names no path", async () => "../../etc"],
    ["does not know it", async () => undefined],
  ])("that %s leaves it to the upstreams' hints", async (_name, pathByHashPart) => {
    serve(await world.upstream(), pkg, "none");
    await world.decide(pkg).start({ pathByHashPart });
    expect((await world.ask(target)).status).toBe(200);
  });
});

describe("looking ahead", () => {
  test("the closure of the first path is decided while the client still reads it", async () => {
    const upstream = await world.upstream();
    const leaf = packageOf("leaf");
    const middle = packageOf("middle", 500, [leaf.facts.storePath]);
    const top = packageOf("top", 500, [middle.facts.storePath]);
    const self = { ...top, facts: { ...top.facts, references: [...top.facts.references, top.facts.storePath] } };
    for (const one of [leaf, middle, self]) serve(upstream, one, "none");
    await world.decide(leaf, middle, self).start();
    await world.ask(narInfoTarget(self.facts));
    await expect.poll(() => world.asked.length).toBe(3);
    await expect.poll(() => upstream.count(narInfoTarget(leaf.facts))).toBe(1);
    const before = upstream.requests.length;
    expect((await world.ask(narInfoTarget(leaf.facts))).status).toBe(200);
    expect(upstream.requests.length).toBe(before);
  });

  test("is bounded, and what does not fit is still served when it is asked for", async () => {
    const upstream = await world.upstream();
    const leaves = Array.from({ length: 20 }, (_, i) => packageOf(`leaf-${i}`));
    const top = packageOf(
      "top",
      500,
      leaves.map(({ facts }) => facts.storePath),
    );
    for (const one of [top, ...leaves]) serve(upstream, one, "none");
    await world.decide(top, ...leaves).start({ limits: { aheadQueue: 5, aheadAtOnce: 2 } });
    await world.ask(narInfoTarget(top.facts));
    await expect.poll(() => world.asked.length).toBe(6);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(world.asked.length).toBe(6);
    for (const { facts } of leaves) expect((await world.ask(narInfoTarget(facts))).status).toBe(200);
    expect(new Set(world.asked).size).toBe(21);
    expect(JSON.parse((await world.ask("/healthz")).body.toString()).waitingAhead).toBe(0);
  });

  test("a reference that is undecided is refused when it is asked for, and does not hold up the rest", async () => {
    const upstream = await world.upstream();
    const leaf = packageOf("leaf");
    const top = packageOf("top", 500, [leaf.facts.storePath]);
    for (const one of [top, leaf]) serve(upstream, one, "none");
    await world.decide(top).start();
    expect((await world.ask(narInfoTarget(top.facts))).status).toBe(200);
    expect((await world.ask(narInfoTarget(leaf.facts))).status).toBe(404);
    expect(hashPartOf(leaf.facts.storePath)).toHaveLength(32);
  });
});
