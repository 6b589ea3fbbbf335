/**
 * Reads a configuration: text, schema, names, keys. Either a `Config` that the daemon can start with, or one
 * `bad_config` error that lists everything wrong with the file.
 */
import { open, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Crypto } from "@trustix/crypto";
import type { Sandbox } from "@trustix/decider";
import { parsePublicToken, type PublicToken } from "@trustix/protocol";
import { listenerOf, parseRemote, parseUpstream } from "./addresses.ts";
import type { Config } from "./config.ts";
import { newFindings, type Findings } from "./findings.ts";
import type { Limits } from "./limits.ts";
import { configError, shownValue } from "./problems.ts";
import { readConfigText, type Files } from "./read-text.ts";
import { resolveDeciders } from "./resolve-deciders.ts";
import { resolveCa, resolvePublishers, type KeySource } from "./resolve-keys.ts";
import { resolveLogs } from "./resolve-logs.ts";
import type { ConfigFile } from "./schema.ts";
import { validate } from "./validate.ts";

export interface LoadOptions {
  readonly crypto: Crypto;
  readonly files?: Files;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** `false`: private keys are not read, and a publisher's `keys` is undefined. */
  readonly keys?: boolean;
  /** Checks the functions of `javascript` deciders; made only if there is one. */
  readonly sandbox?: () => Promise<Sandbox>;
}

/** Throws `NodeError` `bad_config`. */
export async function loadConfig(path: string, options: LoadOptions): Promise<Config> {
  const { crypto, env = process.env, cwd = process.cwd(), keys = true } = options;
  const files = filesIn(cwd, options.files ?? nodeFiles);
  const result = validate(await readConfigText(files, path));
  if ("problems" in result) throw configError(path, result.problems);
  const { file } = result;
  const findings = newFindings();
  if (file.deciders !== undefined) {
    findings.warn(["deciders"], 'ignored; rules are read from [[decider."PROTOCOL"]] only');
  }
  const logs = resolveLogs(crypto, file, findings);
  const source: KeySource = { crypto, files, path, cwd, keys };
  const publishers = await resolvePublishers(source, file, logs.publishers, findings);
  const usesFunctions = Object.values(file.decider).some((rules) => rules.some((rule) => rule.engine === "javascript"));
  const sandbox = usesFunctions ? await options.sandbox?.() : undefined;
  const config: Config = {
    path,
    warnings: findings.warnings,
    storage: file.storage.type,
    publishers,
    subscribers: logs.subscribers,
    remotes: resolveRemotes(file, findings),
    writeTokens: resolveTokens(file, findings),
    deciders: resolveDeciders(file, [...logs.publishers, ...logs.subscribers], sandbox, findings),
    upstreams: resolveUpstreams(file, findings),
    publish: { allow: file.publish.allow, deny: file.publish.deny },
    listeners: resolveListeners(file, findings),
    socketOwners: await resolveOwners(file, files, findings),
    pollIntervalMs: file["poll-interval"] * 1000,
    decisionBudgetMs: file["decision-budget"] * 1000,
    flush: { intervalMs: file.flush.interval * 1000, items: file.flush.items },
    retention: { maxAgeMs: file.retention.days * 86_400_000, heads: file.retention.heads },
    limits: resolveLimits(file.limits),
    ca: await resolveCa(source, file, findings),
    headMarker: resolveMarker(file, env, cwd, findings),
  };
  if (file.publishers.length + file.subscribers.length === 0) {
    findings.warnings.push("no log is configured: this node publishes nothing and can decide nothing");
  }
  if (logs.subscribers.length > 0 && config.remotes.length === 0) {
    findings.warn(["remotes"], "empty, so that no followed log can be reached");
  }
  if (findings.problems.length > 0) throw configError(path, findings.problems);
  return config;
}

/** Relative names start at `cwd`; messages keep them as they were given. */
function filesIn(cwd: string, files: Files): Files {
  return {
    readFile: (path, max) => files.readFile(resolve(cwd, path), max),
    mode: (path) => files.mode(resolve(cwd, path)),
  };
}

/** The real files. */
export const nodeFiles: Files = {
  async readFile(path, max) {
    const handle = await open(path, "r");
    try {
      // Never more than asked for, whatever the file's size says: devices say 0 and never end.
      const buffer = Buffer.alloc(max + 1);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return buffer.subarray(0, length);
    } finally {
      await handle.close();
    }
  },
  async mode(path) {
    try {
      return (await stat(path)).mode & 0o777;
    } catch {
      return undefined; // reading it says why
    }
  },
};

function resolveRemotes(file: ConfigFile, findings: Findings): string[] {
  const remotes = file.remotes.map((text, i) => findings.attempt(["remotes", i], () => parseRemote(text)));
  return [...new Set(remotes.filter((url) => url !== undefined))];
}

