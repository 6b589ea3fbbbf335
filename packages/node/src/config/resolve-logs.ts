/** Publishers and subscribers to logs with ids and names; no id and no name stands for two logs. */
import { type Crypto, toHex } from "@trustix/crypto";
import {
  findProtocol,
  logIdOf,
  parsePublicKey,
  PROTOCOLS,
  type LogId,
  type LogInfo,
  type Protocol,
} from "@trustix/protocol";
import { parseUpstream } from "./addresses.ts";
import type { LogConfig, SubscriberConfig } from "./config.ts";
import type { Findings } from "./findings.ts";
import { shownValue } from "./problems.ts";
import type { ConfigFile } from "./schema.ts";

export interface ResolvedLogs {
  /** In file order, with the position in the file: one that is wrong is left out. */
  readonly publishers: readonly (LogConfig & { readonly position: number; readonly signer: string })[];
  readonly subscribers: readonly SubscriberConfig[];
}

export function resolveLogs(crypto: Crypto, file: ConfigFile, findings: Findings): ResolvedLogs {
  const seen = new Map<LogId, string>();
  const publishers = file.publishers.flatMap((entry, position) => {
    const path = ["publishers", position];
    const log = resolveLog(crypto, entry, path, findings);
    if (log === undefined) return [];
    const earlier = seen.get(log.info.id);
    if (earlier !== undefined) {
      findings.problem(path, `the same log as ${earlier} (${log.info.id})`, "remove one of the two");
      return [];
    }
    seen.set(log.info.id, `publishers[${position}]`);
    return [{ ...log, position, signer: entry.signer }];
  });
  const subscribers = file.subscribers.flatMap((entry, position) => {
    const path = ["subscribers", position];
    const log = resolveLog(crypto, entry, path, findings);
    if (log === undefined) return [];
    const earlier = seen.get(log.info.id);
    if (earlier?.startsWith("publishers")) {
      findings.warn(path, `this node publishes the log itself (${earlier}): the subscription is ignored`);
      return [];
    }
    if (earlier !== undefined) {
      findings.problem(
        path,
        `the same log as ${earlier} (${log.info.id})`,
        "a log has one vote: remove one of the two",
      );
      return [];
    }
    seen.set(log.info.id, `subscribers[${position}]`);
    return [{ ...log, copy: copyOf(entry) }];
  });
  findSharedKeys(publishers, subscribers, findings);
  return { publishers, subscribers };
}

/** A head does not say which protocol it is of: two logs of one key convict each other (docs/design/evidence.md). */
function findSharedKeys(publishers: readonly LogConfig[], subscribers: readonly LogConfig[], findings: Findings): void {
  const first = new Map<string, LogConfig>();
  for (const log of [...publishers, ...subscribers]) {
    const key = toHex(log.info.publicKey);
    const other = first.get(key) ?? log;
    first.set(key, other);
    if (other === log) continue;
    const text = `${shownValue(other.name)} and ${shownValue(log.name)} have one key: a head of one is proof against the other`;
    const isOwn = publishers.includes(other) && publishers.includes(log);
    if (isOwn) findings.problem(["publicKey"], text, "make a key for each log with `trustix generate-key`");
    else findings.warn(["publicKey"], `${text}, so both can be excluded`);
  }
}

function copyOf({ syncmode, values }: ConfigFile["subscribers"][number]): SubscriberConfig["copy"] {
  if (syncmode === "light") return "none";
  return values === "eager" ? "values" : "entries";
}

type LogEntry = ConfigFile["subscribers"][number] | ConfigFile["publishers"][number];

function resolveLog(
  crypto: Crypto,
  entry: LogEntry,
  path: readonly PropertyKey[],
  findings: Findings,
): LogConfig | undefined {
  const protocol = resolveProtocol(entry.protocol, [...path, "protocol"], findings);
  const publicKey = findings.attempt(
    [...path, "publicKey", "key"],
    () => parsePublicKey(entry.publicKey.key),
    looksPrivate(entry.publicKey.key) ? "a private key came, the public one wanted: 32 bytes in base64" : undefined,
  );
  if (protocol === undefined || publicKey === undefined) return undefined;
  const id = logIdOf(crypto, { protocol, publicKey });
  const info: LogInfo = { id, protocol, publicKey, meta: checkMeta(entry.meta, path, findings) };
  return { info, name: entry.name ?? id.slice(0, 8), operator: entry.operator };
}

/** 64 bytes make 88 digits; somebody who pastes a private key must not find it in a log file. */
function looksPrivate(key: string): boolean {
  return key.trim().length > 60;
}

/** The protocol of that name or id, else a problem that names the nearest. */
export function resolveProtocol(text: string, path: readonly PropertyKey[], findings: Findings): Protocol | undefined {
  const found = findProtocol(text.trim());
  if (found !== undefined) return found;
  const near = findings.nearest(
    text,
    PROTOCOLS.flatMap(({ id, name }) => [name, id]),
  );
  const known = PROTOCOLS.map(({ name }) => name).join(", ");
  findings.problem(
    path,
    `protocol ${shownValue(text)} is not known; known are ${known}`,
    near === undefined ? undefined : `did you mean ${near}?`,
  );
  return undefined;
}

function checkMeta(
  meta: Record<string, string>,
  path: readonly PropertyKey[],
  findings: Findings,
): Record<string, string> {
  if (meta["upstream"] !== undefined) {
    try {
      parseUpstream(meta["upstream"]);
    } catch (error) {
      // A warning: notes of the existing program are free text.
      findings.warn([...path, "meta", "upstream"], `no outputs can be fetched: ${(error as Error).message}`);
    }
  }
  return meta;
}

/** Of logs and other voters: a name in a policy must mean one of them. */
export function refuseSameNames(named: readonly LogConfig[], findings: Findings): void {
  const byName = new Map<string, LogConfig>();
  for (const log of named) {
    const other = byName.get(log.name);
    if (other !== undefined) {
      findings.problem(
        ["name"],
        `${shownValue(log.name)} is the name of two voters, ${other.info.id} and ${log.info.id}`,
        "give one of them another name",
      );
    }
    byName.set(log.name, log);
  }
}
