/** The commands of `trustix-nix`: words only; actions load when they are run. */
import type { CommandSpec } from "./command.ts";
import { CONNECTION_FLAGS, JSON_FLAG } from "./flags.ts";
import type { ProgramSpec } from "./program.ts";
import { VERSION } from "./version.ts";

const CONFIG = {
  words: "--config <file>",
  description: "the node's configuration (default: trustix.toml in the configuration folder, if it is there)",
} as const;

const COMMANDS: readonly CommandSpec[] = [
  {
    name: "post-build-hook",
    summary: "note what Nix just built; for nix.conf",
    details:
      "Reads DRV_PATH and OUT_PATHS, writes one file into the spool and exits 0, whatever happens: it never blocks or\n" +
      "fails a build. `trustix-nix spool`, or the daemon, submits what is there.",
    examples: ["echo 'post-build-hook = /usr/local/bin/trustix-nix-hook' >> /etc/nix/nix.conf"],
    load: () => import("./commands/post-build-hook.ts"),
  },
  {
    name: "spool",
    summary: "submit what the hook noted, and go on doing so",
    details:
      "One worker a spool, run as the spool's owner: while another drains it, this one waits (with --once it is refused).\n" +
      "TRUSTIX_SPOOL names another folder.",
    flags: [{ words: "--once", description: "submit what waits now, then exit" }, CONFIG],
    examples: ["trustix-nix spool", "trustix-nix spool --once"],
    load: () => import("./commands/spool.ts"),
  },
  {
    name: "submit-closure",
    summary: "submit store paths and all they refer to",
    details: "Only what this machine built itself is submitted; the rest is named.",
    args: [["<path...>", "store paths"]],
    flags: [
      { words: "--all", description: "also what others built: for tests, it claims what was not seen" },
      CONFIG,
      JSON_FLAG,
    ],
    examples: ["trustix-nix submit-closure /run/current-system"],
    load: () => import("./commands/submit-closure.ts"),
  },
  {
    name: "binary-cache-proxy",
    summary: "serve a binary cache that has only what enough logs agree on",
    details:
      "Signs what was decided with a key of your own, for your own machine's Nix. What is undecided is 404, so that Nix\n" +
      "asks its next cache; /explain/HASH shows why in a browser, and the log has a line. Under `observe` and `warn` what a\n" +
      "key of its upstream signed is served all the same. Receipts of what was served are kept in the state folder.",
    flags: [
      {
        words: "--privkey <file>",
        description: "the signing key, as `nix-store --generate-binary-cache-key` makes it",
        required: true,
      },
      { words: "--listen <address>", description: "host:port or http://host:port (default: 127.0.0.1:8080)" },
      CONFIG,
    ],
    examples: ["trustix-nix binary-cache-proxy --privkey cache.key --listen 127.0.0.1:8080"],
    load: () => import("./commands/binary-cache-proxy.ts"),
  },
];

export const TRUSTIX_NIX: ProgramSpec = {
  name: "trustix-nix",
  summary: "Trustix for Nix: the build hook, its spool, and the binary cache proxy.",
  version: VERSION,
  flags: CONNECTION_FLAGS,
  commands: COMMANDS,
  examples: ["trustix-nix submit-closure $(nix-build -A hello)"],
};
