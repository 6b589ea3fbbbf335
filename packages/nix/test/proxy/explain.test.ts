/** `GET /explain`: what a person and a program are told, by whom it may be asked, and that nothing in it is more than text. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatSriHash, hashPartOf, sha256Hash, type SignedFacts } from "@trustix/nix-formats";
import { encodeNixValue, parseNixValue } from "@trustix/protocol";
import type { ExplainedVoter, Explanation } from "../../src/explanation/index.ts";
import type { ReceiptFolder } from "../../src/index.ts";
import { cached, decided, narInfoTarget, packageOf, serve, World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

const pkg = packageOf("hello", 3000, [packageOf("libc").facts.storePath]);
const hash = hashPartOf(pkg.facts.storePath);
const NOW = Date.parse("2026-11-25T12:00:00Z");

function claimOf({ storePath, narHash, narSize, references }: SignedFacts, digest: string) {
  const value = encodeNixValue({
    path: storePath,
    narHash: formatSriHash(sha256Hash(narHash)),
    narSize,
    references: [...references],
  });
  return { digest, opinion: digest, value, facts: parseNixValue(value), flaw: undefined };
}

const GOOD = claimOf(pkg.facts, "aa".repeat(32));
const EVIL = claimOf({ ...packageOf("evil").facts, storePath: pkg.facts.storePath }, "bb".repeat(32));

const voter = (name: string, change: Partial<ExplainedVoter>): ExplainedVoter => ({
  id: name.slice(0, 1).charCodeAt(0).toString(16).repeat(32),
  name,
  operator: undefined,
  outcome: "absent",
  reason: "",
  claim: undefined,
  since: undefined,
  shownBy: { kind: "asserted" },
  ...change,
});

const narInfo = Buffer.from(cached(pkg, "xz").text);
const VOTERS: readonly ExplainedVoter[] = [
  voter("mercury", {
    operator: "acme",
    outcome: "claims",
    claim: GOOD,
    since: NOW - 86_400_000,
    shownBy: { kind: "log", entries: 1200, index: 17 },
  }),
  voter("venus", {
    outcome: "claims",
    claim: { ...GOOD, digest: "cc".repeat(32) },
    shownBy: { kind: "narinfo", narInfo },
  }),
  voter("saturn", { outcome: "excluded", reason: "it stood alone on 40 packages", claim: EVIL }),
  voter("mars", { outcome: "absent", shownBy: { kind: "log", entries: 1, index: undefined } }),
  voter("pluto", { outcome: "unreachable", reason: "connection refused" }),
];

function explanation(change: Partial<Explanation> = {}): Explanation {
  return {
    key: pkg.facts.storePath,
    time: NOW,
    decision: { ...GOOD, confidence: 40 },
    conflict: false,
    reason: "2 of 5 agree, 2 needed; saturn is excluded (it stood alone on 40 packages)",
    mode: "enforce",
    letThrough: false,
    until: undefined,
    voters: VOTERS,
    policy: ["5 voters: mars, mercury, pluto, saturn and venus", "A value is decided when 2 claim it"],
    receipt: Buffer.from("a receipt"),
    ...change,
  };
}

async function start(change: Partial<Explanation> = {}, receipts?: Partial<ReceiptFolder>): Promise<void> {
  serve(await world.upstream(), pkg, "zstd");
  await world.decide(pkg).start({
    explain: async () => explanation(change),
    ...(receipts !== undefined && {
      receipts: {
        keep: () => undefined,
        kept: async () => undefined,
        status: () => ({ files: 0, bytes: 0, results: { written: 0, same: 0, failed: 0, dropped: 0 }, why: undefined }),
        close: async () => undefined,
        ...receipts,
      },
    }),
  });
}

/** The page without what a browser does not show, white space as one space. */
async function pageText(path = `/explain/${hash}`): Promise<string> {
  const reply = await world.ask(path);
  expect(reply.headers["content-type"]).toBe("text/html; charset=utf-8");
  const body = reply.body.toString().replace(/<style>[\s\S]*?<\/style>/, "");
  return body.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

describe("the page", () => {
  test("says what was decided, by whom, since when, what shows it, who was excluded and why, by which policy", async () => {
    await start();
    const text = await pageText();
    for (const part of [
      "hello",
      pkg.facts.storePath,
      "Enough of them agree",
      "2 of 5 agree, 2 needed; saturn is excluded (it stood alone on 40 packages).",
      "Confidence 40 of 100.",
      "Nix gets what was decided",
      "mercury of acme · 6d6d6d6d",
      `A ${GOOD.facts.narHash} aaaaaaaa 2026-11-24 12:00:00 entry 17 under a signed head of 1200 entries`,
      "a narinfo signed by its key StorePath: /nix/store/",
      `saturn 73737373 is excluded: does not count It stood alone on 40 packages. It claims B ${EVIL.facts.narHash}`,
      "mars 6d6d6d6d has no claim proof that it has no entry under a signed head of 1 entry",
      "pluto 70707070 could not be reached Connection refused. this node says so",
      "1 path",
      "5 voters: mars, mercury, pluto, saturn and venus.",
      "The receipt of this decision",
    ]) {
      expect(text).toContain(part);
    }
    // venus spells the same facts otherwise: what it claims is named as the reason names it.
    expect(text.split(`A ${GOOD.facts.narHash} aaaaaaaa`)).toHaveLength(3);
    expect(text).not.toContain("cccccccc");
  });

  test.each<[string, Partial<Explanation>, RegExp]>([
    ["undecided", { decision: undefined, reason: "1 of 5 agree, 2 needed" }, /Not decided 1 of 5 agree, 2 needed\./],
    ["a conflict", { decision: undefined, conflict: true }, /Conflict: more than one value has enough/],
    ["a decision that ends", { until: NOW + 60_000 }, /Holds until 2026-11-25 12:01:00\./],
    ["no policy told", { policy: [] }, /^(?!.*By which policy)/],
    ["no receipt", { receipt: undefined }, /^(?!.*The receipt)/],
    ["nobody who votes", { voters: [] }, /Nobody votes\./],
  ])("%s", async (_name, change, wanted) => {
    await start(change);
    expect(await pageText()).toMatch(wanted);
  });

  test("says what Nix gets here, whatever the vote says", async () => {
    await start({ mode: "observe" });
    world.decisions.set(pkg.facts.storePath, {
      ...decided(packageOf("x").facts),
      state: "undecided",
      reason: "1 of 5 agree",
    });
    expect(await pageText()).toContain("Nix does not get it here 1 of 5 agree.");
    world.decisions.set(pkg.facts.storePath, {
      state: "undecided",
      reason: "1 of 5 agree",
      votes: [],
      mode: "observe",
      letThrough: true,
    });
    world.generation++;
    expect(await pageText()).toMatch(
      /Nix gets what its upstream signed \(observe\) The voters decided nothing\. The file comes from http:/,
    );
  });

  test("is one file without scripts that fetches nothing, and says so to the browser", async () => {
    await start();
    const { headers, body } = await world.ask(`/explain/${hash}`);
    const html = body.toString();
    expect(html).not.toMatch(/<script|<img|<link|<iframe|@import|url\(|javascript:|\son\w+=/i);
    expect(html.match(/(?:href|src)="[^"]*"/g)).toEqual([
      `href="/explain/${hash}.receipt"`,
      `href="/explain/${hash}.json"`,
    ]);
    expect(headers).toMatchObject({
      "content-security-policy": expect.stringMatching(
        /^default-src 'none'; style-src 'sha256-[^']{44}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
      ),
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      "cross-origin-resource-policy": "same-origin",
    });
  });

  test("shows what came from others as text and as nothing else", async () => {
    const bad = `</td><script>alert("1")</script><img src=x onerror='y'>&amp;\u{202e}\u{1b}[31m`;
    await start({
      reason: bad,
      policy: [bad],
      voters: [
        voter(bad, {
          operator: bad,
          outcome: "claims",
          claim: { digest: bad, opinion: bad, value: undefined, facts: undefined, flaw: bad },
          reason: bad,
        }),
        voter("venus", { shownBy: { kind: "narinfo", narInfo: Buffer.from(bad) }, outcome: "excluded", reason: bad }),
      ],
    });
    const html = (await world.ask(`/explain/${hash}`)).body.toString();
    expect(html).not.toMatch(/<script|<img|\u{202e}|\u{1b}/u);
    expect(html).toContain(
      "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&lt;img src=x onerror=&#39;y&#39;&gt;&amp;amp;",
    );
  });

  test("of a path whose decision cannot be had says so, and is not cached", async () => {
    serve(await world.upstream(), pkg, "zstd");
    await world.start({ explain: () => Promise.reject(new Error("connection refused\nhint: start it")) });
    const reply = await world.ask(`/explain/${hash}`);
    expect(reply.status).toBe(503);
    expect(reply.headers["cache-control"]).toBe("no-store");
    expect(reply.body.toString()).toContain("connection refused.");
  });

  test("of a path that nobody names says so once, and what to do", async () => {
    await start();
    const nobody = "0".repeat(32);
    const text = await pageText(`/explain/${nobody}`);
    expect(text.match(/no upstream names a path/gi)).toHaveLength(1);
    expect(text).toContain(`No log that is copied here has a path with the hash part ${nobody}, and no upstream names`);
    expect(text).toContain(`trustix why /nix/store/${nobody}-NAME`);
    expect(await pageText(`/explain/${hash}-hell`)).toContain(
      `The path with this hash part is ${pkg.facts.storePath}, and is not called hell.`,
    );
  });

  test("gives claims that differ colours that differ, the decided one its own", async () => {
    const claims = Array.from({ length: 8 }, (_, i) => {
      const digest = `${i}${i}`.repeat(32);
      return { digest, opinion: digest, value: undefined, facts: undefined, flaw: undefined };
    });
    const voters = claims.map((claim, i) => voter(`planet-${i}`, { outcome: "claims", claim }));
    const looks = async (change: Partial<Explanation>) => {
      await world.proxy?.close();
      await start({ ...change, voters });
      const body = (await world.ask(`/explain/${hash}`)).body.toString();
      return [...body.matchAll(/<span class="camp ([\w-]+)">(\w)</g)].map(([, look, letter]) => `${letter} ${look}`);
    };
    const others = ["B camp-1", "C camp-2", "D camp-3", "E camp-4", "F camp-5", "G camp-more", "H camp-more"];
    expect(await looks({ decision: undefined })).toEqual(["A camp-0", ...others]);
    expect(await looks({ decision: { ...claims[0]!, confidence: 40 } })).toEqual(["A camp-decided", ...others]);
  });

  test("names its columns in the cells, for screens on which the cells stand below each other", async () => {
    await start();
    const html = (await world.ask(`/explain/${hash}`)).body.toString();
    expect(html).toContain('<td data-title="Known here since"><span class="date">2026-11-24 12:00:00</span></td>');
    expect(html.match(/<td data-title="Shown by">/g)).toHaveLength(VOTERS.length);
  });

  test("of a path that nobody names is a 404, and one that hangs does not hang the page", async () => {
    await start();
    const unknown = await world.ask(`/explain/${"0".repeat(32)}`);
    expect(unknown.status).toBe(404);
    expect(unknown.body.toString()).toContain("no upstream names a path with this hash part");
    world.generation++;
    await world.proxy.close();
    await world.start({ explain: () => new Promise(() => undefined), limits: { decideBudget: 100 } });
    expect((await world.ask(`/explain/${hash}`)).status).toBe(503);
  });

  test("can be asked for by the whole base name, and not by another name", async () => {
    await start();
    expect((await world.ask(`/explain/${hash}-hello`)).status).toBe(200);
    expect((await world.ask(`/explain/${hash}-hell`)).status).toBe(404);
    expect((await world.ask(`/explain/${hash}-hello.json`)).headers["content-type"]).toBe("application/json");
    expect((await world.ask("/explain/nonsense")).status).toBe(404);
    expect((await world.ask("/explain/")).status).toBe(404);
  });
});

