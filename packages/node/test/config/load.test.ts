import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { createSandbox, DEFAULT_STANDING_BOUNDS } from "@trustix/decider";
import { formatPublicToken } from "@trustix/protocol";
import { DEFAULT_LIMITS } from "../../src/config/index.ts";
import { keyOf, load, publisher, subscriber } from "./files.ts";

describe("a file of the existing program", () => {
  const GO_STYLE = `
remotes = ["http://localhost:8081", "https://cache.example.org/", "unix:///run/other.socket", "http://localhost:8081"]
write_tokens = ["default:${keyOf(9).publicText}"]

[storage]
type = "memory"
[storage.native]

[[publishers]]
signer = "snakeoil"
protocol = "5138a791-8d00-4182-96bc-f1f2688cdde2"
[publishers.meta]
upstream = "https://cache.example.org"
note = "anything"
[publishers.PublicKey]
Type = "ed25519"
KEY = "${keyOf(1).publicText}"

[signers.snakeoil]
type = "ed25519"
[signers.snakeoil.ed25519]
private-key-path = "/etc/trustix/k1"

[[subscribers]]
protocol = "nix"
syncMode = "light"
publicKey = { type = "ed25519", key = "${keyOf(2).publicText}" }

[[decider."5138a791-8d00-4182-96bc-f1f2688cdde2"]]
engine = "javascript"
[decider."5138a791-8d00-4182-96bc-f1f2688cdde2".javascript]
function = """
(inputs) => inputs[0].Value
"""
`;

  test("works unchanged, whatever the case of its keys", async () => {
    const config = await load(GO_STYLE);
    expect(config.storage).toBe("memory");
    expect(config.publishers[0]!.info.meta).toEqual({ upstream: "https://cache.example.org", note: "anything" });
    expect(config.publishers[0]!.keys?.seed).toEqual(new Uint8Array(32).fill(1));
    expect(config.subscribers[0]!.info.protocol.name).toBe("nix");
    expect(config.remotes).toEqual(["http://localhost:8081", "https://cache.example.org", "unix:///run/other.socket"]);
    expect([...config.writeTokens.keys()]).toEqual(["default"]);
    expect(config.deciders).toMatchObject([{ protocol: { name: "nix" }, rules: [{ engine: "javascript" }] }]);
    expect(config.deciders[0]!.voters).toHaveLength(2);
    expect(config.warnings).toEqual([]);
  });

  test("a log is called by the first 8 digits of its id unless it has a name", async () => {
    const config = await load(publisher(1) + subscriber(2, 'name = "saturn"'));
    expect(config.publishers[0]!.name).toBe(config.publishers[0]!.info.id.slice(0, 8));
    expect(config.subscribers[0]!.name).toBe("saturn");
  });

  test("rules lie in lists by protocol: two of them, in order", async () => {
    const config = await load(`${publisher(1, 'name = "mine"')}
[[decider.nix]]
engine = "percentage"
[decider.nix.percentage]
minimum = 66
[[decider.nix]]
engine = "logid"
logid = { id = "mine" }
`);
    expect(config.deciders[0]!.rules).toEqual([
      { engine: "percentage", minimum: 66 },
      { engine: "logid", id: config.publishers[0]!.info.id },
    ]);
  });

  test("what is harmless is a warning: deciders of the old module, an unknown log id, ones own log, modes, cwd", async () => {
    const config = await load(
      `deciders = [{ engine = "percentage" }]
${publisher(1).replace("/etc/trustix/k1", "here")}
${subscriber(1)}
[[decider.nix]]
engine = "logid"
logid = { id = "${"ab".repeat(32)}" }
`,
      { "/run/here": { content: keyOf(1).privateText, mode: 0o644 } },
    );
    expect(config.subscribers).toEqual([]);
    expect(config.warnings.join("\n")).toMatchInlineSnapshot(`
      "deciders: ignored; rules are read from [[decider."PROTOCOL"]] only
      subscribers[0]: this node publishes the log itself (publishers[0]): the subscription is ignored
      signers.s1.ed25519.private-key-path: here was found in the working directory, not beside the configuration: write the whole path
      signers.s1.ed25519.private-key-path: /run/here may be read or written by others (mode 644): chmod 600 it
      decider.nix[0].logid.id: voter abababababababababababababababababababababababababababababababab is not configured: this rule never decides"
    `);
  });

  test("the same in JSON", async () => {
    const json = {
      storage: { type: "native" },
      subscribers: [{ protocol: "test", publicKey: { type: "ed25519", key: keyOf(1).publicText } }],
      remotes: ["http://127.0.0.1:1"],
    };
    const config = await load("", { "/etc/trustix/c.json": JSON.stringify(json) });
    expect(config.subscribers[0]!.info.protocol.name).toBe("test");
  });
});

test("peers are asked at their URLs and may ask with their tokens, or only one of the two", async () => {
  const token = (n: number): string => `default:${keyOf(n).publicText}`;
  const config = await load(`
[[peers]]
url = "https://alice.example/"
token = "${token(1)}"
[[peers]]
url = "unix:///run/bob.socket"
[[peers]]
token = "${token(2)}"
`);
  expect(config.peers).toEqual(["https://alice.example", "unix:///run/bob.socket"]);
  expect(config.peerTokens.map(formatPublicToken)).toEqual([token(1), token(2)]);
});

test("two followed logs of one key are warned of: each head of one is proof against the other", async () => {
  const config = await load(subscriber(1) + subscriber(1).replace('"nix"', '"test"'));
  expect(config.subscribers).toHaveLength(2);
  expect(config.warnings.join("\n")).toMatch(/have one key: a head of one is proof against the other, so both can be/);
});

