/**
 * `trustix init`: asks nothing, makes keys, a token and a configuration that works as it is. Overwrites nothing: if one
 * of the files is there, none is written. `--caches` makes voters of binary caches, for people who follow nobody yet.
 */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import {
  formatPrivateKey,
  formatPrivateToken,
  formatPublicKey,
  formatPublicToken,
  keyPairOfSeed,
  logIdOf,
  NIX,
} from "@trustix/protocol";
import { chooseCaches, type ChosenCaches } from "../choose-caches.ts";
import { usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { defaultConfigFolder } from "../default-places.ts";
import { writeNewFiles } from "../new-files.ts";
import { quoted } from "../words.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const caches = cachesOf(input);
  const standard = defaultConfigFolder(io);
  const folder = resolve(io.cwd, input.text("dir") ?? standard);
  const keys = keyPairOfSeed(nodeCrypto(), randomSeed());
  // Not "default": that is the name of the token that a daemon makes for itself.
  const token = { name: "writer", ...keyPairOfSeed(nodeCrypto(), randomSeed()) };
  const place = (name: string): string => join(folder, name);
  const config = configText(formatPublicKey(keys.publicKey), formatPublicToken(token), caches);
  await writeNewFiles(input.io.cwd, [
    { path: place("log.key"), content: `${formatPrivateKey(keys)}\n`, mode: 0o600, isKey: true },
    { path: place("log.pub"), content: `${formatPublicKey(keys.publicKey)}\n`, mode: 0o644, isKey: true },
    { path: place("trustix.token"), content: `${formatPrivateToken(token)}\n`, mode: 0o600 },
    { path: place("trustix.toml"), content: config, mode: 0o644 },
  ]);
  const usual = folder === standard;
  // Beside the configuration, unless this is the place where the daemon looks anyway.
  if (!usual) await mkdir(place("state"), { mode: 0o700, recursive: true });
  const id = logIdOf(nodeCrypto(), { protocol: NIX, publicKey: keys.publicKey });
  if (input.on("json")) {
    const voters = caches === undefined ? {} : { voters: caches.voters, threshold: caches.threshold };
    io.out(JSON.stringify({ folder, logId: id, publicKey: formatPublicKey(keys.publicKey), ...voters }));
    return;
  }
  io.out(`made in ${folder}:`);
  io.out("  trustix.toml    configuration, with every step explained");
  io.out("  log.key         private key of your log: keep it secret and keep a copy");
  io.out("  log.pub         its public key, for those who follow you");
  io.out("  trustix.token   private token of those who may submit");
  io.out(`log id: ${id}`);
  io.out(`public key: ${formatPublicKey(keys.publicKey)}`);
  for (const line of caches === undefined ? [] : votersLines(caches)) io.out(line);
  io.out("next:");
  if (usual) io.out("  trustix daemon");
  else {
    io.out(`  trustix daemon --config ${quoted(place("trustix.toml"))} --state ${quoted(place("state"))}`);
    io.out(`  export TRUSTIX_TOKEN=${quoted(place("trustix.token"))}`);
  }
  io.out("  trustix status");
};

function cachesOf(input: CommandInput): ChosenCaches | undefined {
  const names = input.text("caches");
  const threshold = input.number("threshold");
  if (names !== undefined) return chooseCaches(names, threshold);
  if (threshold !== undefined)
    throw usageError("--threshold: it says how many of --caches must agree, and there is no --caches");
  return undefined;
}

/** What the choice is worth, said before anybody relies on it. */
function votersLines({ voters, threshold }: ChosenCaches): string[] {
  const names = voters.map(({ name }) => name).join(", ");
  if (voters.length === 1)
    return [`votes: ${names} alone decides; for a second opinion, name another cache or follow a log`];
  const agreed = `a path is installed when ${threshold} of ${voters.length} agree on it (${names})`;
  if (threshold === 1) return [`votes: ${agreed}: any one of them decides alone`];
  return [`votes: ${agreed}; what fewer of them have is built here`];
}

function configText(publicKey: string, token: string, caches: ChosenCaches | undefined): string {
  return `# Trustix: what this node publishes, whom it follows, and how many of them must agree.
# After a change, restart the daemon; for write_tokens alone, SIGHUP is enough.

# Nodes that are asked for the logs followed below: http://, https:// or unix:// URLs.
remotes = []

# Who may submit and flush: the public half of trustix.token. \`trustix token\` adds and revokes others.
write_tokens = ["${token}"]

# The log of this machine's builds. Its id comes from the key, so keep a copy of log.key:
# with another key it is another log, and those who follow it have to be told.
[[publishers]]
name = "mine"
protocol = "nix"
signer = "mine"
publicKey = { type = "ed25519", key = "${publicKey}" }
# The binary cache that serves these builds, if there is one:
# meta = { upstream = "https://cache.example.org" }

[signers.mine]
type = "ed25519"
[signers.mine.ed25519]
private-key-path = "log.key"

# Follow others. Ask them for their public key: whoever gives you another one gives you another log.
# [[subscribers]]
# name = "saturn"
# protocol = "nix"
# publicKey = { type = "ed25519", key = "..." }
# syncmode = "full"  # The default: the whole log is copied and every entry checked. Decisions then ask nobody, and work
#                    # offline. "light" keeps the log's head only: little to store, and the log sees each path you ask for.

${caches === undefined ? SHARE_OF_ALL : cacheRules(caches)}
# What the build hook publishes: globs on names; deny wins. Names in a log are public for ever.
[publish]
deny = []

[storage]
type = "native"
`;
}

const SHARE_OF_ALL = `# How many must agree: 66 % of all configured logs, this one included, whether they answer or not.
# With several logs a number reads better: engine = "quorum", then [decider.nix.quorum] with threshold = 3.
[[decider.nix]]
engine = "percentage"
[decider.nix.percentage]
minimum = 66
`;

function cacheRules({ voters, threshold }: ChosenCaches): string {
  const tables = voters.map(({ name, urls: [url, ...mirrors], publicKey, sources }) => {
    const more = mirrors.length === 0 ? "" : `mirrors = [${mirrors.map((mirror) => `"${mirror}"`).join(", ")}]\n`;
    return `# As said by
${sources.map((source) => `#   ${source}`).join("\n")}
[[voters]]
kind = "binary-cache"
name = "${name}"
url = "${url}"
${more}public-keys = ["${publicKey}"]
`;
  });
  return `# Binary caches that vote: what a key signed is its claim. Agreement of caches is agreement of keys, and a cache may have
# copied from another. Mirrors of one key are one voter.
${tables.join("\n")}
# How many of them must agree. Add the names of logs that you follow to the voters.
[[decider.nix]]
engine = "quorum"
[decider.nix.quorum]
threshold = ${threshold}
voters = [${voters.map(({ name }) => `"${name}"`).join(", ")}]

# To look on at first: mode = "observe" installs what a cache signed, and only records the votes.
[policy.nix]
mode = "enforce"
`;
}
