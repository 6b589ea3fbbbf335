/** Tables of what each judge says of its facts: node, keys, clocks, reachability, ages, hook, spool. */
import { expect, test } from "vitest";
import { BuilderStatus_Causes, BuilderStatus_Standings, RemoteStatus_States } from "@trustix/proto";
import type { SpoolState } from "@trustix/nix";
import { NIX, TEST } from "@trustix/protocol";
import type {
  AskedFacts,
  ConfigurationFacts,
  Facts,
  HookFacts,
  ReadConfiguration,
  SecretFacts,
} from "../../src/doctor/facts.ts";
import { judge } from "../../src/doctor/judge.ts";
import { judgeClocks } from "../../src/doctor/judge-clocks.ts";
import { judgeConfiguration, judgeNode, judgeState } from "../../src/doctor/judge-configuration.ts";
import { judgeHeadAge } from "../../src/doctor/judge-head-age.ts";
import { judgeHook } from "../../src/doctor/judge-hook.ts";
import { judgeKeys } from "../../src/doctor/judge-keys.ts";
import { judgeReachability } from "../../src/doctor/judge-reachability.ts";
import { judgeSpools } from "../../src/doctor/judge-spool.ts";
import { isWell, reportLines } from "../../src/doctor/report.ts";
import { answered, AWAY, CONF, CONFIGURATION, FACTS, followed, node, nix, NOW, shown } from "./facts.ts";

const FILE = CONFIGURATION.file;
const read = (change: Partial<ReadConfiguration> = {}): ConfigurationFacts => ({
  kind: "read",
  ...CONFIGURATION,
  ...change,
});

test("where all is well, everything that was looked at is listed, and nothing else", () => {
  const findings = judge(FACTS);
  expect(findings.filter(({ severity }) => severity !== "ok")).toEqual([]);
  expect(isWell(findings)).toBe(true);
  expect(reportLines(findings).at(-1)).toMatch(/^0 wrong, 0 warning, 0 note, \d+ ok$/);
});

test("without a configuration the daemon that was asked says whether it follows and publishes for Nix", () => {
  const configuration = { kind: "absent", file: FILE } as const;
  const alone = nix({ substituters: [] }, { proxies: [] });
  const about = (asked: Facts["node"]): string[] =>
    shown(judge({ ...FACTS, configuration, node: asked, nix: alone }))
      .filter((line) => /substituters:|post-build-hook:/.test(line))
      .map((line) => line.split("\n", 1)[0]!);
  const log = (Protocol: string) => ({ LogID: "a5".repeat(32), Protocol });
  expect(about(node({ Followed: [followed({ Log: log(NIX.id) })], Published: [{ Log: log(NIX.id) }] }))).toEqual([
    "wrong substituters: the proxy is not among them: Nix never asks what was decided",
    "warning post-build-hook: not set: what Nix builds here is not published by itself",
  ]);
  expect(about(node({ Followed: [followed({ Log: log(TEST.id) })] }))).toEqual([
    "ok substituters: this node follows nobody for Nix: no proxy is needed",
    "ok post-build-hook: not set, and this node publishes no Nix log",
  ]);
  expect(about(node({ Followed: [], Caches: [{ Name: "venus" }] }))[0]).toMatch(/^wrong substituters/);
  expect(about(AWAY)[0]).toMatch(/^note substituters: whether a proxy is needed cannot be told/);
});

test("a configuration: absent, refused, odd, without rules, with policies that cannot be met", () => {
  const policy = CONFIGURATION.policies[0]!;
  const good = `ok ${FILE}: it can be used: 0 logs are published, 1 followed, 0 binary caches vote`;
  const table: [facts: ConfigurationFacts, found: string[]][] = [
    [read(), [good, "ok policy for nix: nothing to complain of"]],
    [{ kind: "absent", file: FILE }, [`wrong ${FILE}: there is no configuration\n$ trustix init`]],
    [
      { kind: "broken", file: FILE, problems: `${FILE}: remote: no such key`, hint: "write remotes" },
      [`wrong ${FILE}: the daemon would refuse it: ${FILE}: remote: no such key`],
    ],
    [
      read({ warnings: ["remotes: empty"] }),
      [good, `warning ${FILE}: remotes: empty`, "ok policy for nix: nothing to complain of"],
    ],
    [read({ policies: [] }), [good, `wrong ${FILE}: it has no rules: nothing is ever decided`]],
    [
      read({
        policies: [
          {
            ...policy,
            findings: [
              { severity: "problem", code: "one_operator", text: "mars alone can meet the rule" },
              { severity: "warning", code: "no_majority", text: "two values can both meet the rule" },
            ],
          },
        ],
      }),
      [
        good,
        `wrong policy for nix: mars alone can meet the rule\n$ trustix policy check --config ${FILE}`,
        `warning policy for nix: two values can both meet the rule\n$ trustix policy check --config ${FILE}`,
      ],
    ],
    // A node that only publishes has nothing to decide.
    [
      read({ followed: [], published: CONFIGURATION.followed }),
      [
        `ok ${FILE}: it can be used: 1 log is published, none followed, 0 binary caches vote`,
        "note policy for nix: this node follows nobody: it has only its own word to decide by",
      ],
    ],
  ];
  for (const [facts, found] of table) expect(shown(judgeConfiguration(facts))).toEqual(found);
});

