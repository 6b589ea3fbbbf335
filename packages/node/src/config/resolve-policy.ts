/** What is done with a protocol's decisions, and its exceptions with names resolved and dates read. */
import { POLICY_BOUNDS, reachableWeight, type Exception, type Policy, type Voter } from "@trustix/decider";
import { NIX, type Protocol } from "@trustix/protocol";
import { findVoters } from "./find-voter.ts";
import type { Findings } from "./findings.ts";
import { shownValue } from "./problems.ts";
import type { ConfigFile } from "./schema.ts";

type PolicyTable = ConfigFile["policy"][string];
type ExceptionTable = PolicyTable["exceptions"][number];
type Path = readonly PropertyKey[];

/** A policy but for its rules and voters. */
export type PolicySettings = Omit<Policy, "protocol" | "rules" | "voters">;

export function resolvePolicy(
  table: PolicyTable,
  protocol: Protocol,
  voters: readonly Voter[],
  path: Path,
  findings: Findings,
): PolicySettings {
  const { mode, undecided } = table;
  const age = table["max-head-age"];
  if (undecided === "trust-upstream" && mode !== "enforce") {
    findings.warn([...path, "undecided"], `it says nothing under mode ${shownValue(mode)}`);
  }
  return {
    mode,
    undecided,
    waitBudgetMs: Math.round(table["wait-budget"] * 1000),
    maxHeadAgeMs: age === undefined ? undefined : Math.round(age * 1000),
    exceptions: table.exceptions.flatMap((exception, i) => {
      const resolved = resolveException(exception, protocol, voters, [...path, "exceptions", i], findings);
      return resolved === undefined ? [] : [resolved];
    }),
  };
}

function resolveException(
  table: ExceptionTable,
  protocol: Protocol,
  voters: readonly Voter[],
  path: Path,
  findings: Findings,
): Exception | undefined {
  const { match, reason } = table;
  const why = protocol.id === NIX.id ? whyNoMatch(match) : undefined;
  if (why !== undefined)
    findings.problem([...path, "match"], `${shownValue(match)} came, ${why.wanted} wanted`, why.hint);
  const expires = endOf(table.expires, [...path, "expires"], findings);
  const ids = findVoters(table.voters, voters, [...path, "voters"], findings);
  if (expires === undefined || ids === undefined) return undefined;
  const operators = reachableWeight({ threshold: 1, voters: ids }, voters);
  const threshold = table.threshold ?? operators;
  if (threshold > operators) {
    findings.problem(
      [...path, "threshold"],
      `${threshold} came, but its ${ids.length} voters have ${operators} operators: it could never decide`,
      "name more voters or lower the threshold",
    );
  }
  return { match, reason, expires, voters: ids, threshold };
}

/** A store path, or a glob of characters that names of store paths have. */
function whyNoMatch(match: string): { readonly wanted: string; readonly hint?: string } | undefined {
  if (match.startsWith("/")) {
    if (/^\/nix\/store\/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+\-._?=]{1,211}$/.test(match)) return undefined;
    const hint = match.includes("*") ? "a glob is on the name alone: write what follows the hash part" : undefined;
    return { wanted: "a whole store path, or a glob on the name", ...(hint !== undefined && { hint }) };
  }
  if (/^[0-9a-df-np-sv-z]{32}-/.test(match))
    return { wanted: "a name without its hash part", hint: `write /nix/store/${match}` };
  if (/^[0-9A-Za-z+\-._?=*]+$/.test(match)) return undefined;
  return { wanted: "letters, digits, +-._= and the wild cards * and ?" };
}

const DAY = 86_400_000;

/** Milliseconds since 1970: the moment, or the end of the day, UTC. */
function endOf(value: Date | string, path: Path, findings: Findings): number | undefined {
  // Dates of TOML write themselves as they were written.
  const text = typeof value === "string" ? value.trim() : value.toISOString();
  const end = /^\d{4}-\d\d-\d\d$/.test(text) ? endOfDay(text) : momentOf(text);
  if (end >= 0 && end <= POLICY_BOUNDS.time) return end;
  const hasNoZone = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/i.test(text);
  findings.problem(
    path,
    `${shownValue(text)} came, a date (2026-12-31) or a time with its zone (2026-12-31T12:00:00Z) wanted`,
    hasNoZone ? "write Z or +02:00 after it" : undefined,
  );
  return undefined;
}

/** NaN for a day that is not in the calendar. */
function endOfDay(text: string): number {
  const start = Date.parse(`${text}T00:00:00Z`);
  return Number.isFinite(start) && new Date(start).toISOString().startsWith(text) ? start + DAY : NaN;
}

function momentOf(text: string): number {
  return /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text)
    ? Date.parse(text.replace(" ", "T"))
    : NaN;
}
