/**
 * A policy as JSON, so that it can be kept with what it decided. There is one form of it: fields in this order, nothing that
 * is a default of its field's absence, sets sorted. Reading takes no other, and nothing over `POLICY_BOUNDS`: whoever
 * reads a policy of others hears of the first thing wrong, by its place.
 *
 *     {"version":1,"protocol":"5138a791-...","voters":[{"id":"5fea...","name":"mercury","operator":"acme"}],
 *      "rules":[{"engine":"quorum","threshold":2,"groups":[{"name":"builders","threshold":1,"voters":["5fea..."]}]}],
 *      "exceptions":[{"match":"hello-*","reason":"...","expires":1790000000000,"voters":["5fea..."],"threshold":1}],
 *      "mode":"enforce","undecided":"build","waitBudgetMs":30000,"maxHeadAgeMs":86400000}
 */
import { parseLogId, ProtocolError, protocolFromWire, type LogId } from "@trustix/protocol";
import { compareText, votersByName } from "./count-votes.ts";
import { at, fieldsOf, listOf, oneOf, textOf, wholeOf, wrong, type Place } from "./json-fields.ts";
import {
  NAME,
  POLICY_BOUNDS,
  POLICY_MODES,
  RULE_ENGINES,
  UNDECIDED_RULES,
  type Exception,
  type Policy,
  type Quorum,
  type QuorumGroup,
  type Rule,
  type Voter,
} from "./policy.ts";

/** What `JSON.stringify` makes the canonical text of. */
export type PolicyJson = { readonly version: 1 } & Readonly<Record<string, unknown>>;

const VERSION = 1;
const B = POLICY_BOUNDS;

export function policyToJson(policy: Policy): PolicyJson {
  const { protocol, rules, exceptions, mode, undecided, waitBudgetMs, maxHeadAgeMs } = policy;
  return {
    version: VERSION,
    protocol: protocol.id,
    voters: votersById(policy).map(voterToJson),
    rules: rules.map(ruleToJson),
    exceptions: sortedByText(exceptions.map(exceptionToJson)),
    mode,
    undecided,
    waitBudgetMs,
    ...(maxHeadAgeMs !== undefined && { maxHeadAgeMs }),
  };
}

function voterToJson({ logId, name, operator }: Voter): object {
  return { id: logId, name, ...(operator !== undefined && { operator }) };
}

/** Each once, as decisions count them. */
function votersById(policy: Policy): Voter[] {
  const voters = new Map<LogId, Voter>();
  for (const voter of votersByName(policy)) if (!voters.has(voter.logId)) voters.set(voter.logId, voter);
  return [...voters.values()].sort((a, b) => compareText(a.logId, b.logId));
}

function ruleToJson(rule: Rule): object {
  switch (rule.engine) {
    case "quorum":
      return { engine: rule.engine, ...quorumToJson(rule) };
    case "percentage":
      return { engine: rule.engine, minimum: rule.minimum };
    case "logid":
      return { engine: rule.engine, id: rule.id };
    case "javascript":
      return { engine: rule.engine, source: rule.source };
  }
}

function quorumToJson({ threshold, voters, weights = {}, groups = [] }: Quorum): object {
  // A weight of somebody who is no member means nothing, and neither does 1.
  const isMember = (id: string): boolean => (voters === undefined ? groups.length === 0 : voters.includes(id as LogId));
  const heavy = Object.entries(weights).filter(([id, weight]) => weight !== 1 && isMember(id));
  return {
    threshold,
    ...(voters !== undefined && { voters: sortedSet(voters) }),
    ...(heavy.length > 0 && { weights: Object.fromEntries(heavy.sort(([a], [b]) => compareText(a, b))) }),
    ...(groups.length > 0 && { groups: sortedByText(groups.map(groupToJson)) }),
  };
}

function groupToJson(group: QuorumGroup): object {
  const { name, weight = 1 } = group;
  return { ...(name !== undefined && { name }), ...(weight !== 1 && { weight }), ...quorumToJson(group) };
}

function exceptionToJson({ match, reason, expires, voters, threshold }: Exception): object {
  return { match, reason, expires, voters: sortedSet(voters), threshold };
}

function sortedSet(ids: readonly LogId[]): LogId[] {
  return [...new Set(ids)].sort();
}

function sortedByText<T extends object>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, text: JSON.stringify(item) }))
    .sort((a, b) => compareText(a.text, b.text))
    .map(({ item }) => item);
}

/** `value` as `JSON.parse` gives it. Throws `ProtocolError` that names the place. */
export function policyFromJson(value: unknown): Policy {
  const place = "policy";
  const fields = fieldsOf(value, place, [
    "version",
    "protocol",
    "voters",
    "rules",
    "exceptions",
    "mode",
    "undecided",
    "waitBudgetMs",
    "maxHeadAgeMs?",
  ]);
  if (fields["version"] !== VERSION) throw wrong(at(place, "version"), fields["version"], `version ${VERSION}`);
  const voters = listOf(fields["voters"], at(place, "voters"), 0, B.voters, readVoter);
  const policy: Policy = {
    protocol: within(at(place, "protocol"), () =>
      protocolFromWire(textOf(fields["protocol"], at(place, "protocol"), 36)),
    ),
    voters,
    rules: listOf(fields["rules"], at(place, "rules"), 0, B.rules, readRule),
    exceptions: listOf(fields["exceptions"], at(place, "exceptions"), 0, B.exceptions, readException),
    mode: oneOf(fields["mode"], at(place, "mode"), POLICY_MODES),
    undecided: oneOf(fields["undecided"], at(place, "undecided"), UNDECIDED_RULES),
    waitBudgetMs: wholeOf(fields["waitBudgetMs"], at(place, "waitBudgetMs"), 0, B.duration),
    maxHeadAgeMs:
      fields["maxHeadAgeMs"] === undefined
        ? undefined
        : wholeOf(fields["maxHeadAgeMs"], at(place, "maxHeadAgeMs"), 0, B.duration),
  };
  // One form for one policy: whoever compares two compares bytes.
  if (JSON.stringify(policyToJson(policy)) !== JSON.stringify(value)) {
    throw new ProtocolError(
      "malformed",
      `${place}: it is not in its one form (fields in order, sets sorted, no default written out)`,
    );
  }
  return policy;
}