test("a state folder is its owner's alone", () => {
  const folder = "/var/lib/trustix";
  const table: [found: { mode: number; owner: number } | undefined, uid: number, said: string][] = [
    [{ mode: 0o700, owner: 0 }, 0, `ok state folder ${folder}: only user 0 may see into it`],
    [
      { mode: 0o755, owner: 0 },
      0,
      `warning state folder ${folder}: others may see what this node follows and decides (mode 755)\n$ chmod go= ${folder}`,
    ],
    [
      { mode: 0o777, owner: 0 },
      0,
      `wrong state folder ${folder}: others may write to it (mode 777)\n$ chmod go= ${folder}`,
    ],
    [{ mode: 0o700, owner: 5 }, 6, `note state folder ${folder}: it is user 5's, and cannot be looked into`],
    [undefined, 0, `note state folder ${folder}: it is not there: no daemon has kept anything in it yet`],
  ];
  for (const [found, uid, said] of table) {
    expect(shown(judgeState({ folder, found, nodeKey: undefined }, uid))).toEqual([said]);
  }
});

test("a daemon: away, or with other logs, another state or another version than these", () => {
  const { state } = FACTS;
  const start = `trustix daemon --config ${FILE} --state ${state.folder}`;
  const at = "the daemon at unix:///run/trustix.socket";
  const other = { ...CONFIGURATION.followed[0]!, id: "bb".repeat(32), name: "venus" };
  const table: [facts: Parameters<typeof judgeNode>[0], change: Partial<ReadConfiguration>, found: string[]][] = [
    [node(), {}, [`ok ${at}: version 0.1.0 answers, with the logs of ${FILE}`]],
    [AWAY, {}, [`wrong ${at}: it does not answer: no such socket\n$ ${start}`]],
    [
      node(),
      { followed: [other], published: [{ ...other, id: "cc".repeat(32), name: "mine" }] },
      [
        `wrong ${at}: it does not go by ${FILE} as it is now; it does not publish mine; it does not follow venus; it follows mars`,
      ],
    ],
    [
      node({ ConfigFile: "/tmp/other.toml" }),
      { caches: [{ ...other, name: "cache" }] },
      [`wrong ${at}: it does not go by ${FILE}, but by /tmp/other.toml; it does not ask cache`],
    ],
    [
      node(),
      { changedAt: NOW - 60_000 },
      [`warning ${at}: ${FILE} was changed since it read it; what changed beside write_tokens does not count yet`],
    ],
    // A node that does not say when it read its configuration.
    [
      node({ ConfigFile: "", ConfigRead: 0n }),
      { changedAt: NOW - 60_000 },
      [`ok ${at}: version 0.1.0 answers, with the logs of ${FILE}`],
    ],
    [
      node({ NodeKey: new Uint8Array(32) }),
      {},
      [`warning ${at}: its key is not the one in ${state.folder}: it keeps its state elsewhere`],
    ],
    [node({ Version: "0.0.9" }), {}, [`warning ${at}: it is version 0.0.9, and this command is version 0.1.0`]],
  ];
  for (const [facts, change, found] of table) expect(shown(judgeNode(facts, read(change), state))).toEqual(found);
});