describe("who asks", () => {
  test.each([
    ["127.0.0.1:8080", 200],
    ["[::1]:8080", 200],
    ["localhost", 200],
    ["proxy.localhost:80", 200],
    ["evil.example", 403],
    ["127.0.0.1.evil.example", 403],
    ["localhost.evil.example", 403],
  ])("by the name %j is answered %i", async (host, status) => {
    await start();
    for (const path of [`/explain/${hash}`, `/explain/${hash}.json`, `/explain/${hash}.receipt`]) {
      const reply = await world.ask(path, { headers: { host } });
      expect(reply.status).toBe(status);
      if (status === 403) expect(reply.body.toString()).not.toContain("hello");
    }
  });

  test("without anybody who decides gets nothing", async () => {
    serve(await world.upstream(), pkg, "zstd");
    await world.start();
    expect((await world.ask(`/explain/${hash}`)).status).toBe(404);
  });
});

describe("JSON", () => {
  test.each([
    ["by its name", `/explain/${hash}.json`, {}],
    ["by a query", `/explain/${hash}?json`, {}],
    ["by what is accepted", `/explain/${hash}`, { accept: "application/json" }],
  ])("%s", async (_name, path, headers) => {
    await start();
    const reply = await world.ask(path, { headers });
    expect(reply.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(reply.body.toString())).toMatchObject({
      key: pkg.facts.storePath,
      decided: true,
      digest: GOOD.digest,
      value: new TextDecoder().decode(GOOD.value),
      confidence: 40,
      mode: "enforce",
      time: NOW,
      voters: [
        {
          name: "mercury",
          operator: "acme",
          outcome: "claims",
          shownBy: "log",
          treeSize: 1200,
          index: 17,
          since: NOW - 86_400_000,
        },
        { name: "venus", shownBy: "narinfo", narInfo: narInfo.toString() },
        { name: "saturn", outcome: "excluded", uncounted: EVIL.digest, reason: "it stood alone on 40 packages" },
        { name: "mars", outcome: "absent", shownBy: "log", treeSize: 1 },
        { name: "pluto", outcome: "unreachable", shownBy: "asserted" },
      ],
      policy: [expect.stringMatching(/^5 voters/), expect.any(String)],
      served: true,
      here: { outcome: "decided", vote: "agrees", upstream: `${world.upstreams[0]!.url}/` },
    });
  });

  test("browsers, which accept both, get the page", async () => {
    await start();
    const accept = "text/html,application/xhtml+xml,application/json;q=0.9";
    expect((await world.ask(`/explain/${hash}`, { headers: { accept } })).headers["content-type"]).toMatch(
      /^text\/html/,
    );
  });

  test("what is wrong is JSON as well, and HEAD has headers only", async () => {
    await start();
    const unknown = await world.ask(`/explain/${"0".repeat(32)}.json`);
    expect(JSON.parse(unknown.body.toString())).toMatchObject({ error: "No such path" });
    const head = await world.ask(`/explain/${hash}`, { method: "HEAD" });
    expect(head.body.length).toBe(0);
    expect(Number(head.headers["content-length"])).toBeGreaterThan(1000);
  });
});

