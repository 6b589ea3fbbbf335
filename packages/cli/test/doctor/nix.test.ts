/** Tables of what Nix is told: whether the proxy is asked and believed, and every other way in. */
import { expect, test } from "vitest";
import type { NixFacts } from "../../src/doctor/facts.ts";
import { judgeNix } from "../../src/doctor/judge-nix.ts";
import { judgeWaysIn } from "../../src/doctor/judge-ways-in.ts";
import { answered, CONF, CONFIGURATION, KEY, nix, OTHER_KEY, PROXY, shown } from "./facts.ts";

const CACHE = "https://cache.example";

const client = (facts: NixFacts, priority?: number): string[] =>
  shown(judgeNix(facts, [answered(CACHE, { priority, isCache: true })], true)).filter((line) => !line.startsWith("ok"));

test("a Nix that asks the proxy alone, believes it and asks again soon is all well", () => {
  expect(shown(judgeNix(nix(), [], true))).toEqual([
    "ok settings: as nix (Nix) 2.8.0 itself has them, for this user",
    `ok the proxy at ${PROXY}: it answers, and its node too`,
    "ok substituters: the proxy is among them",
    "ok trusted-public-keys: the proxy's key my-proxy-1 is trusted",
    "ok narinfo-cache-negative-ttl: 10: what is decided later is found soon",
  ]);
});

test("a proxy is needed by who decides, and looked at where there is one", () => {
  const none = nix({ substituters: [CACHE] }, { proxies: [] });
  expect(shown(judgeNix(none, [], false)).at(-1)).toBe(
    "ok substituters: this node follows nobody for Nix: no proxy is needed",
  );
  expect(shown(judgeNix(none, [], undefined)).at(-1)).toBe(
    "note substituters: whether a proxy is needed cannot be told: neither a configuration nor a daemon says whom this node follows",
  );
  expect(
    judgeNix(nix({}, { proxies: [{ url: PROXY, status: "degraded", key: KEY, priority: 30 }] }), [], false),
  ).toContainEqual(expect.objectContaining({ severity: "warning", looked: `the proxy at ${PROXY}` }));
});

const NOT_AMONG = "wrong substituters: the proxy is not among them: Nix never asks what was decided";
const ASK_PROXY = `${CONF} + substituters = ${PROXY}`;

