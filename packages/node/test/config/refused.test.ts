/** Every way a file can be wrong: the message names the file, the key, what came and what was wanted; the hint says what to do. */
import { describe, expect, test } from "vitest";
import type { LoadOptions } from "../../src/config/index.ts";
import { NodeError } from "../../src/errors.ts";
import { keyOf, load, publisher, subscriber, type FakeFile } from "./files.ts";

async function refusal(
  text: string | FakeFile,
  extra: Record<string, string | FakeFile> = {},
  options: Partial<LoadOptions> = {},
) {
  try {
    await load(text, extra, options);
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    expect(error.code).toBe("bad_config");
    return `${error.message}${error.hint === undefined ? "" : `\nhint: ${error.hint}`}`;
  }
  return "accepted";
}

const quorum = (threshold: number, voters = ""): string =>
  `[[decider.nix]]\nengine = "quorum"\n[decider.nix.quorum]\nthreshold = ${threshold}\n${voters}`;

describe("the file itself", () => {
  const table: [name: string, file: string | FakeFile, wanted: RegExp][] = [
    ["a missing file", { error: "ENOENT" }, /c\.toml: there is no such file\nhint: `trustix init`/],
    ["an unreadable file", { error: "EACCES" }, /c\.toml: it may not be read by this user\nhint: \S+c\.toml /],
    ["a folder", { error: "EISDIR" }, /c\.toml: it is a folder, a file was wanted/],
    ["a failing disk", { error: "EIO" }, /c\.toml: it cannot be read: EIO/],
    ["a half-written file", '[storage]\ntype = "nat', /c\.toml:2:\d+: /],
    ["a file cut in a table's name", "[stor", /c\.toml:1:\d+: /],
    ["a byte order mark", "\ufeff[storage]", /byte order mark \(UTF-8\)\nhint: save it/],
    ["UTF-16", { content: Buffer.from("\ufeff[storage]", "utf16le") }, /byte order mark \(UTF-16\)/],
    ["binary data", { content: Buffer.from([0x61, 0xff, 0xfe, 0]) }, /it is not UTF-8 text/],
    ["a file without end", { content: Buffer.alloc((1 << 20) + 1, " ") }, /more than 1048576 bytes came/],
    ["deep nesting", `a = ${"[".repeat(100)}`, /c\.toml:1/],
    ["a key given twice", "remotes = []\nremotes = []", /c\.toml:2:\d+: /],
    ["a key that JavaScript reacts to", "[meta.__proto__]\nx = 1", /c\.toml:1:\d+: |cannot be a key/],
  ];
  for (const [name, file, wanted] of table) {
    test(name, async () => expect(await refusal(file)).toMatch(wanted));
  }

  test("a name that says no format", async () => {
    expect(await refusal("", { "/etc/trustix/c.yaml": "a: 1" })).toMatch(
      /c\.yaml: the name ends in "\.yaml", \.toml or \.json wanted/,
    );
  });

  test("JSON that breaks off, or holds what cannot be a key, or is no table", async () => {
    expect(await refusal("", { "/etc/trustix/c.json": '{"remotes": [' })).toMatch(
      /c\.json:1:\d+: not JSON: |not JSON: Unexpected end/,
    );
    expect(await refusal("", { "/etc/trustix/c.json": '{"__proto__": {}}' })).toMatch(
      /__proto__: this cannot be a key/,
    );
    expect(await refusal("", { "/etc/trustix/c.json": "[1]" })).toMatch(/a list of 1 came/);
    expect(await refusal("", { "/etc/trustix/c.json": '{"flush": {"items": 1,\n "items": 2}}' })).toMatch(
      /c\.json:2:2: items: given twice in one table$/,
    );
  });

  test("everything wrong is told at once", async () => {
    expect((await refusal("a = 1\nb = 2\npoll-interval = 0")).split("\n").length).toBeGreaterThanOrEqual(3);
  });
});