function resolveTokens(file: ConfigFile, findings: Findings): Map<string, PublicToken> {
  const tokens = new Map<string, PublicToken>();
  for (const [i, text] of file.write_tokens.entries()) {
    const path = ["write_tokens", i];
    const secret = 'something else came, "name:base64" of a 32-byte public key wanted (the public half of a token)';
    const token = findings.attempt(path, () => parsePublicToken(text), secret);
    if (token === undefined) continue;
    if (tokens.has(token.name)) findings.problem(path, `a second token named ${shownValue(token.name)}`);
    tokens.set(token.name, token);
  }
  return tokens;
}

function resolveUpstreams(file: ConfigFile, findings: Findings): Config["upstreams"] {
  return file.upstreams.flatMap((entry, i) => {
    const url = findings.attempt(["upstreams", i, "url"], () => parseUpstream(entry.url));
    const publicKeys = entry["public-keys"].map((text, k) => {
      // Nix's keys look as the public tokens do: a name, a colon, 32 bytes in base64.
      findings.attempt(["upstreams", i, "public-keys", k], () => parsePublicToken(text));
      return text.trim();
    });
    return url === undefined ? [] : [{ url, publicKeys }];
  });
}

function resolveListeners(file: ConfigFile, findings: Findings): Config["listeners"] {
  const seen = new Set<string>();
  return file.listeners.flatMap((entry, i) => {
    const path = ["listeners", i];
    const listener = findings.attempt([...path, "address"], () =>
      listenerOf(entry.address, {
        private: entry.private,
        metrics: entry.metrics,
        allowReplayableTokens: entry["allow-replayable-tokens"],
      }),
    );
    if (listener === undefined) return [];
    const id = JSON.stringify(listener.address);
    if (seen.has(id)) findings.problem([...path, "address"], `${entry.address} is listened on twice`);
    seen.add(id);
    if (listener.allowReplayableTokens && !listener.private) {
      findings.problem(
        [...path, "allow-replayable-tokens"],
        "true came, but Submit and Flush are private services, which this listener does not serve",
        "set private = true as well, or leave both out",
      );
    }
    return [listener];
  });
}

/** User names to numbers, as the system's own file has them. */
async function resolveOwners(file: ConfigFile, files: Files, findings: Findings): Promise<number[]> {
  const owners: number[] = [];
  let users: Map<string, number> | undefined;
  for (const [i, owner] of file["socket-owners"].entries()) {
    if (typeof owner === "number") {
      owners.push(owner);
      continue;
    }
    users ??= await readUsers(files);
    const uid = users.get(owner);
    if (uid === undefined) findings.problem(["socket-owners", i], `there is no user ${shownValue(owner)} here`);
    else owners.push(uid);
  }
  return owners;
}

async function readUsers(files: Files): Promise<Map<string, number>> {
  let text: string;
  try {
    text = Buffer.from(await files.readFile("/etc/passwd", 1 << 20)).toString("utf8");
  } catch {
    return new Map(); // then no name is known, and the message names the one that was asked for
  }
  return new Map(
    text.split("\n").flatMap((line) => {
      const [user, , uid] = line.split(":");
      return user && uid && /^\d+$/.test(uid) ? [[user, Number(uid)] as const] : [];
    }),
  );
}

function resolveLimits(limits: ConfigFile["limits"]): Limits {
  return {
    messageBytes: limits["message-bytes"],
    answerBytes: limits["answer-bytes"],
    headerBytes: limits["header-bytes"],
    valueBytes: limits["value-bytes"],
    submitItems: limits["submit-items"],
    waitingItems: limits["waiting-items"],
    entries: limits.entries,
    values: limits.values,
    calls: limits.calls,
    connections: limits.connections,
    streams: limits.streams,
    callMs: limits["call-seconds"] * 1000,
    headerMs: limits["header-seconds"] * 1000,
    bodyMs: limits["body-seconds"] * 1000,
    idleMs: limits["idle-seconds"] * 1000,
  };
}

function resolveMarker(
  file: ConfigFile,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
  findings: Findings,
): string | undefined {
  if (file["head-marker"] !== undefined) return resolve(cwd, file["head-marker"]);
  const base = env["XDG_CONFIG_HOME"] || (env["HOME"] && join(env["HOME"], ".config"));
  if (base) return join(base, "trustix", "heads");
  if (file.publishers.length === 0) return undefined;
  findings.problem(
    ["head-marker"],
    "missing, and neither XDG_CONFIG_HOME nor HOME says where the default is",
    'set head-marker = "/var/lib/trustix-heads" or another folder outside the state folder',
  );
  return undefined;
}
