/** What the policy's mode makes of a vote: what is served, what is told, and who must have signed it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseNarInfo, type NarInfo } from "@trustix/nix-formats";
import type { ProxyDecision } from "../../src/index.ts";
import { cached, CACHE_KEY, decided, keyNamed, narInfoTarget, packageOf, publicKeyOf, serve, World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

const pkg = packageOf("hello", 3000);
/** The same path with other bytes. */
const other = {
  ...packageOf("evil", 3000),
  facts: { ...packageOf("evil", 3000).facts, storePath: pkg.facts.storePath },
};
const target = narInfoTarget(pkg.facts);

type Vote = "for it" | "for others" | "undecided" | "conflict";

function decisionOf(vote: Vote, settings: Partial<ProxyDecision>): ProxyDecision {
  const common = {
    votes: [{ voter: "mars", outcome: "unreachable", reason: "connection refused" }],
    ...settings,
  } as const;
  switch (vote) {
    case "for it":
      return { ...decided(pkg.facts), ...settings } as ProxyDecision;
    case "for others":
      return { ...decided(other.facts), ...settings } as ProxyDecision;
    case "undecided":
      return { state: "undecided", reason: "1 of 3 agree, 2 needed", ...common } as ProxyDecision;
    case "conflict":
      return { state: "undecided", reason: "conflict: two values", ...common } as ProxyDecision;
  }
}

/** As the node says: `observe` always, `warn` where nothing is decided, `enforce` where the policy trusts the upstream. */
const OBSERVE = { mode: "observe", letThrough: true } as const;
const WARN = { mode: "warn", letThrough: true } as const;
const TRUST = { mode: "enforce", letThrough: true } as const;
const STRICT = { mode: "enforce", letThrough: false } as const;