describe("keys and values", () => {
  const table: [name: string, text: string, wanted: RegExp][] = [
    ["an unknown key", "remote = []", /c\.toml: remote: no such key; did you mean remotes\?\nhint: write remotes/],
    ["a slip in a table", "[flush]\nitem = 3", /flush\.item: no such key; did you mean items\?/],
    ["a key like nothing known", "zzzzzz = 1", /zzzzzz: no such key; known here are storage, publishers/],
    ["two spellings of one key", "remotes = []\nRemotes = []", /remotes: given twice, once as "Remotes"/],
    ["a wrong type", 'poll-interval = "30"', /poll-interval: "30" came, seconds, 1 to 604800 wanted/],
    ["a number out of range", "[flush]\nitems = 0", /flush\.items: 0 came, a whole number from 1 to 1000000 wanted/],
    ["a fraction of items", "[flush]\nitems = 1.5", /flush\.items: 1\.5 came/],
    [
      "too small a limit for existing clients",
      "[limits]\nentries = 10",
      /limits\.entries: 10 came, a whole number from 1000/,
    ],
    ["one against one", "[standing]\nagreeing = 1", /standing\.agreeing: 1 came, a whole number from 2 to 1000 wanted/],
    [
      "exclusion before suspicion",
      "[standing]\nsuspect-packages = 11",
      /standing\.exclude-packages: 10 came, at least 11 wanted: .*\nhint: raise it, or lower suspect-packages/,
    ],
    [
      "a table where a list was wanted",
      "[publishers]\nsigner = 'x'",
      /publishers: a table came, a list of tables wanted\nhint: in TOML each starts with \[\[publishers\]\]/,
    ],
    [
      "a text where a list was wanted",
      'remotes = "http://a:1"',
      /remotes: "http:\/\/a:1" came, a list of http:\/\/, https:\/\/ or unix:\/\/ URLs wanted\nhint: a list stands in brackets: \["http:\/\/a:1"\]$/,
    ],
    [
      "a token where a list was wanted",
      `write_tokens = "a:${keyOf(1).publicText}"`,
      /write_tokens: something else came, a list of .* wanted\nhint: a list stands in brackets: \["..."\]$/,
    ],
    ["a name where a list was wanted", 'socket-owners = "root"', /"root" came, a list of user names or numbers wanted/],
    ["an unknown storage", '[storage]\ntype = "rocks"', /storage\.type: "rocks" came, "native" or "memory" wanted/],
    [
      "a missing field",
      '[[subscribers]]\nprotocol = "nix"',
      /subscribers\[0\]\.publicKey: missing; a table with type and key wanted/,
    ],
    ["a list of numbers as remotes", "remotes = [1]", /remotes\[0\]: 1 came/],
    [
      "an unknown protocol",
      subscriber(1).replace('"nix"', '"nyx"'),
      /subscribers\[0\]\.protocol: protocol "nyx" is not known; known are nix, test\nhint: did you mean nix\?/,
    ],
    [
      "a key that is no base64",
      subscriber(1).replace(keyOf(1).publicText, "???"),
      /subscribers\[0\]\.publicKey\.key: .*base64 wanted/,
    ],
    [
      "a short key",
      subscriber(1).replace(keyOf(1).publicText, "AAAA"),
      /publicKey\.key: public key: 3 bytes came, 32 wanted/,
    ],
    [
      "another sync mode",
      subscriber(1, 'syncmode = "half"'),
      /subscribers\[0\]\.syncmode: "half" came, "full" or "light" wanted/,
    ],
    [
      "a name with odd characters",
      subscriber(1, 'name = "a/b"'),
      /subscribers\[0\]\.name: "a\/b" came, 1 to 64 letters/,
    ],
    [
      "a remote without a scheme",
      'remotes = ["localhost:8080"]',
      /remotes\[0\]: "localhost:8080" came, an http:\/\/, https:\/\/ or unix:\/\/ URL wanted/,
    ],
    ["a remote of another scheme", 'remotes = ["ftp://x"]', /remotes\[0\]: "ftp:\/\/x" came/],
    ["a socket with two slashes", 'remotes = ["unix://run/x.socket"]', /unix:\/\/\/path with three slashes wanted/],
    [
      "a socket path the kernel cannot hold",
      `remotes = ["unix:///${"x".repeat(120)}"]`,
      /socket path of 121 bytes came, at most 107/,
    ],
    ["a password in a remote", 'remotes = ["http://u:hunter2@x"]', /remotes\[0\]: a URL with a user or password came/],
    ["TLS on a listener", '[[listeners]]\naddress = "https://0.0.0.0:1"', /listeners\[0\]\.address: .*reverse proxy/],
    ["a path on a listener", '[[listeners]]\naddress = "http://0.0.0.0:1/x"', /and nothing more wanted/],
    [
      "one address twice",
      '[[listeners]]\naddress = "http://a:1"\n[[listeners]]\naddress = "http://a:1/"',
      /listeners\[1\]\.address: .*listened on twice/,
    ],
    [
      "write tokens on a public listener",
      '[[listeners]]\naddress = "http://a:1"\nallow-replayable-tokens = true',
      /which this listener does not serve\nhint: set private = true/,
    ],
    [
      "unsigned reads on a public listener",
      '[[listeners]]\naddress = "http://a:1"\nallow-unsigned-reads = true',
      /listeners\[0\]\.allow-unsigned-reads: .*this listener does not serve/,
    ],
    ...["https://a", "a/b", "a:b", "a:123456", "a b", "", "::1", "u@a"].map((text): [string, string, RegExp] => [
      `a node's name ${JSON.stringify(text)}`,
      `[[listeners]]\naddress = "http://a:1"\nprivate = true\nnames = ["ok", ${JSON.stringify(text)}]`,
      text === "" ? /listeners\[0\]\.names\[1\]/ : /listeners\[0\]\.names\[1\]: .* came, host or host:port wanted/,
    ]),
    [
      "an upstream of another scheme",
      '[[upstreams]]\nurl = "s3://bucket"',
      /upstreams\[0\]\.url: "s3:\/\/bucket" came, an http:\/\/ or https:\/\/ URL wanted/,
    ],
    [
      "a cache key without a name",
      '[[upstreams]]\nurl = "http://x"\npublic-keys = ["AAAA"]',
      /upstreams\[0\]\.public-keys\[0\]: token: "name:base64/,
    ],
    [
      "a user who does not exist",
      'socket-owners = ["nobody-here"]',
      /socket-owners\[0\]: there is no user "nobody-here" here/,
    ],
    ["a missing certificate file", 'ca-file = "/nope.pem"', /ca-file: \/nope\.pem: there is no such file/],
  ];
  for (const [name, text, wanted] of table) {
    test(name, async () => expect(await refusal(text)).toMatch(wanted));
  }
});