test("what keeps Nix from asking and believing the proxy is found, with the lines that mend it", () => {
  const table: [facts: NixFacts, found: string[]][] = [
    [nix({ substituters: [CACHE] }), [`${NOT_AMONG}\n${CONF} - substituters = ${CACHE}\n${ASK_PROXY}`]],
    [
      nix({ substituters: [CACHE] }, { proxies: [] }),
      [
        `wrong ${PROXY}: no proxy of ours answers there or at any substituter\n$ nix-store --generate-binary-cache-key my-proxy-1 cache.key cache.pub\n$ trustix-nix binary-cache-proxy --privkey cache.key --listen 127.0.0.1:8080`,
        `${NOT_AMONG}\n${CONF} - substituters = ${CACHE}\n${ASK_PROXY}`,
      ],
    ],
    // A generated file is not edited.
    [
      nix({ substituters: [CACHE] }, { mainFileIs: "/nix/store/abc-nix.conf" }),
      [
        `${NOT_AMONG}\nconfiguration.nix + nix.settings.substituters = lib.mkForce [ "${PROXY}" ];\n$ nixos-rebuild switch`,
      ],
    ],
    [
      nix({ "trusted-public-keys": [OTHER_KEY] }),
      [
        "wrong trusted-public-keys: the proxy's key my-proxy-1 is not trusted: Nix takes nothing of what it serves\n" +
          `${CONF} - trusted-public-keys = ${OTHER_KEY}\n${CONF} + trusted-public-keys = ${KEY}`,
      ],
    ],
    [
      nix({ "trusted-public-keys": [KEY.replace("AAA", "BBB")] }),
      [
        expect.stringMatching(
          /^wrong .* my-proxy-1 has the name of another key that is trusted, and is not trusted itself/,
        ),
      ],
    ],
    [
      nix({}, { proxies: [{ url: PROXY, status: "ok", key: undefined, priority: 30 }] }),
      ["note trusted-public-keys: the proxy does not say which key it signs with: is it an older version?"],
    ],
    [
      nix({ "narinfo-cache-negative-ttl": ["3600"] }),
      [
        "warning narinfo-cache-negative-ttl: 3600: a path that was not decided when Nix asked stays refused for so many seconds, even when it is decided meanwhile\n" +
          `${CONF} - narinfo-cache-negative-ttl = 3600\n${CONF} + narinfo-cache-negative-ttl = 10`,
      ],
    ],
    [
      nix({ substitute: ["false"] }),
      [
        `warning substitute: false: Nix asks nobody and builds everything\n${CONF} - substitute = false\n${CONF} + substitute = true`,
      ],
    ],
    [
      nix(
        {},
        { illegal: [{ from: { file: CONF, line: 3, text: "oops" }, why: "it is neither a setting nor an include" }] },
      ),
      [`wrong ${CONF} line 3: Nix refuses it: it is neither a setting nor an include\n${CONF} - oops`],
    ],
    [
      nix({}, { program: { version: undefined, why: "there is no nix on the PATH" } }),
      [`note settings: read from ${CONF} and the files beside it, because there is no nix on the PATH`],
    ],
  ];
  for (const [facts, found] of table) expect(client(facts)).toEqual(found);
});

test("a key that only the listener itself vouches for is to be compared first", () => {
  const noteOf = (trusted: readonly string[]) =>
    judgeNix(nix({ "trusted-public-keys": trusted }), [], true).find(({ looked }) => looked === "trusted-public-keys")
      ?.mend?.note;
  expect(noteOf([OTHER_KEY])).toMatch(/^first compare the key with that of your proxy, cache\.pub: whoever listens/);
  expect(noteOf([KEY])).toBeUndefined();
});

test("a proxy is the same with a slash or parameters in its address", () => {
  for (const url of [`${PROXY}/`, `${PROXY}?priority=10`, `${PROXY}/?want-mass-query=1`]) {
    expect(client(nix({ substituters: [url] }))).toEqual([]);
  }
});

test("who is asked before the proxy is found by the priorities that Nix goes by", () => {
  const table: [substituters: string[], told: number | undefined, first: number | undefined][] = [
    [[PROXY, CACHE], undefined, undefined], // 50 against 30
    [[PROXY, CACHE], 40, undefined],
    [[PROXY, CACHE], 30, 30],
    [[PROXY, CACHE], 10, 10],
    [[PROXY, `${CACHE}?priority=20`], 40, 20],
    [[`${PROXY}?priority=45`, CACHE], 40, 40],
    [[`${PROXY}?priority=5`, CACHE], 10, undefined],
  ];
  for (const [substituters, told, first] of table) {
    const found = client(nix({ substituters }), told);
    const wanted = first === undefined ? [] : [expect.stringContaining(`its priority is ${first},`) as string];
    expect([substituters, told, found]).toEqual([substituters, told, wanted]);
  }
});

const waysIn = (facts: NixFacts, change: Partial<typeof CONFIGURATION> = {}): string[] =>
  shown(judgeWaysIn(facts, { ...CONFIGURATION, ...change }, true));