test("private files: there, the right ones, and their owner's alone", () => {
  const path = "/etc/trustix/log.key";
  const what = "private key of log mine";
  const file = { kind: "file" as const, mode: 0o600, owner: 0, wrong: undefined };
  const table: [found: SecretFacts["found"], uid: number, said: string[]][] = [
    [file, 0, [`ok ${what}, ${path}: only user 0 may read it`]],
    [
      { ...file, mode: 0o644 },
      0,
      [`wrong ${what}, ${path}: others may read it or write to it (mode 644)\n$ chmod 600 ${path}`],
    ],
    [{ ...file, wrong: "it is another log's" }, 0, [`wrong ${what}, ${path}: it is another log's`]],
    [{ kind: "absent", needed: true }, 0, [`wrong ${what}, ${path}: it is not there`]],
    [{ kind: "absent", needed: false }, 0, []],
    [{ kind: "unreadable", why: "EACCES" }, 5, [`note ${what}, ${path}: it cannot be read: EACCES`]],
    [{ kind: "unreadable", why: "EIO" }, 0, [`wrong ${what}, ${path}: it cannot be read: EIO`]],
  ];
  for (const [found, uid, said] of table) expect(shown(judgeKeys([{ what, path, found }], uid))).toEqual(said);
});

test("a clock is compared with what others say, and one alone proves nothing", () => {
  // How many minutes each of the others is ahead of this machine.
  const asked = (...ahead: number[]): AskedFacts[] =>
    ahead.map((minutes, i) => answered(`http://${i}`, { date: NOW + minutes * 60_000 }));
  const own = "this machine's clock";
  const table: [asked: AskedFacts[], found: string[]][] = [
    [[], [`note ${own}: nobody who was asked told a time to compare it with`]],
    [[answered("http://0", { date: undefined })], [`note ${own}: nobody who was asked told a time to compare it with`]],
    [asked(0), [`ok ${own}: within a minute of the Date of http://0`]],
    [asked(0, 0.5, -0.5), [`ok ${own}: within a minute of the Date of 3 of 3 that were asked`]],
    [
      asked(10),
      [
        `warning ${own}: it is 10 min behind what others have: http://0 says so in its Date, and nobody else\n$ timedatectl set-ntp true`,
      ],
    ],
    [
      asked(10, 10, 10),
      [
        `wrong ${own}: it is 10 min behind what others have: most of 3 that were asked say so in their Date; beyond 5 min signed calls are refused\n$ timedatectl set-ntp true`,
      ],
    ],
    [
      asked(-3, -3),
      [
        `warning ${own}: it is 3 min ahead of what others have: most of 2 that were asked say so in their Date\n$ timedatectl set-ntp true`,
      ],
    ],
    [
      asked(0, 0, -120),
      [
        `ok ${own}: within a minute of the Date of 2 of 3 that were asked`,
        "note the clock of http://2: by its Date it is 2 h behind this machine's, unlike the others",
      ],
    ],
  ];
  for (const [facts, found] of table) expect(shown(judgeClocks(facts, node()))).toEqual(found);
});

test("a head that was confirmed in the future shows a clock that was set back", () => {
  const later = node({ Followed: [followed({ HeadSeenAt: BigInt(NOW + 7_200_000) })] });
  expect(shown(judgeClocks([answered("http://0")], later))[1]).toMatch(
    /^warning the head of mars: it was confirmed 2 h from now: the clock was set back since/,
  );
});

test("who was asked: answers, errors, silence, and addresses that are not asked", () => {
  const asked = (outcome: AskedFacts["outcome"]): AskedFacts => ({
    url: "http://a",
    roles: ["remote", "upstream"],
    outcome,
  });
  const answer = answered("http://a", {}, ["remote", "upstream"]);
  const table: [facts: AskedFacts, found: string][] = [
    [answer, "ok http://a (remote, upstream): it answers within 1 s"],
    [answered("http://a", { status: 404 }), "ok http://a (remote): it answers within 1 s"],
    [answered("http://a", { status: 503 }), "warning http://a (remote): it answers 503, an error of its own"],
    [
      answered("http://a", { status: 404, isCache: true }),
      "warning http://a (remote): it answers 404 for nix-cache-info: there is no binary cache",
    ],
    [
      asked({ kind: "failed", why: "nobody listens there" }),
      "warning http://a (remote, upstream): it cannot be reached: nobody listens there",
    ],
    [asked({ kind: "not asked", why: "--offline" }), "note http://a (remote, upstream): not asked: --offline"],
  ];
  for (const [facts, found] of table) expect(shown(judgeReachability([facts], AWAY))).toEqual([found]);
});

