/** Who may vote, and how a file names them. */
import type { Voter } from "@trustix/decider";
import type { LogId, Protocol } from "@trustix/protocol";
import type { LogConfig } from "./config.ts";
import type { Findings } from "./findings.ts";
import { shownNames, shownValue } from "./problems.ts";

/** A voter of one protocol, whatever it is: a log of this node, a followed one, a binary cache. */
export interface ConfiguredVoter extends Voter {
  readonly protocol: Protocol;
}

export function votersOf(logs: readonly LogConfig[]): ConfiguredVoter[] {
  return logs.map(({ info, name, operator }) => ({ logId: info.id, name, operator, protocol: info.protocol }));
}

/** Two spellings of one operator would count twice. */
export function warnOfSpellings(voters: readonly ConfiguredVoter[], findings: Findings): void {
  const spellings = new Map<string, string>();
  for (const { operator } of voters) {
    if (operator === undefined) continue;
    const plain = operator.toLowerCase().replaceAll(/[ ._-]/g, "");
    const earlier = spellings.get(plain);
    if (earlier !== undefined && earlier !== operator) {
      findings.warn(["operator"], `${shownValue(earlier)} and ${shownValue(operator)} count as two operators`);
    }
    spellings.set(plain, operator);
  }
}

/** The voter of that name or id, else a problem that names the nearest. */
export function findVoter(
  text: string,
  voters: readonly Voter[],
  path: readonly PropertyKey[],
  findings: Findings,
): LogId | undefined {
  const found = voters.find(({ logId, name }) => name === text || logId === text.toLowerCase());
  if (found !== undefined) return found.logId;
  const names = voters.map(({ name }) => name);
  const near = findings.nearest(text, names);
  findings.problem(
    path,
    `${shownValue(text)} is no configured voter of this protocol; there are: ${shownNames(names)}`,
    near === undefined ? undefined : `did you mean ${near}?`,
  );
  return undefined;
}

/** Each of a list, once; `undefined` after a problem with any. */
export function findVoters(
  texts: readonly string[],
  voters: readonly Voter[],
  path: readonly PropertyKey[],
  findings: Findings,
): LogId[] | undefined {
  const ids = texts.map((text, i) => findVoter(text, voters, [...path, i], findings));
  if (ids.includes(undefined)) return undefined;
  if (new Set(ids).size < ids.length) {
    findings.problem(path, "one voter is listed twice", "a voter has one vote, whatever it is called");
  }
  return [...new Set(ids as LogId[])];
}