describe("what belongs together", () => {
  const table: [name: string, text: string, wanted: RegExp][] = [
    [
      "one log subscribed twice",
      subscriber(1) + subscriber(1),
      /subscribers\[1\]: the same log as subscribers\[0\] \([0-9a-f]{64}\)\nhint: a log has one vote/,
    ],
    [
      "one log published twice",
      publisher(1) + publisher(1).split("[signers")[0],
      /publishers\[1\]: the same log as publishers\[0\]/,
    ],
    ["a peer that is nothing", "[[peers]]\n", /peers\[0\]: neither url nor token came\nhint: write one or both/],
    ["a peer twice", '[[peers]]\nurl = "http://p:1/"\n'.repeat(2), /peers\[1\]\.url: http:\/\/p:1 comes twice/],
    [
      "a peer's private token",
      `[[peers]]\ntoken = "a:${keyOf(1).privateText}"\n`,
      /peers\[0\]\.token: something else came, "name:base64" of a 32-byte public key wanted/,
    ],
    [
      "two published logs of one key",
      publisher(1) + publisher(1).split("[signers")[0]!.replace('"nix"', '"test"'),
      /publicKey: "[0-9a-f]{8}" and "[0-9a-f]{8}" have one key: a head of one is proof against the other\nhint: make a key/,
    ],
    [
      "two logs of one name",
      subscriber(1, 'name = "x"') + subscriber(2, 'name = "x"'),
      /name: "x" is the name of two voters, /,
    ],
    [
      "a signer that is not there",
      publisher(1).replace('"s1"', '"s2"'),
      /publishers\[0\]\.signer: there is no \[signers\.s2\]\nhint: did you mean s1\?/,
    ],
    [
      "a key of another log",
      publisher(1).replace("/etc/trustix/k1", "/etc/trustix/k2"),
      /publishers\[0\]\.signer: the key of signer "s1" has the public key .* but publicKey\.key is/,
    ],
    [
      "a missing key file",
      publisher(1).replace("/etc/trustix/k1", "/nope"),
      /signers\.s1\.ed25519\.private-key-path: \/nope: there is no such file/,
    ],
    [
      "a quorum that nobody can reach",
      subscriber(1) + subscriber(2) + quorum(3),
      /decider\.nix\[0\]\.quorum\.threshold: 3 came, but there are 2 configured voters of this protocol: nothing could ever be decided/,
    ],
    [
      "a quorum over fewer voters than it needs",
      subscriber(1, 'name = "a"') + quorum(2, 'voters = ["a"]'),
      /threshold: 2 came, but 1 voters are listed/,
    ],
    [
      "a voter nobody knows",
      subscriber(1, 'name = "saturn"') + quorum(1, 'voters = ["satrun"]'),
      /voters\[0\]: "satrun" is no configured voter of this protocol; there are: saturn\nhint: did you mean saturn\?/,
    ],
    [
      "a voter under two names",
      subscriber(1, 'name = "a"') + quorum(1, 'voters = ["a", "a"]'),
      /quorum\.voters: one voter is listed twice/,
    ],
    ["a threshold of nobody", subscriber(1) + quorum(0), /threshold: 0 came, a whole number from 1/],
    [
      "an engine without settings",
      `${subscriber(1)}[[decider.nix]]\nengine = "percentage"`,
      /decider\.nix\[0\]\.percentage: missing; a table with the settings/,
    ],
    ["an unknown engine", `[[decider.nix]]\nengine = "majority"`, /decider\.nix\[0\]\.engine: "majority" came/],
    [
      "rules of an unknown protocol",
      `[[decider.guix]]\nengine = "percentage"\npercentage = { minimum = 1 }`,
      /decider\.guix: protocol "guix" is not known/,
    ],
    [
      "one protocol under two names",
      `[[decider.nix]]\nengine = "percentage"\npercentage = { minimum = 1 }\n[[decider."5138a791-8d00-4182-96bc-f1f2688cdde2"]]\nengine = "percentage"\npercentage = { minimum = 1 }`,
      /the same protocol as decider\.nix/,
    ],
    [
      "two tokens of one name",
      `write_tokens = ["a:${keyOf(1).publicText}", "a:${keyOf(2).publicText}"]`,
      /write_tokens\[1\]: a second token named "a"/,
    ],
  ];
  for (const [name, text, wanted] of table) {
    test(name, async () => expect(await refusal(text)).toMatch(wanted));
  }

  // A new key made beside a log is another log: the hint must not lead there.
  test("a key file that may not be read, with whose it is", async () => {
    const said = await refusal(publisher(1), {
      "/etc/trustix/k1": { error: "EACCES", owner: 4_000_000 },
      "/etc/passwd": "root:x:0:0::/:/bin/sh\nbuilder:x:4000000:1::/:/bin/sh\n",
    });
    expect(said).toMatch(/k1: it may not be read by this user\nhint: \S+k1 belongs to user builder \(4000000\)/);
    expect(said).toContain("run this as that user (`sudo -u builder ...`)");
    expect(said).not.toContain("generate-key");
  });

  test("a key file that is not there", async () => {
    expect(await refusal(publisher(1), { "/etc/trustix/k1": { error: "ENOENT" } })).toMatch(
      /k1: there is no such file\nhint: put it back from a copy: a log cannot go on without its key/,
    );
  });

  test("publishing without a place for head markers", async () => {
    expect(await refusal(publisher(1), {}, { headMarkers: undefined })).toMatch(
      /head-marker: missing, and neither XDG_CONFIG_HOME nor HOME/,
    );
  });
});

describe("secrets are not repeated", () => {
  const secret = keyOf(7).privateText;
  const table: [name: string, text: string, files: Record<string, string>][] = [
    ["a private key as public key", subscriber(1).replace(keyOf(1).publicText, secret), {}],
    [
      "a private key with a slip as public key",
      subscriber(1).replace(keyOf(1).publicText, `${secret.slice(0, 50)}!${secret.slice(50)}`),
      {},
    ],
    ["a private token among the write tokens", `write_tokens = ["me:${secret}"]`, {}],
    ["a private token with a slip", `write_tokens = ["me:${secret}!"]`, {}],
    ["a write token that is too long", `write_tokens = ["${secret.repeat(60)}"]`, {}],
    ["a broken key file", publisher(1), { "/etc/trustix/k1": `${secret.slice(0, 60)}!!!!` }],
    ["a key file that does not match", publisher(1), { "/etc/trustix/k1": secret }],
  ];
  for (const [name, text, files] of table) {
    test(name, async () => {
      const message = await refusal(text, files);
      expect(message).not.toBe("accepted");
      for (let i = 0; i + 12 <= 40; i++) expect(message).not.toContain(secret.slice(i, i + 12));
    });
  }
});