test("followed logs: served by nobody, refused, copied, behind, lying", () => {
  const URL = "http://mars.example";
  const served = { TreeSize: 5n };
  const copy = { Entries: 5n, Target: 5n, Served: served };
  const table: [change: Parameters<typeof followed>[0], found: string[]][] = [
    [{}, []],
    [
      { Remotes: [{ URL, State: RemoteStatus_States.UNREACHABLE, Why: "no" }] },
      ["warning mars: no remote that could serve it is reachable"],
    ],
    [
      { Remotes: [{ URL, State: RemoteStatus_States.REFUSED, Why: "forked" }] },
      [`wrong mars: what ${URL} says of it was refused: forked`],
    ],
    [
      { Against: "two heads differ", Mirror: { ...copy, Lie: true }, Remotes: [{ URL }, { URL }] },
      [
        "wrong mars: its own key signed the proof against it: two heads differ; nothing it says counts any more, whoever serves it",
      ],
    ],
    [{ Mirror: copy }, ["ok the copy of mars: 5 of 5 entries"]],
    [{ Mirror: {} }, []],
    [
      { Mirror: { Entries: 3n, Target: 5n } },
      ["note the copy of mars: 3 of 5 entries: until the first copy is complete it votes for nothing"],
    ],
    [
      { Mirror: { ...copy, Entries: 3n, Why: "an entry is missing" } },
      ["warning the copy of mars: it stands at 3 of 5 entries: an entry is missing"],
    ],
    [{ Mirror: { ...copy, Entries: 3n, BehindSince: BigInt(NOW - 60_000) } }, ["ok the copy of mars: 3 of 5 entries"]],
    [
      { Mirror: { ...copy, Entries: 3n, BehindSince: BigInt(NOW - 8 * 3_600_000) } },
      ["warning the copy of mars: 3 of 5 entries, behind its log since 8 h"],
    ],
    [
      { Mirror: { ...copy, Lie: true, Why: "root differs" } },
      ["wrong the copy of mars: its signed head does not fit its own entries: root differs"],
    ],
  ];
  for (const [change, found] of table) {
    expect(shown(judgeReachability([], node({ Followed: [followed(change)] })))).toEqual(found);
  }
});

test("builders whose word counts less are told with the reason, and what may be done", () => {
  const mars = { Name: "mars", LogID: "a5".repeat(32), Reasons: ["stands alone on 12 packages"] };
  const { GOOD, SUSPECT, EXCLUDED } = BuilderStatus_Standings;
  const excluded =
    "builder mars: it is excluded, and still counts among those who must agree: stands alone on 12 packages";
  const table: [standing: number, cause: number, found: string[]][] = [
    [GOOD, BuilderStatus_Causes.NONE, []],
    [
      SUSPECT,
      BuilderStatus_Causes.DISSENT,
      ["warning builder mars: it is suspect: stands alone on 12 packages\n$ trustix builders"],
    ],
    [
      EXCLUDED,
      BuilderStatus_Causes.DISSENT,
      [`warning ${excluded}\n$ trustix builders pardon a5a5a5a5 --reason 'REASON'`],
    ],
    [EXCLUDED, BuilderStatus_Causes.PROOF, [`warning ${excluded}`]],
    [EXCLUDED, BuilderStatus_Causes.USER, [`note ${excluded}`]],
  ];
  for (const [Standing, Cause, found] of table) {
    expect(shown(judgeReachability([], node({}, [{ ...mars, Standing, Cause }])))).toEqual(found);
  }
});

test("that nobody's dissent is judged any more is a warning if an exclusion made it so", () => {
  const [venus, mars] = ["b5", "a5"].map((byte) => ({ LogID: byte.repeat(32), Protocol: "a protocol", Needed: 2 }));
  const found = "dissent of a protocol builders: it is not judged, a builder that goes wrong is not named";
  const left = "each has 1 other to be compared with";
  const shownOf = (builders: Parameters<typeof node>[1]) => shown(judgeReachability([], node({}, builders)));
  expect(shownOf([{ ...venus, Others: 1, OthersExcluded: 1 }])).toEqual([
    `warning ${found}: ${left}, 1 excluded, and 2 that agree are needed`,
  ]);
  expect(shownOf([{ ...venus, Others: 1 }])).toEqual([`note ${found}: ${left}, and 2 that agree are needed`]);
  const two = [venus, mars].map((one) => ({ ...one, Others: 2 }));
  expect(shownOf(two)).toEqual([]);
});