test("every other way in is found, explained in a sentence, and comes with what closes it", () => {
  const both = `${PROXY} ${CACHE}`;
  const keys = `${KEY} ${OTHER_KEY}`;
  const closed = (name: string, before: string, after: string) =>
    `\n${CONF} - ${name} = ${before}\n${CONF} + ${name} =${after === "" ? "" : ` ${after}`}`;
  const table: [what: string, facts: NixFacts, found: string[]][] = [
    ["nothing", nix(), ["ok Nix's settings: nothing but the proxy's answers is accepted"]],
    [
      "another cache with a trusted key, whatever its priority",
      nix({ substituters: [PROXY, CACHE], "trusted-public-keys": [KEY, OTHER_KEY] }),
      [
        `wrong substituters: Nix asks ${CACHE} too, and takes what cache.example-1 signed whatever the vote says and whatever the priorities are` +
          closed("substituters", both, PROXY),
        "wrong trusted-public-keys: cache.example-1: Nix itself takes what these keys sign, from anywhere" +
          closed("trusted-public-keys", keys, KEY),
      ],
    ],
    [
      "another cache without a key",
      nix({ substituters: [PROXY, CACHE] }),
      [
        `note substituters: Nix asks ${CACHE} too; no other key than the proxy's is trusted, so that only what needs no signature is taken from there` +
          closed("substituters", both, PROXY),
      ],
    ],
    [
      "another key without a cache",
      nix({ "trusted-public-keys": [KEY, OTHER_KEY] }),
      [
        "warning trusted-public-keys: cache.example-1: no cache with these keys is asked, but any user may fetch from one, `nix copy --from`, and Nix takes it without a vote" +
          closed("trusted-public-keys", keys, KEY),
      ],
    ],
    [
      "a cache that needs no signature",
      nix({ substituters: [`${PROXY}?trusted=1`] }),
      [
        `wrong substituters: ${PROXY}?trusted=1: "trusted" in its address means that its paths need no signature` +
          closed("substituters", `${PROXY}?trusted=1`, PROXY),
      ],
    ],
    [
      "no signatures at all",
      nix({ "require-sigs": ["false"] }),
      [
        "wrong require-sigs: false: Nix takes what any cache serves, signed or not" +
          closed("require-sigs", "false", "true"),
      ],
    ],
    [
      "a store without signatures",
      nix({ store: ["local?require-sigs=false&root=/x"] }),
      [
        "wrong store: local?require-sigs=false&root=/x: this store takes what any cache serves, signed or not" +
          closed("store", "local?require-sigs=false&root=/x", "local?root=/x"),
      ],
    ],
    [
      "caches that users may add",
      nix({ "trusted-substituters": [CACHE], "trusted-public-keys": [KEY, OTHER_KEY] }),
      [
        expect.stringMatching(/^warning trusted-public-keys/) as string,
        `warning trusted-substituters: any user may have Nix ask ${CACHE}, with --option substituters, and it takes what trusted keys signed there` +
          closed("trusted-substituters", CACHE, ""),
      ],
    ],
    [
      "caches that users may add, without keys",
      nix({ "trusted-substituters": [CACHE] }),
      [expect.stringMatching(/^note trusted-substituters: .* only what needs no signature/) as string],
    ],
    [
      "users who may do anything",
      nix({ "trusted-users": ["root", "me", "@wheel"] }),
      [
        "warning trusted-users: me, @wheel may name other caches and keys, or put unsigned paths into the store: the vote binds nobody who does" +
          closed("trusted-users", "root me @wheel", "root"),
      ],
    ],
    [
      "everybody may do anything",
      nix({ "trusted-users": ["*"] }),
      [expect.stringMatching(/^wrong trusted-users: every user may/) as string],
    ],
    [
      "flakes that add caches",
      nix({ "accept-flake-config": ["true"] }),
      [
        "wrong accept-flake-config: true: the nixConfig of any flake that is built may add caches and keys, and nobody is asked" +
          closed("accept-flake-config", "true", "false"),
      ],
    ],
    [
      "what a flake was allowed once",
      nix({}, { acceptedFromFlakes: { file: "/h/t.json", settings: [["extra-substituters", CACHE]] } }),
      [`warning /h/t.json: accepted from flakes once and for all: extra-substituters = ${CACHE}\n$ rm /h/t.json`],
    ],
    [
      "machines that build",
      nix({}, { machines: ["ssh://big"] }),
      [
        "note builders: what is built on ssh://big is taken as it comes, without signature and vote, like a build on this machine",
      ],
    ],
    [
      "own signing keys",
      nix({ "secret-key-files": ["/etc/nix/key"] }),
      ["note secret-key-files: what the keys in /etc/nix/key signed is taken too, whoever else holds them"],
    ],
  ];
  for (const [what, facts, found] of table) expect([what, waysIn(facts)]).toEqual([what, found]);
});