function readVoter(value: unknown, place: Place): Voter {
  const { id, name, operator } = fieldsOf(value, place, ["id", "name", "operator?"]);
  return {
    logId: readId(id, at(place, "id")),
    name: nameOf(name, at(place, "name")),
    operator: operator === undefined ? undefined : nameOf(operator, at(place, "operator")),
  };
}

function readRule(value: unknown, place: Place): Rule {
  const engine = oneOf((value as { engine?: unknown } | null)?.engine, at(place, "engine"), RULE_ENGINES);
  switch (engine) {
    case "quorum": {
      const room = { seats: B.seats as number, groups: B.groups as number };
      return { engine, ...readQuorum(value, place, ["engine"], B.depth, room) };
    }
    case "percentage": {
      const { minimum } = fieldsOf(value, place, ["engine", "minimum"]);
      return { engine, minimum: wholeOf(minimum, at(place, "minimum"), 0, 100) };
    }
    case "logid": {
      const { id } = fieldsOf(value, place, ["engine", "id"]);
      return { engine, id: readId(id, at(place, "id")) };
    }
    case "javascript": {
      const { source } = fieldsOf(value, place, ["engine", "source"]);
      return { engine, source: textOf(source, at(place, "source"), B.source) };
    }
  }
}

/** What one rule may still list. */
interface Room {
  seats: number;
  groups: number;
}

function readQuorum(value: unknown, place: Place, more: readonly string[], depth: number, room: Room): Quorum {
  const fields = fieldsOf(value, place, [...more, "threshold", "voters?", "weights?", "groups?"]);
  const { voters, weights, groups } = fields;
  const ids = voters === undefined ? undefined : readIds(voters, at(place, "voters"), room.seats);
  room.seats -= ids?.length ?? 0;
  const threshold = wholeOf(fields["threshold"], at(place, "threshold"), 1, B.threshold);
  const read = { threshold, voters: ids, weights: readWeights(weights, at(place, "weights"), ids) };
  if (groups === undefined) return { ...read, groups: undefined };
  const inside = at(place, "groups");
  if (depth === 0) throw wrong(inside, groups, `groups at most ${B.depth} deep`);
  const list = listOf(groups, inside, 1, room.groups, (item, where) => ({ item, where }));
  room.groups -= list.length;
  return { ...read, groups: list.map(({ item, where }) => readGroup(item, where, depth - 1, room)) };
}

function readGroup(value: unknown, place: Place, depth: number, room: Room): QuorumGroup {
  const quorum = readQuorum(value, place, ["name?", "weight?"], depth, room);
  const { name, weight } = value as { name?: unknown; weight?: unknown };
  return {
    name: name === undefined ? undefined : nameOf(name, at(place, "name")),
    weight: weight === undefined ? undefined : wholeOf(weight, at(place, "weight"), 2, B.weight),
    ...quorum,
  };
}

function readWeights(value: unknown, place: Place, ids: readonly LogId[] | undefined): Quorum["weights"] {
  if (value === undefined) return undefined;
  const entries = Object.entries(fieldsOf(value, place, undefined));
  if (entries.length === 0 || entries.length > B.voters) {
    throw wrong(place, `${entries.length} weights`, `1 to ${B.voters} of them`);
  }
  const known = ids === undefined ? undefined : new Set<string>(ids);
  const weights: Record<LogId, number> = {};
  for (const [id, weight] of entries) {
    const voter = readId(id, place);
    if (known?.has(voter) === false) throw wrong(at(place, voter), weight, "a voter of the same group");
    weights[voter] = wholeOf(weight, at(place, voter), 2, B.weight);
  }
  return weights;
}

function readException(value: unknown, place: Place): Exception {
  const fields = fieldsOf(value, place, ["match", "reason", "expires", "voters", "threshold"]);
  const voters = readIds(fields["voters"], at(place, "voters"), B.voters);
  return {
    match: textOf(fields["match"], at(place, "match"), B.match),
    reason: textOf(fields["reason"], at(place, "reason"), B.reason),
    expires: wholeOf(fields["expires"], at(place, "expires"), 0, B.time),
    voters,
    threshold: wholeOf(fields["threshold"], at(place, "threshold"), 1, B.threshold),
  };
}

function readIds(value: unknown, place: Place, max: number): LogId[] {
  return listOf(value, place, 1, max, readId);
}

function readId(value: unknown, place: Place): LogId {
  return within(place, () => parseLogId(textOf(value, place, 64)));
}

function nameOf(value: unknown, place: Place): string {
  const name = textOf(value, place, 64);
  if (!NAME.test(name)) throw wrong(place, name, "1 to 64 letters, digits, dots, hyphens, underscores or spaces");
  return name;
}

/** The same error with the place in front. */
function within<T>(place: Place, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.message.startsWith(place)) throw error;
    throw new ProtocolError(error.code, `${place}: ${error.message}`, { cause: error });
  }
}
