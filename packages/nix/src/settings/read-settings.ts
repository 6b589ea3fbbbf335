/**
 * The effective settings of this user's Nix: from the files by hand, which tells the lines, and from Nix itself if it is
 * there, whose word counts. Asking it opens no store (`dummy://`): otherwise Nix run by root would make a `/nix`.
 */
import { execFile } from "node:child_process";
import { open, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { foldSettings, withWords, wordsOfJson, type NixSettings } from "./fold-settings.ts";
import { parseNixConf, type Origin, type Statement } from "./nix-conf.ts";

export interface ReadSettings {
  readonly settings: NixSettings;
  /** Where a line belongs that is to hold for everybody: `nix.conf` in NIX_CONF_DIR or /etc/nix. */
  readonly mainFile: string;
  /** Where that really lies; a store path where a system generates it. */
  readonly mainFileIs: string;
  /** The version of the Nix that was asked; `undefined`: none, and why. */
  readonly program: { readonly version: string } | { readonly version: undefined; readonly why: string };
  /** Lines that Nix refuses, and files that it cannot do without. */
  readonly illegal: readonly { readonly from: Origin; readonly why: string }[];
}

export interface ReadSettingsOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** A path or a name on the PATH. */
  readonly program?: string;
}

const MAX_FILE = 1 << 20;
const MAX_FILES = 64;
const MAX_DEPTH = 10;
const PROGRAM_MS = 10_000;
const MAX_OUTPUT = 8 << 20;

/** Rejects only when `signal` is aborted. */
export async function readNixSettings(options: ReadSettingsOptions): Promise<ReadSettings> {
  const { env, signal } = options;
  const reader = new ConfReader();
  const mainFile = join(env["NIX_CONF_DIR"] || "/etc/nix", "nix.conf");
  await reader.file(mainFile, 0);
  for (const file of userFiles(env).reverse()) await reader.file(file, 0);
  if (env["NIX_CONFIG"]) await reader.text(env["NIX_CONFIG"], "NIX_CONFIG", "/", 0);
  const byHand = foldSettings(reader.statements);
  const settings = withPlaces(byHand, env, dirname(mainFile));
  const mainFileIs = await realpath(mainFile).catch(() => mainFile);
  const { told, program } = await askNix(options.program ?? "nix", env, signal);
  return { settings: withWords(settings, told), mainFile, mainFileIs, program, illegal: reader.illegal };
}

/** Defaults that come from the environment. */
function withPlaces(settings: NixSettings, env: ReadSettingsOptions["env"], folder: string): NixSettings {
  const { store, builders } = settings;
  return {
    ...settings,
    ...(store.from.length === 0 && env["NIX_REMOTE"] && { store: { words: [env["NIX_REMOTE"]], from: [] } }),
    ...(builders.from.length === 0 && { builders: { words: [`@${join(folder, "machines")}`], from: [] } }),
  };
}

/** The last one is read first, so that an earlier one has the last word. */
function userFiles(env: ReadSettingsOptions["env"]): string[] {
  const named = env["NIX_USER_CONF_FILES"];
  if (named !== undefined) return named.split(":").filter((path) => path !== "");
  const own = env["XDG_CONFIG_HOME"] || join(env["HOME"] || "/", ".config");
  const shared = (env["XDG_CONFIG_DIRS"] || "/etc/xdg").split(":").filter((path) => path !== "");
  return [own, ...shared].map((folder) => join(folder, "nix", "nix.conf"));
}

class ConfReader {
  readonly statements: Statement[] = [];
  readonly illegal: { from: Origin; why: string }[] = [];
  #files = 0;

  /** A file that is not there says nothing, unless a line demands it. */
  async file(path: string, depth: number, needed?: Origin): Promise<void> {
    const read = await readText(path);
    if ("why" in read) {
      if (needed !== undefined) this.illegal.push({ from: needed, why: `${path}: ${read.why}` });
      return;
    }
    await this.text(read.text, path, dirname(path), depth);
  }

  async text(text: string, name: string, folder: string, depth: number): Promise<void> {
    if (++this.#files > MAX_FILES) return;
    for (const statement of parseNixConf(text, name)) {
      const { kind, from } = statement;
      if (kind === "setting") this.statements.push(statement);
      else if (kind === "illegal") this.illegal.push({ from, why: "it is neither a setting nor an include" });
      else if (depth === MAX_DEPTH) this.illegal.push({ from, why: `includes go deeper than ${MAX_DEPTH} files` });
      else await this.file(resolve(folder, statement.path), depth + 1, statement.optional ? undefined : from);
    }
  }
}

async function readText(path: string): Promise<{ text: string } | { why: string }> {
  try {
    const file = await open(path, "r");
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return { why: "it is no regular file" };
      if (stat.size > MAX_FILE) return { why: `${stat.size} bytes, at most ${MAX_FILE} are read` };
      return { text: await file.readFile("utf8") };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { why: (error as Error).message };
  }
}

type Asked = Pick<ReadSettings, "program"> & { told: ReturnType<typeof wordsOfJson> };

async function askNix(program: string, env: ReadSettingsOptions["env"], signal: AbortSignal): Promise<Asked> {
  const nothing = new Map();
  const version = await runNix(program, ["--version"], env, signal);
  if ("why" in version) return { told: nothing, program: { version: undefined, why: version.why } };
  const common = ["--extra-experimental-features", "nix-command", "--store", "dummy://"];
  let why = "";
  // The first word is since Nix 2.20; before, only the second.
  for (const words of [["config", "show"], ["show-config"]]) {
    const shown = await runNix(program, [...common, ...words, "--json"], env, signal);
    const told = "why" in shown ? nothing : wordsOfJson(shown.text);
    if (told.size > 0) return { told, program: { version: version.text.trim() } };
    why = "why" in shown ? shown.why : "it prints something else than settings";
  }
  return { told: nothing, program: { version: undefined, why } };
}

function runNix(
  program: string,
  args: readonly string[],
  env: ReadSettingsOptions["env"],
  signal: AbortSignal,
): Promise<{ text: string } | { why: string }> {
  const options = { env: { ...env }, signal, timeout: PROGRAM_MS, maxBuffer: MAX_OUTPUT, encoding: "utf8" as const };
  return new Promise((done, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      if (signal.aborted) reject(signal.reason as Error);
      else if (error === null) done({ text: stdout });
      else if (error.code === "ENOENT") done({ why: `there is no ${program} on the PATH` });
      else if (error.killed === true) done({ why: `${program} did not end within ${PROGRAM_MS / 1000} s` });
      else done({ why: stderr.trim().split("\n").at(-1) || error.message });
    });
  });
}