test("a log that its own key convicted is told of once", () => {
  const id = "a5".repeat(32);
  const Followed = [followed({ Log: { LogID: id }, Against: "two heads differ" })];
  const proved = {
    LogID: id,
    Name: "mars",
    Standing: BuilderStatus_Standings.EXCLUDED,
    Cause: BuilderStatus_Causes.PROOF,
  };
  const found = shown(judgeReachability([], node({ Followed }, [proved])));
  expect(found.map((line) => line.split(":", 1)[0])).toEqual(["wrong mars"]);
  expect(judgeHeadAge(node({ Followed }), undefined)).toEqual([]);
});

test("the age of heads, against the policy's limit and against how often they are looked at", () => {
  const minutes = (count: number): bigint => BigInt(NOW - count * 60_000);
  const limited = (ms: number): Partial<ReadConfiguration> => ({
    policies: [{ ...CONFIGURATION.policies[0]!, maxHeadAgeMs: ms }],
  });
  const table: [change: Parameters<typeof followed>[0], configuration: Partial<ReadConfiguration>, found: string[]][] =
    [
      [{}, {}, ["ok the head of mars: confirmed 60 s ago"]],
      [{ Head: undefined, HeadSeenAt: 0n }, {}, ["warning the head of mars: none is held yet: it votes for nothing"]],
      [
        { HeadSeenAt: minutes(90) },
        {},
        ["warning the head of mars: confirmed 2 h ago, although it is looked at every 30 min"],
      ],
      [
        { HeadSeenAt: minutes(180) },
        limited(7_200_000),
        [
          "wrong the head of mars: confirmed 3 h ago, and max-head-age is 2 h: its votes are stale and count for nothing",
        ],
      ],
      [
        {},
        limited(600_000),
        [
          "wrong max-head-age for nix: heads are looked at every 30 min and count for 10 min only: honest voters lose their vote between two looks",
          "ok the head of mars: confirmed 60 s ago",
        ],
      ],
      [
        {},
        limited(2_400_000),
        [
          "warning max-head-age for nix: heads are looked at every 30 min and count for 40 min only: one look that fails costs a vote",
          "ok the head of mars: confirmed 60 s ago",
        ],
      ],
    ];
  for (const [change, configuration, found] of table) {
    const facts = node({ Followed: [followed(change)] });
    expect(shown(judgeHeadAge(facts, { ...CONFIGURATION, ...configuration }))).toEqual(found);
  }
});

test("a hook: missing where one is needed, and everything that would fail a build", () => {
  const ours = "/usr/local/bin/trustix-nix-hook";
  const path = "/opt/hook";
  const how = "run without DRV_PATH";
  const set = `\n${CONF} - post-build-hook = ${path}\n${CONF} + post-build-hook = ${ours}`;
  const unset = `\n${CONF} - post-build-hook =\n${CONF} + post-build-hook = ${ours}`;
  const table: [found: HookFacts["found"], publishes: boolean, said: string][] = [
    [undefined, false, "ok post-build-hook: not set, and this node publishes no Nix log"],
    [undefined, true, `warning post-build-hook: not set: what Nix builds here is not published by itself${unset}`],
    [{ kind: "ran", how, exit: 0, said: "" }, true, `ok post-build-hook: ${path} exits 0 (${how})`],
    [
      { kind: "ran", how, exit: 0, said: "" },
      false,
      `warning post-build-hook: ${path} notes what is built, and this node publishes no Nix log`,
    ],
    [
      { kind: "ran", how, exit: 7, said: "oops" },
      true,
      `wrong post-build-hook: ${path} exits 7 (${how}): every build fails; it said: oops${set}`,
    ],
    [
      { kind: "ran", how, exit: undefined, said: "" },
      true,
      `wrong post-build-hook: ${path} does not end (${how}): builds wait for it${set}`,
    ],
    [
      { kind: "absent", why: "there is no such file" },
      true,
      `wrong post-build-hook: ${path} cannot be run: there is no such file; every build fails${set}`,
    ],
    [
      { kind: "not executable" },
      true,
      `wrong post-build-hook: ${path} may not be run: every build fails\n$ chmod +x ${path}`,
    ],
    [
      { kind: "unsafe", why: `everybody may write to ${path}`, command: `chmod o-w ${path}` },
      true,
      `wrong post-build-hook: ${path} was not run: everybody may write to ${path}, and Nix runs it as whoever builds\n$ chmod o-w ${path}`,
    ],
    [
      { kind: "foreign" },
      true,
      `warning post-build-hook: ${path} is another program's, and was not run: builds are not noted`,
    ],
    [
      { kind: "foreign" },
      false,
      `ok post-build-hook: ${path} is another program's, and this node publishes no Nix log`,
    ],
  ];
  for (const [found, publishes, said] of table) {
    const set = found === undefined ? undefined : path;
    const told = nix({ "post-build-hook": set === undefined ? [] : [set] });
    expect(shown(judgeHook({ path: set, ours, found }, told, publishes))).toEqual([said]);
  }
});

