/**
 * `trustix init`: asks nothing, makes keys, a token and a configuration that works as it is. Overwrites nothing: if one
 * of the files is there, none is written.
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
import type { Action } from "../command.ts";
import { defaultConfigFolder } from "../default-places.ts";
import { writeNewFiles } from "../new-files.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const standard = defaultConfigFolder(io);
  const folder = resolve(io.cwd, input.text("dir") ?? standard);
  const keys = keyPairOfSeed(nodeCrypto(), randomSeed());
  // Not "default": that is the name of the token that a daemon makes for itself.
  const token = { name: "writer", ...keyPairOfSeed(nodeCrypto(), randomSeed()) };
  const place = (name: string): string => join(folder, name);
  const config = configText(formatPublicKey(keys.publicKey), formatPublicToken(token));
  await writeNewFiles(input.io.cwd, [
    { path: place("log.key"), content: `${formatPrivateKey(keys)}\n`, mode: 0o600 },
    { path: place("log.pub"), content: `${formatPublicKey(keys.publicKey)}\n`, mode: 0o644 },
    { path: place("trustix.token"), content: `${formatPrivateToken(token)}\n`, mode: 0o600 },
    { path: place("trustix.toml"), content: config, mode: 0o644 },
  ]);
  const usual = folder === standard;
  // Beside the configuration, unless this is the place where the daemon looks anyway.
  if (!usual) await mkdir(place("state"), { mode: 0o700, recursive: true });
  const id = logIdOf(nodeCrypto(), { protocol: NIX, publicKey: keys.publicKey });
  if (input.on("json")) {
    io.out(JSON.stringify({ folder, logId: id, publicKey: formatPublicKey(keys.publicKey) }));
    return;
  }
  io.out(`made in ${folder}:`);
  io.out("  trustix.toml    configuration, with every step explained");
  io.out("  log.key         private key of your log: keep it secret and keep a copy");
  io.out("  log.pub         its public key, for those who follow you");
  io.out("  trustix.token   private token of those who may submit");
  io.out(`log id: ${id}`);
  io.out(`public key: ${formatPublicKey(keys.publicKey)}`);
  io.out("next:");
  if (usual) io.out("  trustix daemon");
  else {
    io.out(`  trustix daemon --config ${quoted(place("trustix.toml"))} --state ${quoted(place("state"))}`);
    io.out(`  export TRUSTIX_TOKEN=${quoted(place("trustix.token"))}`);
  }
  io.out("  trustix status");
};

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function configText(publicKey: string, token: string): string {
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

# How many must agree: 66 % of all configured logs, this one included, whether they answer or not.
# With several logs a number reads better: engine = "quorum", then [decider.nix.quorum] with threshold = 3.
[[decider.nix]]
engine = "percentage"
[decider.nix.percentage]
minimum = 66

# What the build hook publishes: globs on names; deny wins. Names in a log are public for ever.
[publish]
deny = []

[storage]
type = "native"
`;
}