test("a key that the proxy needs for an upstream is told to be enough there", () => {
  const upstreamKeys = [{ key: OTHER_KEY, url: CACHE }];
  expect(waysIn(nix({ "trusted-public-keys": [KEY, OTHER_KEY] }), { upstreamKeys })[0]).toContain(
    "(for the proxy, cache.example-1 in its own configuration is enough)",
  );
  // Only there, it is nothing to complain of.
  expect(waysIn(nix(), { upstreamKeys })).toEqual(["ok Nix's settings: nothing but the proxy's answers is accepted"]);
});

test("while no proxy says which key is its own, a key is taken for somebody else's only if it is known to be", () => {
  const silent = { proxies: [{ url: PROXY, status: "ok", key: undefined, priority: 30 }] };
  const both = { substituters: [PROXY, CACHE], "trusted-public-keys": [KEY, OTHER_KEY] };
  expect(waysIn(nix(both, silent))).toEqual([expect.stringMatching(/^note substituters/)]);
  const known = { ...silent, foreignKeys: [OTHER_KEY] };
  expect(waysIn(nix(both, known)).map((line) => line.split("\n")[0])).toEqual([
    expect.stringMatching(/^wrong substituters: .* takes what cache\.example-1 signed/),
    expect.stringMatching(/^wrong trusted-public-keys: cache\.example-1: /),
  ]);
});

test("whoever builds through a daemon is told that root's settings count", () => {
  expect(client(nix({}, { throughDaemon: true }))).toEqual([
    "note the Nix daemon: a Nix daemon works for this user, and goes by root's settings: only root sees those\n$ sudo trustix doctor",
  ]);
});

test("while a policy only looks on, other ways in are warnings", () => {
  const policies = [{ ...CONFIGURATION.policies[0]!, mode: "observe" as const }];
  for (const line of waysIn(nix({ "require-sigs": ["false"], "accept-flake-config": ["true"] }), { policies })) {
    expect(line).toMatch(/^warning/);
  }
});

test("credentials in addresses are not shown", () => {
  const secret = "https://me:secret@cache.example";
  const lines = [...client(nix({ substituters: [secret] }), 10), ...waysIn(nix({ substituters: [PROXY, secret] }))];
  for (const line of lines) expect(line).not.toContain("secret@");
});

test("what stands in NIX_CONFIG, and what several files say, is taken out where it stands", () => {
  const facts = nix();
  const from = [
    { file: CONF, line: 1, text: `substituters = ${PROXY}` },
    { file: "/home/me/.config/nix/nix.conf", line: 2, text: `extra-substituters = ${CACHE}` },
    { file: "NIX_CONFIG", line: 1, text: "extra-substituters = x" },
  ];
  const settings = { ...facts.settings, substituters: { words: [PROXY, CACHE, "x"], from } };
  const [finding] = judgeWaysIn({ ...facts, settings }, CONFIGURATION, true);
  expect(finding?.mend).toEqual({
    edits: [
      { file: CONF, remove: [`substituters = ${PROXY}`], add: [`substituters = ${PROXY}`] },
      { file: "/home/me/.config/nix/nix.conf", remove: [`extra-substituters = ${CACHE}`], add: [] },
    ],
    note: "take 'extra-substituters = x' out of NIX_CONFIG; then restart the Nix daemon, if there is one",
  });
});