test("an empty file gets every default, and a warning that it does nothing", async () => {
  const config = await load("");
  expect(config).toMatchObject({
    storage: "native",
    limits: DEFAULT_LIMITS,
    standing: DEFAULT_STANDING_BOUNDS,
    flush: { intervalMs: 1000, items: 10_000 },
    retention: { maxAgeMs: 7 * 86_400_000, heads: 1000 },
    pollIntervalMs: 1_800_000,
    decisionBudgetMs: 2000,
    headMarker: "/home/alice/.config/trustix/heads",
    publish: { allow: [], deny: [] },
    listeners: [],
  });
  expect(config.warnings).toEqual([
    "no log and no cache is configured: this node publishes nothing and can decide nothing",
  ]);
});

test("markers are looked for elsewhere, unless the file names their folder", async () => {
  const headMarkersElsewhere = ["/c/trustix/heads", "/etc/trustix/heads"];
  expect(await load(publisher(1), {}, { headMarkersElsewhere })).toMatchObject({ headMarkersElsewhere });
  const named = await load(`head-marker = "/safe/heads"\n${publisher(1)}`, {}, { headMarkersElsewhere });
  expect(named).toMatchObject({ headMarker: "/safe/heads", headMarkersElsewhere: [] });
});

test("the keys of ours", async () => {
  const config = await load(
    `
socket-owners = ["trustix", 12]
poll-interval = 60
decision-budget = 0.5
ca-file = "ca.pem"
head-marker = "/safe/heads"
${publisher(1, 'name = "mercury"')}
${subscriber(2, 'name = "venus"')}
${subscriber(3, 'name = "mars"')}
[[decider.nix]]
engine = "quorum"
[decider.nix.quorum]
threshold = 2
voters = ["venus", "mars"]
[[upstreams]]
url = "https://cache.nixos.org/"
public-keys = ["cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="]
[publish]
allow = ["hello-*"]
deny = ["*-secret"]
[limits]
value-bytes = 2048
call-seconds = 1.5
[standing]
agreeing = 2
alone-percent = 1
alone-factor = 3
exclude-packages = 20
[retention]
days = 1
heads = 10
[flush]
interval = 0.2
items = 5
[[listeners]]
address = "unix:///run/trustix.socket"
[[listeners]]
address = "http://[::1]:8080"
[[listeners]]
address = "http://10.0.0.1"
private = true
metrics = true
allow-replayable-tokens = true
allow-unsigned-reads = true
names = ["Node.Example", "node.example:8080", "[2001:DB8::1]:0443", "b\u00fccher.example"]
`,
    {
      "/etc/passwd": "root:x:0:0::/root:/bin/sh\ntrustix:x:993:993::/:/bin/false\n",
      "/etc/trustix/ca.pem": "-----BEGIN CERTIFICATE-----\n",
    },
  );
  expect(config.socketOwners).toEqual([993, 12]);
  expect(config.ca).toContain("BEGIN CERTIFICATE");
  expect(config.deciders[0]!.rules).toEqual([
    { engine: "quorum", threshold: 2, voters: config.subscribers.map(({ info }) => info.id) },
  ]);
  expect(config.upstreams[0]).toMatchObject({ url: "https://cache.nixos.org" });
  expect(config.limits).toEqual({ ...DEFAULT_LIMITS, valueBytes: 2048, callMs: 1500 });
  expect(config.standing).toEqual({
    agreeing: 2,
    share: 0.01,
    factor: 3,
    suspect: { packages: 5, odds: 10_000 },
    exclude: { packages: 20, odds: 1_000_000 },
  });
  expect(config).toMatchObject({
    pollIntervalMs: 60_000,
    decisionBudgetMs: 500,
    headMarker: "/safe/heads",
    publish: { allow: ["hello-*"], deny: ["*-secret"] },
    retention: { maxAgeMs: 86_400_000, heads: 10 },
    flush: { intervalMs: 200, items: 5 },
  });
  expect(
    config.listeners.map(({ address, private: p, metrics, allowUnsignedReads, allowReplayableTokens }) => [
      address,
      p,
      metrics,
      allowUnsignedReads,
      allowReplayableTokens,
    ]),
  ).toEqual([
    [{ kind: "unix", path: "/run/trustix.socket" }, true, true, false, false],
    [{ kind: "tcp", host: "::1", port: 8080 }, false, false, false, false],
    [{ kind: "tcp", host: "10.0.0.1", port: 80 }, true, true, true, true],
  ]);
  expect(config.listeners[2]!.names).toEqual([
    "node.example",
    "node.example:8080",
    "[2001:db8::1]:443",
    "xn--bcher-kva.example",
  ]);
});

test("printing a configuration never prints a private key", async () => {
  const config = await load(publisher(1));
  const printed = inspect(config, { depth: 10 }) + JSON.stringify(config);
  expect(printed).not.toContain("seed");
  expect(printed).not.toContain(keyOf(1).privateText.slice(0, 40));
});

test("without keys the key files are not touched", async () => {
  const config = await load(publisher(1).replace("/etc/trustix/k1", "/nowhere"), {}, { keys: false });
  expect(config.publishers[0]!.keys).toBeUndefined();
});

test("functions are checked when there is a sandbox", async () => {
  const sandbox = await createSandbox();
  const text = (source: string): string => `${publisher(1)}
[[decider.nix]]
engine = "javascript"
javascript = { function = "${source}" }
`;
  const options = { sandbox: async () => sandbox };
  await expect(load(text("i => i["), {}, options)).rejects.toThrow(
    /decider\.nix\[0\]\.javascript\.function: it cannot be used: it threw SyntaxError/,
  );
  await expect(load(text("i => i[0].Value"), {}, options)).resolves.toMatchObject({ path: "/etc/trustix/c.toml" });
  await sandbox.close();
});