describe("the receipt", () => {
  test("is of the decision now where none was kept", async () => {
    await start();
    const reply = await world.ask(`/explain/${hash}.receipt`);
    expect(reply.body.toString()).toBe("a receipt");
    expect(reply.headers["content-disposition"]).toBe(`attachment; filename="${hash}-hello.receipt"`);
  });

  test("is the one that was kept when the path was served", async () => {
    await start({}, { kept: async () => ({ file: Buffer.from("kept"), writtenAt: NOW - 1000 }) });
    expect((await world.ask(`/explain/${hash}.receipt`)).body.toString()).toBe("kept");
    expect(await pageText()).toContain("The receipt kept when it was served, 2026-11-25 11:59:59");
  });

  test("that cannot be made is a 404", async () => {
    await start({ receipt: undefined });
    expect((await world.ask(`/explain/${hash}.receipt`)).status).toBe(404);
  });
});

describe("keeping receipts", () => {
  test("of what is newly served, once, and of nothing else", async () => {
    const kept: string[] = [];
    const keep: ReceiptFolder["keep"] = (path, { verdict, file }) =>
      void kept.push(`${path} ${verdict.length} ${file.length}`);
    await start({}, { keep });
    world.decisions.set(pkg.facts.storePath, { ...decided(pkg.facts), receipt: Buffer.alloc(10) });
    const refused = packageOf("refused");
    serve(world.upstreams[0]!, refused, "none");
    world.decisions.set(refused.facts.storePath, {
      state: "undecided",
      reason: "no",
      votes: [],
      receipt: Buffer.alloc(10),
    });
    await world.ask(`/explain/${hash}`);
    expect(kept).toEqual([]);
    for (let i = 0; i < 3; i++) await world.ask(narInfoTarget(pkg.facts));
    await world.ask(await world.narTarget(pkg));
    await world.ask(narInfoTarget(refused.facts));
    expect(kept).toEqual([`${pkg.facts.storePath} 64 10`]);
    const health = JSON.parse((await world.ask("/healthz")).body.toString());
    expect(health).toMatchObject({ status: "ok", receipts: { files: 0, results: { failed: 0 } } });
    expect((await world.ask("/metrics")).body.toString()).toContain('trustix_proxy_receipts_total{result="written"} 0');
  });
});
