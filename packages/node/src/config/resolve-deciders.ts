/** The policies of a file: rules, voters and settings by protocol. A rule that could never decide is refused, unless an existing file may hold it. */
import { POLICY_DEFAULTS, type Policy, type Rule, type Sandbox, type Voter } from "@trustix/decider";
import type { LogId, Protocol } from "@trustix/protocol";
import { findVoter, type ConfiguredVoter } from "./find-voter.ts";
import type { Findings } from "./findings.ts";
import { resolveProtocol } from "./resolve-logs.ts";
import { resolvePolicy } from "./resolve-policy.ts";
import { resolveQuorum } from "./resolve-quorum.ts";
import type { ConfigFile } from "./schema.ts";

type Entry = ConfigFile["decider"][string][number];
type Path = readonly PropertyKey[];

/** `sandbox` checks `javascript` functions; without one they are taken as they are. */
export function resolveDeciders(
  file: ConfigFile,
  voters: readonly ConfiguredVoter[],
  sandbox: Sandbox | undefined,
  findings: Findings,
): Policy[] {
  const lists = byProtocol(file.decider, "decider", "put all its rules in one list", findings);
  const tables = byProtocol(file.policy, "policy", "put all its settings in one table", findings);
  for (const { protocol, path } of tables.values()) {
    if (lists.has(protocol.id)) continue;
    findings.problem(path, "this protocol has no rules", `add [[decider.${protocol.name}]], or take this out`);
  }
  return [...lists.values()].map(({ protocol, path, value: entries }) => {
    const own = voters
      .filter((voter) => voter.protocol.id === protocol.id)
      .map(({ logId, name, operator }): Voter => ({ logId, name, operator }));
    const rules = entries.flatMap((entry, i) => resolveRule(entry, own, sandbox, [...path, i], findings));
    const table = tables.get(protocol.id);
    const settings = table && resolvePolicy(table.value, protocol, own, table.path, findings);
    return { ...POLICY_DEFAULTS, ...settings, protocol, rules, voters: own };
  });
}

interface OfProtocol<T> {
  readonly protocol: Protocol;
  readonly path: Path;
  readonly value: T;
}

/** By id: a protocol may be written by name or id, but not by both. */
function byProtocol<T>(
  tables: Readonly<Record<string, T>>,
  section: string,
  hint: string,
  findings: Findings,
): Map<string, OfProtocol<T>> {
  const found = new Map<string, OfProtocol<T>>();
  for (const [key, value] of Object.entries(tables)) {
    const path = [section, key];
    const protocol = resolveProtocol(key, path, findings);
    if (protocol === undefined) continue;
    const earlier = found.get(protocol.id);
    if (earlier === undefined) found.set(protocol.id, { protocol, path, value });
    else findings.problem(path, `the same protocol as ${earlier.path.map(String).join(".")}`, hint);
  }
  return found;
}

function resolveRule(
  entry: Entry,
  voters: readonly Voter[],
  sandbox: Sandbox | undefined,
  path: Path,
  findings: Findings,
): Rule[] {
  const settings = entry[entry.engine];
  if (settings === undefined) {
    findings.problem([...path, entry.engine], `missing; a table with the settings of engine "${entry.engine}" wanted`);
    return [];
  }
  switch (entry.engine) {
    case "quorum": {
      const quorum = resolveQuorum(entry.quorum!, voters, [...path, "quorum"], findings);
      return quorum === undefined ? [] : [{ engine: "quorum", ...quorum }];
    }
    case "percentage":
      return [{ engine: "percentage", minimum: entry.percentage!.minimum }];
    case "logid": {
      const id = oneVoter(entry.logid!.id, voters, [...path, "logid", "id"], findings);
      return id === undefined ? [] : [{ engine: "logid", id }];
    }
    case "javascript": {
      const source = entry.javascript!.function;
      const why = sandbox?.check(source);
      if (why !== undefined) findings.problem([...path, "javascript", "function"], `it cannot be used: ${why}`);
      return [{ engine: "javascript", source }];
    }
  }
}

/** An id that is not configured is only warned about: files of the existing program may hold one. */
function oneVoter(text: string, voters: readonly Voter[], path: Path, findings: Findings): LogId | undefined {
  const id = text.toLowerCase();
  const isKnown = voters.some(({ logId, name }) => logId === id || name === text);
  if (isKnown || !/^[0-9a-f]{64}$/.test(id)) return findVoter(text, voters, path, findings);
  findings.warn(path, `voter ${text} is not configured: this rule never decides`);
  return id as LogId;
}