test("a spool: empty, at work, waiting and why, unsafe, with builds that could not be used", () => {
  const folder = "/var/spool/trustix";
  const worker = { pid: 42, since: "2026-01-01" };
  const state = { kind: "folder" as const, owner: 0, mode: 0o700, waiting: 0, oldest: undefined, bad: 0, worker };
  const waiting = { ...state, waiting: 2, oldest: NOW - 600_000 };
  const table: [state: SpoolState, facts: typeof AWAY, found: string[]][] = [
    [{ kind: "absent" }, node(), [`ok ${folder}: not there: the hook has noted nothing yet`]],
    [{ kind: "unreadable", why: "EACCES" }, node(), [`note ${folder}: it cannot be looked into: EACCES`]],
    [state, node(), [`ok ${folder}: empty, and drained by process 42`]],
    [{ ...state, worker: undefined }, node(), [`ok ${folder}: empty`]],
    [
      { ...waiting, worker: undefined },
      node(),
      [`warning ${folder}: 2 builds wait and nobody drains it\n$ trustix-nix spool`],
    ],
    [
      { ...waiting, owner: 5, worker: undefined },
      node(),
      [`warning ${folder}: 2 builds wait and nobody drains it\n$ sudo -u '#5' trustix-nix spool`],
    ],
    [
      waiting,
      AWAY,
      [`warning ${folder}: 2 builds wait, the first for 10 min: the node does not answer (no such socket)`],
    ],
    [waiting, node(), [`warning ${folder}: 2 builds wait, the first for 10 min: the log of process 42 says why`]],
    [{ ...waiting, waiting: 1, oldest: NOW - 1000 }, node(), [`ok ${folder}: 1 build waits, and process 42 is at it`]],
    [
      { ...state, mode: 0o777, bad: 3 },
      node(),
      [
        `wrong ${folder}: others may write to it (mode 777): hook and worker refuse it\n$ chmod 0700 ${folder}`,
        `warning ${folder}: 3 builds could not be used\n$ cat ${folder}/bad/*.reason\n$ rm -r ${folder}/bad`,
        `ok ${folder}: empty, and drained by process 42`,
      ],
    ],
  ];
  for (const [spool, facts, found] of table) {
    const view = { now: NOW, uid: 0, publishes: true, node: facts };
    expect(shown(judgeSpools([{ folder, state: spool }], view))).toEqual(found);
  }
  const elsewhere = { now: NOW, uid: 0, publishes: false, node: node() };
  expect(judgeSpools([{ folder, state: { kind: "absent" } }], elsewhere)).toEqual([]);
});

test("a report has its groups in order, marks what is wrong, and shows lines and commands that mend it", () => {
  const facts = { ...FACTS, node: AWAY, nix: nix({ "require-sigs": ["false"] }) };
  const lines = reportLines(judge(facts));
  expect(lines).toContain("  WRONG    the daemon at unix:///run/trustix.socket: it does not answer: no such socket");
  expect(lines).toContain("           $ trustix daemon --config /etc/trustix/trustix.toml --state /var/lib/trustix");
  const at = lines.indexOf("other ways in");
  expect(lines.slice(at)).toEqual([
    "other ways in",
    "  WRONG    require-sigs: false: Nix takes what any cache serves, signed or not",
    `           in ${CONF}:`,
    "           - require-sigs = false",
    "           + require-sigs = true",
    "           (then restart the Nix daemon, if there is one)",
    expect.stringMatching(/^2 wrong, 0 warning, 0 note, \d+ ok$/),
  ]);
});
