/** The commands of `trustix`: words only; actions load when they are run. */
import type { CommandGroup, CommandSpec } from "./command.ts";
import { CONNECTION_FLAGS, JSON_FLAG } from "./flags.ts";
import type { ProgramSpec } from "./program.ts";
import { VERSION } from "./version.ts";

const KEY = { words: "--key <hex>", description: "the key, in hex", required: true } as const;

const REASON = {
  words: "--reason <text>",
  description: "why: a sentence for whoever reads it later",
  required: true,
} as const;

const COMMANDS: readonly (CommandSpec | CommandGroup)[] = [
  {
    name: "daemon",
    summary: "run the node: publish, follow, answer",
    details:
      "Listens on the unix socket alone unless told otherwise; takes sockets from systemd (LISTEN_FDS) too.\n" +
      "SIGTERM and Ctrl-C end it within seconds; nothing accepted is lost. SIGHUP makes it read again whose calls it\n" +
      "believes (write_tokens, its own token, what `trustix token` changed), and nothing else. Its log goes to stderr: text\n" +
      "on a terminal, else JSON, a line each; TRUSTIX_LOG_LEVEL says from which level on.",
    flags: [
      { words: "--config <file>", description: "TOML or JSON (default: trustix.toml in the configuration folder)" },
      { words: "--state <folder>", description: "where logs and heads are kept (default: the user's state folder)" },
      { words: "--listen <url...>", description: "unix:///path or http://host:port; may be repeated" },
      { words: "--interval <seconds>", description: "time between two looks at followed logs (default: 1800)" },
    ],
    examples: [
      "trustix daemon --config trustix.toml --state ./state",
      "trustix daemon --listen unix:///run/trustix.socket --listen http://0.0.0.0:8080",
    ],
    load: () => import("./commands/daemon.ts"),
  },
  {
    name: "init",
    summary: "make keys, a token and a working configuration",
    details:
      "Asks nothing and overwrites nothing; prints what it made and what to do next.\n" +
      "--caches makes voters of well-known public binary caches, with addresses and keys from their own documentation:\n" +
      "nixos (mirrors: tuna, ustc, sjtug), nix-community, garnix, iog. A mirror has its cache's key: it is another place to\n" +
      "ask, and no further vote.",
    flags: [
      { words: "--dir <folder>", description: "where to put them (default: the user's configuration folder)" },
      { words: "--caches <names>", description: "binary caches that vote, separated by commas" },
      { words: "--threshold <number>", description: "how many of these must agree (default: more than half)" },
      JSON_FLAG,
    ],
    examples: ["trustix init --dir ./my-node", "trustix init --caches nixos,tuna,nix-community"],
    load: () => import("./commands/init.ts"),
  },
  {
    name: "generate-key",
    summary: "make a key pair for a log",
    details: "Two new files; the private one (mode 0600) holds base64 of seed and public key.",
    flags: [
      { words: "--privkey <file>", description: "new file for the private key", required: true },
      { words: "--pubkey <file>", description: "new file for the public key", required: true },
      { words: "--type <type>", description: "kind of key: ed25519 (default)" },
    ],
    examples: ["trustix generate-key --privkey log.key --pubkey log.pub"],
    load: () => import("./commands/generate-key.ts"),
  },
  {
    name: "generate-token",
    summary: "make a token that lets its holder submit",
    details: "A half without a file is printed.",
    flags: [
      { words: "--name <name>", description: "the token's name in the node's configuration", required: true },
      { words: "--privkey <file>", description: "new file for the private half; TRUSTIX_TOKEN names it later" },
      { words: "--pubkey <file>", description: "new file for the public half; goes into write_tokens" },
    ],
    examples: ["trustix generate-token --name builder1 --privkey builder1.token --pubkey builder1.token.pub"],
    load: () => import("./commands/generate-token.ts"),
  },
  {
    name: "token",
    summary: "show, add and revoke tokens of a running node",
    details:
      "With the node's own token (trustix.token in its state folder, or what it was started with), on its unix socket.\n" +
      "A change counts at once and after restarts; `revoke` also stops a token that write_tokens still has.",
    args: [
      ["<verb>", "list, add or revoke"],
      ["[token]", "add: the public half, or its file; revoke: the name"],
    ],
    flags: [JSON_FLAG],
    examples: [
      "trustix token list",
      "trustix generate-token --name builder2 --privkey builder2.token --pubkey builder2.pub && trustix token add builder2.pub",
      "trustix token revoke builder1",
    ],
    load: () => import("./commands/token.ts"),
  },
  {
    name: "print-log-id",
    summary: "print the id of a log",
    details: "Of a public key, or of every publisher in a configuration, one a line.",
    flags: [
      { words: "--config <file>", description: "print the ids of its publishers" },
      { words: "--signer <name>", description: "only the publishers of this signer" },
      { words: "--protocol <name>", description: "nix, test or an id" },
      { words: "--pubkey <key>", description: "base64, or a file that holds it" },
      { words: "--pubkey-type <type>", description: "kind of key: ed25519 (default)" },
      { words: "--mode <mode>", description: "kind of log: Log (default)" },
      JSON_FLAG,
    ],
    examples: ["trustix print-log-id --config trustix.toml", "trustix print-log-id --protocol nix --pubkey log.pub"],
    load: () => import("./commands/print-log-id.ts"),
  },
  {
    name: "submit",
    summary: "submit a key and its value to a log",
    details:
      "Prints OK once the item would survive power loss; it is in the log after the next flush. A key is written once:\n" +
      "another value than the first is refused (exit 3).",
    flags: [
      KEY,
      { words: "--value <hex>", description: "the value, in hex" },
      { words: "--value-file <file>", description: "the value as the bytes of a file, instead; - for stdin" },
    ],
    examples: [
      "trustix submit --key 6b6579 --value 76616c7565",
      "printf value | trustix submit --key 6b6579 --value-file -",
    ],
    load: () => import("./commands/submit.ts"),
  },
  {
    name: "flush",
    summary: "put everything submitted under a signed head",
    details: "The node does so by itself after a moment; this waits for it.",
    examples: ["trustix flush"],
    load: () => import("./commands/flush.ts"),
  },
  {
    name: "query",
    summary: "print the digest that a log has for a key",
    details:
      "Head, signature and proof are checked. A key that is proved to be absent is exit 1, a proof that fails exit 3.",
    flags: [KEY, JSON_FLAG],
    examples: [
      "trustix query --key 6b6579",
      "trustix query --address https://log.example.org --log-id 5fea3cb4 --key 6b6579",
    ],
    load: () => import("./commands/query.ts"),
  },
  {
    name: "get-value",
    summary: "print the bytes behind a digest",
    details: "The bytes are checked against the digest (exit 3 if they differ) and written as they are.",
    flags: [{ words: "--digest <hex>", description: "SHA-256 of the value, in hex", required: true }, JSON_FLAG],
    examples: ["trustix get-value --digest cd42404d52ad55ccfa9aca4adc828aa5800ad9d385a0671fbcbf724118320619"],
    load: () => import("./commands/get-value.ts"),
  },
  {
    name: "decide",
    summary: "ask all logs of a protocol and say what enough of them agree on",
    details: "Exit 3 if they do not agree enough; who said what stands on stderr and in --json.",
    flags: [
      { words: "--protocol <name>", description: "nix, test or an id", required: true },
      KEY,
      { words: "--receipt <file>", description: "write a receipt, which `trustix verify` checks" },
      JSON_FLAG,
    ],
    examples: ["trustix decide --protocol nix --key $(printf %s /nix/store/...-hello-2.12 | xxd -p -c 0)"],
    load: () => import("./commands/decide.ts"),
  },
  {
    name: "policy",
    summary: "say what a configuration's policies are worth",
    commands: [
      {
        name: "check",
        summary: "explain each policy in sentences, and say what is odd about it",
        details:
          "Reads the configuration only, and needs no node. Counts how few operators can decide together.\n" +
          "Exit 3 if a policy can never decide, or one operator can meet it alone; all else is a warning.\n" +
          "What the daemon would refuse, a threshold above all voters for example, is refused with exit 2.",
        flags: [
          { words: "--config <file>", description: "TOML or JSON (default: trustix.toml in the configuration folder)" },
          { words: "--protocol <name>", description: "nix, test or an id (default: every protocol with rules)" },
          JSON_FLAG,
        ],
        examples: ["trustix policy check --config trustix.toml"],
        load: () => import("./commands/policy-check.ts"),
      },
      {
        name: "simulate",
        summary: "say what a policy would decide of everything that the node knows to be claimed",
        details:
          "Compares the policy of --config with the one that the running node decides by; without --config says what is\n" +
          "decided and refused now. Nobody is asked: what is copied here counts, and of caches what they said so far.\n" +
          "The age of heads is left out. Exit 3 if a path is decided otherwise than now, or decided now and no longer then.",
        flags: [
          {
            words: "--config <file>",
            description: "a configuration whose policy is tried (default: none, the node's own is shown)",
          },
          { words: "--protocol <name>", description: "nix (default), test or an id" },
          { words: "--all", description: "print every path; what it comes to then stands on stderr, with --json last" },
          JSON_FLAG,
        ],
        examples: ["trustix policy simulate --config stricter.toml"],
        load: () => import("./commands/policy-simulate.ts"),
      },
    ],
  },
  {
    name: "why",
    summary: "say who claims what for a store path, since when, what shows it, and why it is decided so",
    details: "Exit 3 if nothing is decided.",
    args: [["[path]", "a store path, one below it, a link to it, its hash part; or another protocol's key"]],
    flags: [
      { words: "--protocol <name>", description: "nix (default), test or an id" },
      { words: "--receipt <file>", description: "write a receipt, which `trustix verify` checks" },
      JSON_FLAG,
    ],
    examples: ["trustix why /nix/store/jhljligxal6sqbs1rh1h7gpzas9xhxy9-rocket-1.0"],
    load: () => import("./commands/why.ts"),
  },
  {
    name: "audit",
    summary: "hold what is installed of a closure against what the voters say",
    details:
      "Every path of the closures is one of: agreed, dissent (installed is not what was decided, or\n" +
      "voters contradict it or each other), no claim, single source, undecided, own build, named by its\n" +
      "content. Decided as the node decides now. Exit 3 if there is anything that --fail-on names, so that\n" +
      "a script can refuse it; 1 if that is only what could not be judged without voters that are away.",
    args: [["[path...]", "store paths, or links to them such as ./result"]],
    flags: [
      { words: "--system", description: "what this machine runs and its user's profiles" },
      { words: "--store <url>", description: "another store of this machine, as `nix --store` takes it" },
      {
        words: "--fail-on <findings>",
        description: "comma-separated, or nothing (default: dissent,no-claim,single-source,undecided)",
      },
      { words: "--html <file>", description: "write a report for people, one file that needs nothing else" },
      { words: "--sarif <file>", description: "write SARIF 2.1.0, for code scanning services" },
      { words: "--all", description: "list every path, also those that are fine" },
      JSON_FLAG,
    ],
    examples: [
      "trustix audit ./result",
      "trustix audit --system --html audit.html",
      "trustix audit ./result --fail-on dissent --sarif audit.sarif",
    ],
    load: () => import("./commands/audit.ts"),
  },
  {
    name: "verify",
    summary: "check a receipt offline: replay the decision from your own keys and policy",
    details:
      "Nothing is taken from the receipt but what it shows: keys of nodes and voters and the policy come from --keys, or\n" +
      "from the local configuration and the key of the local node. What only the node asserts is printed as asserted.\n" +
      "Exit 3 when it does not hold, with the reason.",
    args: [["[file]", "the receipt"]],
    flags: [
      { words: "--keys <file>", description: "keys and policies, as `trustix keys` prints them" },
      { words: "--config <file>", description: "the local configuration (default: trustix.toml in its folder)" },
      { words: "--state <folder>", description: "the local node's state, for its key (default: the user's)" },
      { words: "--node-key <key>", description: "base64 of the node's key, instead of the local node's" },
      JSON_FLAG,
    ],
    examples: ["trustix verify rocket.receipt --keys builder-farm.keys", "trustix verify rocket.receipt"],
    load: () => import("./commands/verify.ts"),
  },
  {
    name: "keys",
    summary: "print what somebody else needs to check this node's receipts",
    details:
      "The node's key, the voters' keys and the policies of the configuration: nothing secret. Whoever gets the file must\n" +
      "get it by a way they trust. Asks the running node for its key unless told where it is. The file is one JSON\n" +
      "document, with --json or without.",
    flags: [
      { words: "--config <file>", description: "the node's configuration (default: trustix.toml in its folder)" },
      { words: "--state <folder>", description: "read the key from this state folder instead of asking the node" },
      { words: "--node-key <key>", description: "base64 of the key" },
      JSON_FLAG,
    ],
    examples: ["trustix keys > my-node.keys"],
    load: () => import("./commands/keys.ts"),
  },
  {
    name: "evidence",
    summary: "show, check and hand on proof that a log or a cache lied",
    commands: [
      {
        name: "list",
        summary: "list the proofs that the node keeps",
        details: "By accused key: id, when it was kept, whom it accuses, what they signed. They are kept for good.",
        flags: [JSON_FLAG],
        examples: ["trustix evidence list"],
        load: () => import("./commands/evidence-list.ts"),
      },
      {
        name: "show",
        summary: "show one proof part by part, and check it",
        details: "Exit 3 when it convicts nobody.",
        args: [["<id-or-file>", "an id or its first 8 digits; else a file (./FILE for one that is named like an id)"]],
        flags: [JSON_FLAG],
        examples: ["trustix evidence show 3f9a0c2e", "trustix evidence show saturn.evidence.json"],
        load: () => import("./commands/evidence-show.ts"),
      },
      {
        name: "export",
        summary: "write the file of one proof, to hand it on",
        details:
          "A new file that everybody may read, or stdout. It holds what the accused signed and nothing of this node; its\n" +
          "SHA-256 is its id. Whoever gets it needs the accused key and `trustix evidence verify`.",
        args: [
          ["<id>", "an id or its first 8 digits"],
          ["[file]", "new file (default: stdout)"],
        ],
        examples: ["trustix evidence export 3f9a0c2e saturn.evidence.json"],
        load: () => import("./commands/evidence-export.ts"),
      },
      {
        name: "verify",
        summary: "check whether a file convicts a key",
        details:
          "Offline: needs the file, the key, and neither node nor configuration. The key comes from you, never from the\n" +
          "file. Exit 3 when it does not convict.",
        args: [["<file>", "evidence, as `export` writes it"]],
        flags: [
          {
            words: "--public-key <key>",
            description: "the accused: a log's key in base64, or a cache's as name:base64 (the name does not matter)",
            required: true,
          },
          JSON_FLAG,
        ],
        examples: [
          "trustix evidence verify saturn.evidence.json --public-key hq/ktSEjujX4N/K6iRLqNAvSzjEshiYiSxueRFhJnT0=",
        ],
        load: () => import("./commands/evidence-verify.ts"),
      },
      {
        name: "import",
        summary: "give the node proof that somebody else found",
        details:
          "The node believes nothing that a file does not prove, and keeps proofs against the keys of its configuration\n" +
          "only. A log that is convicted has no say from then on. Exit 3 when a file convicts nobody; then none is sent.",
        args: [["<file...>", "evidence, as `export` writes it"]],
        flags: [JSON_FLAG],
        examples: ["trustix evidence import saturn.evidence.json"],
        load: () => import("./commands/evidence-import.ts"),
      },
    ],
  },
  {
    name: "status",
    summary: "show what is wrong, then logs, sizes, age of heads, reachability, what waits",
    details:
      "Exit 1 when something is WRONG: a log signs nothing, the key of a followed one signed proof against itself, what a\n" +
      "remote says of one was refused, or no remote has it. What is WAITING mends itself: a remote or a cache that is down\n" +
      "comes back, a copy that is held up is tried again. That is told and is no failure (`mendsItself` in the JSON).",
    flags: [JSON_FLAG],
    examples: ["trustix status", "trustix status --json"],
    load: () => import("./commands/status.ts"),
  },
  {
    name: "doctor",
    summary: "look at everything that has to fit together; say what does not, and what mends it",
    details:
      "Configuration, keys, clocks, who can be reached, ages of heads, what Nix is told, the build hook and its spool, and\n" +
      "other ways through which Nix would accept what the vote refuses. Changes nothing. Nobody is asked more than once.\n" +
      "Exit 1 if something is wrong; warnings and notes leave the exit code alone.",
    flags: [
      { words: "--config <file>", description: "the node's configuration (default: trustix.toml in its folder)" },
      { words: "--state <folder>", description: "the node's state folder (default: the user's)" },
      { words: "--proxy <url>", description: "the binary cache proxy (default: http://127.0.0.1:8080)" },
      { words: "--offline", description: "ask nobody outside this machine" },
      JSON_FLAG,
    ],
    examples: ["trustix doctor", "trustix doctor --offline --json"],
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "mirror",
    summary: "show how far the copies of followed logs are, and wait for them",
    details:
      'A log with syncmode = "full" is copied by the daemon, whether anybody waits or not; --log-id names one. With --wait\n' +
      "every copy serves the head that is held. Exit 1 when a copy is held up (with --wait: and nothing came for a while),\n" +
      "3 when a log's signed head is not what its own entries make.",
    flags: [
      { words: "--wait", description: "return when all copies are whole" },
      { words: "--patience <seconds>", description: "with --wait: how long a copy may be held up (default: 30)" },
      JSON_FLAG,
    ],
    examples: ["trustix mirror", "trustix mirror --wait && trustix decide --protocol test --key 6b6579"],
    load: () => import("./commands/mirror.ts"),
  },
  {
    name: "builders",
    summary: "show how far each voter is trusted and why, and have your say",
    unnamed: "list",
    commands: [
      {
        name: "list",
        summary: "list the voters with their standing, their figures and what weighs against them",
        details:
          "compared: paths on which enough others claim something; agreed: of those; alone: all others agree on something\n" +
          "else, which counts against the builder when it is repeated. split and scattered count against the package. second:\n" +
          "another answer than before for a path. An excluded voter says nothing any more, and is still counted in N.",
        flags: [JSON_FLAG],
        examples: ["trustix builders", "trustix builders --json"],
        load: () => import("./commands/builders-list.ts"),
      },
      {
        name: "pardon",
        summary: "let a voter count again",
        details:
          "What is known against it until now does not count any more: proofs, dissents, and claims first seen before. What\n" +
          "comes later does. The reason is kept. Needs the node's own token, or one of those that may write.",
        args: [["<voter>", "its name, or its id or the first 8 digits"]],
        flags: [REASON],
        examples: ['trustix builders pardon saturn --reason "their compiler was replaced, we compared by hand"'],
        load: () => import("./commands/builders-pardon.ts"),
      },
      {
        name: "exclude",
        summary: "let a voter count for nothing, until it is pardoned",
        details:
          "It is still counted in N: excluding somebody never makes it easier to agree. The reason is kept. Needs the node's\n" +
          "own token, or one of those that may write.",
        args: [["<voter>", "its name, or its id or the first 8 digits"]],
        flags: [REASON],
        examples: ['trustix builders exclude saturn --reason "their signing key was stolen"'],
        load: () => import("./commands/builders-exclude.ts"),
      },
      {
        name: "log",
        summary: "list what was said of voters with pardon and exclude, and why",
        flags: [JSON_FLAG],
        examples: ["trustix builders log"],
        load: () => import("./commands/builders-log.ts"),
      },
    ],
  },
  {
    name: "logs",
    summary: "list the logs that the node knows",
    details:
      "Id, whether it is published here, protocol, public key, its name in the configuration, and its meta fields.",
    flags: [{ words: "--protocol <name...>", description: "only these protocols" }, JSON_FLAG],
    examples: ["trustix logs --protocol nix"],
    load: () => import("./commands/logs.ts"),
  },
  {
    name: "refused",
    summary: "list second values that the write rule turned away",
    details:
      "A key is written once. A second value for it means that a build did not reproduce. In the order of the keys'\n" +
      "hashes: all second values of a key are together.",
    flags: [JSON_FLAG],
    examples: ["trustix refused --log-id 5fea3cb4"],
    load: () => import("./commands/refused.ts"),
  },
  {
    name: "fsck",
    summary: "check a state folder: recompute every root and record from the stored entries",
    details:
      "The daemon must not run on it. Exit 3 if anything stored contradicts anything else. With --config, head markers\n" +
      "are compared as well, and signatures of followed logs checked.",
    flags: [
      { words: "--state <folder>", description: "the state folder (default: the user's)" },
      { words: "--config <file>", description: "the daemon's configuration (default: none)" },
      JSON_FLAG,
    ],
    examples: ["trustix fsck --state ./state"],
    load: () => import("./commands/fsck.ts"),
  },
  {
    name: "recover",
    summary: "fetch the entries that a state folder put back from a backup has lost",
    details:
      "The daemon must not run on it. Entries are appended under the head that the log's key signed over them, all or\n" +
      "none; followers see one history. Asks the configured remotes unless told whom. Exit 3 if what came is not to be\n" +
      "trusted or the log would still sign nothing.",
    flags: [
      { words: "--config <file>", description: "the daemon's (default: trustix.toml in the configuration folder)" },
      { words: "--state <folder>", description: "the state folder that is behind (default: the user's)" },
      { words: "--from <url>", description: "a node that serves the log, instead of the configured remotes" },
      { words: "--from-state <folder>", description: "a newer copy of the state folder, instead of any node" },
      JSON_FLAG,
    ],
    examples: [
      "trustix recover --config trustix.toml --state ./state",
      "trustix recover --state ./state --from-state ./newer-state",
    ],
    load: () => import("./commands/recover.ts"),
  },
];

export const TRUSTIX: ProgramSpec = {
  name: "trustix",
  summary:
    "Install only what independent builders agree on.\n\n" +
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused (not to be trusted, or against the write rule).",
  version: VERSION,
  flags: CONNECTION_FLAGS,
  commands: COMMANDS,
  examples: ["trustix init && trustix daemon", "trustix status"],
};
