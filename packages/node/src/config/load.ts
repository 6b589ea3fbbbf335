/**
 * Reads a configuration: text, schema, names, keys. Either a `Config` that the daemon can start with, or one
 * `bad_config` error that lists everything wrong with the file.
 */
import { dirname, resolve } from "node:path";
import type { Crypto } from "@trustix/crypto";
import type { Sandbox } from "@trustix/decider";
import type { Config } from "./config.ts";
import { votersOf, warnOfSpellings } from "./find-voter.ts";
import { newFindings } from "./findings.ts";
import { type Files, filesIn, nodeFiles } from "../node-files.ts";
import { configError } from "./problems.ts";
import { readConfigText } from "./read-text.ts";
import { resolveDeciders } from "./resolve-deciders.ts";
import { resolveCa, resolvePublishers, type KeySource } from "./resolve-keys.ts";
import { refuseSameNames, resolveLogs } from "./resolve-logs.ts";
import {
  resolveRemotes,
  resolveTokens,
  resolveUpstreams,
  resolveListeners,
  resolveOwners,
  resolvePeers,
  resolveLimits,
  resolveStanding,
  resolveMarker,
} from "./resolve-settings.ts";
import { resolveVoters } from "./resolve-voters.ts";
import { validate } from "./validate.ts";

export interface LoadOptions {
  readonly crypto: Crypto;
  readonly files?: Files;
  /** Folder of head markers where the file names none. */
  readonly headMarkers?: string | undefined;
  /** Other folders where another environment may have put them. */
  readonly headMarkersElsewhere?: readonly string[];
  readonly cwd?: string;
  /** `false`: private keys are not read, and a publisher's `keys` is undefined. */
  readonly keys?: boolean;
  /** Checks the functions of `javascript` deciders; made only if there is one. */
  readonly sandbox?: () => Promise<Sandbox>;
}

/** Throws `NodeError` `bad_config`. */
export async function loadConfig(path: string, options: LoadOptions): Promise<Config> {
  const { crypto, cwd = process.cwd(), keys = true } = options;
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
  const caches = resolveVoters(crypto, file, [...logs.publishers, ...logs.subscribers], findings);
  const named = [...logs.publishers, ...logs.subscribers, ...caches];
  refuseSameNames(named, findings);
  const voters = votersOf(named);
  warnOfSpellings(voters, findings);
  const config: Config = {
    path,
    warnings: findings.warnings,
    storage: file.storage.type,
    publishers,
    subscribers: logs.subscribers,
    voters: caches,
    remotes: resolveRemotes(file, findings),
    ...resolvePeers(file, findings),
    writeTokens: resolveTokens(file, findings),
    deciders: resolveDeciders(file, voters, sandbox, findings),
    upstreams: resolveUpstreams(file, findings),
    publish: { allow: file.publish.allow, deny: file.publish.deny },
    listeners: resolveListeners(file, findings),
    socketOwners: await resolveOwners(file, files, findings),
    pollIntervalMs: file["poll-interval"] * 1000,
    decisionBudgetMs: file["decision-budget"] * 1000,
    flush: { intervalMs: file.flush.interval * 1000, items: file.flush.items },
    retention: { maxAgeMs: file.retention.days * 86_400_000, heads: file.retention.heads },
    limits: resolveLimits(file.limits),
    standing: resolveStanding(file.standing, findings),
    receipts: {
      keep: file.receipts.keep,
      maxAgeMs: file.receipts["max-age-days"] * 86_400_000,
      maxBytes: file.receipts["max-bytes"],
    },
    ca: await resolveCa(source, file, findings),
    headMarker: resolveMarker(file, options.headMarkers, resolve(cwd, dirname(path)), findings),
    headMarkersElsewhere: file["head-marker"] === undefined ? (options.headMarkersElsewhere ?? []) : [],
  };
  if (file.publishers.length + file.subscribers.length + file.voters.length === 0) {
    findings.warnings.push("no log and no cache is configured: this node publishes nothing and can decide nothing");
  }
  if (logs.subscribers.length > 0 && config.remotes.length === 0) {
    findings.warn(["remotes"], "empty, so that no followed log can be reached");
  }
  if (findings.problems.length > 0) throw configError(path, findings.problems);
  return config;
}