describe("the upstream signed what it has", () => {
  test.each<[string, Vote, object, RegExp, number, "none" | "info" | "warn"]>([
    ["enforce", "for it", STRICT, /^decided; rule="3 of 4 agree/, 200, "none"],
    ["enforce", "for others", STRICT, /^no-source; rule="3 of 4 agree/, 404, "warn"],
    ["enforce", "undecided", STRICT, /^undecided; rule="1 of 3 agree/, 404, "warn"],
    ["enforce, trusting the upstream", "undecided", TRUST, /^let-through; mode=enforce; vote=undecided;/, 200, "info"],
    ["warn", "for it", { mode: "warn" }, /^decided; rule="3 of 4 agree/, 200, "none"],
    ["warn", "for others", { mode: "warn" }, /^no-source;/, 404, "warn"],
    ["warn", "undecided", WARN, /^let-through; mode=warn; vote=undecided; rule="1 of 3 agree, 2 needed"$/, 200, "warn"],
    ["warn", "conflict", WARN, /^let-through; mode=warn; vote=undecided; rule="conflict: two values"$/, 200, "warn"],
    ["observe", "for it", OBSERVE, /^let-through; mode=observe; vote=agrees; rule="3 of 4 agree/, 200, "none"],
    ["observe", "for others", OBSERVE, /^let-through; mode=observe; vote=differs; rule="3 of 4 agree/, 200, "warn"],
    ["observe", "undecided", OBSERVE, /^let-through; mode=observe; vote=undecided;/, 200, "info"],
    ["observe", "conflict", OBSERVE, /^let-through; mode=observe; vote=undecided; rule="conflict/, 200, "info"],
  ])("%s, and the vote is %s", async (_name, vote, settings, header, status, level) => {
    serve(await world.upstream(), pkg, "zstd");
    world.decisions.set(pkg.facts.storePath, decisionOf(vote, settings));
    await world.start();
    const reply = await world.ask(target);
    expect(reply.headers["trustix-decision"]).toMatch(header);
    expect(reply.status).toBe(status);
    const lines = world.lines.filter((line) => line.level !== "debug");
    expect(lines.map((line) => line.level)).toEqual(level === "none" ? [] : [level]);
    if (status === 404) return;
    // Whatever the vote says, the bytes are those that the upstream signed, with both signatures.
    const info = parseNarInfo(reply.body);
    expect(info.narHash).toEqual(pkg.facts.narHash);
    expect(info.signatures.map(({ name }) => name)).toEqual(["local-1", "cache-1"]);
    expect((await world.ask(await world.narTarget(pkg))).body.equals(cached(pkg, "zstd").file)).toBe(true);
  });

  test("the warning says what was served, by whose signature, who said what, and where to look", async () => {
    serve(await world.upstream(), pkg, "zstd");
    world.decisions.set(pkg.facts.storePath, decisionOf("undecided", WARN));
    await world.start();
    for (let i = 0; i < 3; i++) await world.ask(target);
    const hash = target.slice(1, 33);
    expect(world.warnings()).toEqual([
      `undecided, and served nevertheless: ${pkg.facts.storePath}: 1 of 3 agree, 2 needed: ` +
        `mars unreachable (connection refused); what ${world.upstreams[0]!.url}/ signed is served, see /explain/${hash}`,
    ]);
  });

  test("under observe the vote on other bytes is told with what each voter said", async () => {
    serve(await world.upstream(), pkg, "zstd");
    world.decisions.set(pkg.facts.storePath, decisionOf("for others", OBSERVE));
    await world.start();
    await world.ask(target);
    expect(world.warnings()).toEqual([
      expect.stringMatching(/^the voters decided other bytes of \S+-hello: 3 of 4 agree.*mercury claims sha256-/),
    ]);
    const metrics = (await world.ask("/metrics")).body.toString();
    expect(metrics).toContain('trustix_proxy_let_through_total{mode="observe",vote="differs"} 1');
    expect(metrics).toContain('trustix_proxy_paths_total{outcome="let-through"} 1');
  });
});

describe.each([
  ["observe", OBSERVE],
  ["warn", WARN],
  ["trust-upstream", TRUST],
])("%s lets nothing through that is signed", (_mode, settings) => {
  const stranger = packageOf("x").facts.storePath;
  test.each<[string, Partial<NarInfo>, ReturnType<typeof keyNamed>[]]>([
    ["by another key", {}, [keyNamed("other-1")]],
    ["by a key of the same name", {}, [{ ...keyNamed("other-1"), name: "cache-1" }]],
    ["over other references", { references: [stranger] }, [CACHE_KEY]],
    ["over another size", { narSize: pkg.facts.narSize + 1 }, [CACHE_KEY]],
    ["over another hash", { narHash: new Uint8Array(32) }, [CACHE_KEY]],
    ["by nobody", { signatures: [] }, [CACHE_KEY]],
    ["while no key is configured", {}, []],
  ])("%s", async (_name, change, keys) => {
    const upstream = await world.upstream();
    serve(upstream, pkg, "zstd", change);
    world.decisions.set(pkg.facts.storePath, decisionOf("undecided", settings));
    await world.start({ upstreams: [{ url: upstream.url, publicKeys: keys.map(publicKeyOf) }] });
    const reply = await world.ask(target);
    expect(reply.status).toBe(404);
    expect(reply.headers["trustix-decision"]).toBe(
      'undecided; rule="1 of 3 agree, 2 needed; and no upstream has it signed by a key configured for it"',
    );
  });
});

test("a key that is configured for one upstream lets nothing of another through", async () => {
  const [first, second] = [await world.upstream(), await world.upstream()];
  serve(second, pkg, "zstd");
  world.decisions.set(pkg.facts.storePath, decisionOf("undecided", WARN));
  const publicKeys = [publicKeyOf(CACHE_KEY)];
  await world.start({
    upstreams: [
      { url: first.url, publicKeys },
      { url: second.url, publicKeys: [] },
    ],
  });
  expect((await world.ask(target)).status).toBe(404);
});

test("the first that signed wins, whatever others say who did not", async () => {
  const [liar, honest] = [await world.upstream(), await world.upstream()];
  serve(liar, other, "none", { signatures: [] });
  serve(honest, pkg, "none");
  world.decisions.set(pkg.facts.storePath, decisionOf("undecided", WARN));
  await world.start();
  expect(parseNarInfo((await world.ask(target)).body).narHash).toEqual(pkg.facts.narHash);
});

test("what was let through undecided is asked again soon, and then served as decided", async () => {
  serve(await world.upstream(), pkg, "zstd");
  world.decisions.set(pkg.facts.storePath, decisionOf("undecided", WARN));
  await world.start({ limits: { undecided: 150 } });
  expect((await world.ask(target)).headers["trustix-decision"]).toMatch(/^let-through;/);
  world.decide(pkg);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect((await world.ask(target)).headers["trustix-decision"]).toMatch(/^decided;/);
});

test("under observe a decision that agrees holds as decisions do", async () => {
  serve(await world.upstream(), pkg, "zstd");
  world.decisions.set(pkg.facts.storePath, decisionOf("for it", OBSERVE));
  await world.start({ limits: { undecided: 50 } });
  await world.ask(target);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await world.ask(target);
  expect(world.asked.length).toBe(1);
});

test("under observe what was decided is served where nobody signed anything", async () => {
  serve(await world.upstream(), pkg, "zstd", { signatures: [] });
  world.decisions.set(pkg.facts.storePath, decisionOf("for it", OBSERVE));
  await world.start();
  expect((await world.ask(target)).headers["trustix-decision"]).toMatch(/^decided;/);
});
