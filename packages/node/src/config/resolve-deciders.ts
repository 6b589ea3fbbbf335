/** Rules with names resolved to logs. A rule that could never decide is refused, unless an existing file may hold it. */
import { POLICY_DEFAULTS, type Policy, type Rule, type Sandbox } from "@trustix/decider";
import type { LogId } from "@trustix/protocol";
import type { LogConfig } from "./config.ts";
import type { Findings } from "./findings.ts";
import { shownNames, shownValue } from "./problems.ts";
import { resolveProtocol } from "./resolve-logs.ts";
import type { ConfigFile } from "./schema.ts";

type Entry = ConfigFile["decider"][string][number];
type Path = readonly PropertyKey[];

/** `sandbox` checks `javascript` functions; without one they are taken as they are. */
export function resolveDeciders(
  file: ConfigFile,
  logs: readonly LogConfig[],
  sandbox: Sandbox | undefined,
  findings: Findings,
): Policy[] {
  const seen = new Map<string, string>();
  return Object.entries(file.decider).flatMap(([key, entries]) => {
    const protocol = resolveProtocol(key, ["decider", key], findings);
    if (protocol === undefined) return [];
    const earlier = seen.get(protocol.id);
    if (earlier !== undefined) {
      findings.problem(["decider", key], `the same protocol as decider.${earlier}`, "put all its rules in one list");
      return [];
    }
    seen.set(protocol.id, key);
    const voters = logs
      .filter(({ info }) => info.protocol.id === protocol.id)
      .map(({ info, name }) => ({ logId: info.id, name }));
    const rules = entries.flatMap((entry, i) => resolveRule(entry, voters, sandbox, ["decider", key, i], findings));
    return [{ ...POLICY_DEFAULTS, protocol, rules, voters }];
  });
}

type Voters = Policy["voters"];

function resolveRule(
  entry: Entry,
  voters: Voters,
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
    case "quorum":
      return resolveQuorum(entry.quorum!, voters, [...path, "quorum"], findings);
    case "percentage":
      return [{ engine: "percentage", minimum: entry.percentage!.minimum }];
    case "logid": {
      const id = findVoter(entry.logid!.id, voters, [...path, "logid", "id"], findings, true);
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

function resolveQuorum(settings: NonNullable<Entry["quorum"]>, voters: Voters, path: Path, findings: Findings): Rule[] {
  const named = settings.voters?.map((text, i) => findVoter(text, voters, [...path, "voters", i], findings, false));
  if (named?.includes(undefined)) return [];
  const ids = named as LogId[] | undefined;
  if (ids !== undefined && new Set(ids).size < ids.length) {
    findings.problem([...path, "voters"], "one log is listed twice", "a log has one vote, whatever it is called");
  }
  const n = ids === undefined ? voters.length : new Set(ids).size;
  if (settings.threshold > n) {
    const who = ids === undefined ? `there are ${n} configured logs of this protocol` : `${n} voters are listed`;
    findings.problem(
      [...path, "threshold"],
      `${settings.threshold} came, but ${who}: nothing could ever be decided`,
      "add logs under [[subscribers]] or lower the threshold",
    );
  } else if (settings.threshold * 2 <= n) {
    findings.warn(
      [...path, "threshold"],
      `${settings.threshold} of ${n} is no majority: two values can both have enough`,
    );
  }
  return [{ engine: "quorum", threshold: settings.threshold, voters: ids }];
}

/** `tolerant`: an id that is not configured is only warned about, as files of the existing program may hold one. */
function findVoter(text: string, voters: Voters, path: Path, findings: Findings, tolerant: boolean): LogId | undefined {
  const id = text.toLowerCase();
  const found = voters.find(({ logId, name }) => name === text || logId === id);
  if (found !== undefined) return found.logId;
  const isId = /^[0-9a-f]{64}$/i.test(text);
  if (tolerant && isId) {
    findings.warn(path, `log ${text} is not configured: this rule never decides`);
    return id as LogId;
  }
  const names = voters.map(({ name }) => name);
  const near = findings.nearest(text, names);
  findings.problem(
    path,
    `${shownValue(text)} is no configured log of this protocol; there are: ${shownNames(names)}`,
    near === undefined ? undefined : `did you mean ${near}?`,
  );
  return undefined;
}
