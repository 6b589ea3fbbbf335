/**
 * Quorum written a second time, as the design page says it and without regard to cost: for each opinion, ask each group
 * whether it accepts, by looking at every voter again. Shares nothing with the counting under test but the types.
 */
import { toHex } from "@trustix/crypto";
import type { LogId } from "@trustix/protocol";
import type { Policy, Question, Quorum, Voter } from "../src/index.ts";

/** `opinion confidence`, `conflict` or `-`. */
export function literalQuorum(rule: Quorum, { policy, votes, opinions }: Question): string {
  const opinionOf = (logId: LogId): string | undefined => {
    const said = new Set(
      votes
        .filter((vote) => vote.logId === logId)
        .map((vote) => vote.outcome + (vote.digest ? toHex(vote.digest) : "")),
    );
    const vote = votes.find((one) => one.logId === logId);
    if (said.size !== 1 || vote?.outcome !== "claims") return undefined;
    const hex = toHex(vote.digest!);
    const opinion = opinions.get(hex);
    return opinion === undefined ? hex : toHex(opinion);
  };
  const operatorOf = (logId: LogId): string => voterOf(policy, logId)?.operator ?? `only ${logId}`;
  const isHonest = (operator: string): boolean => {
    const own = policy.voters.filter((voter) => operatorOf(voter.logId) === operator);
    return new Set(own.map(({ logId }) => opinionOf(logId)).filter((opinion) => opinion !== undefined)).size <= 1;
  };
  const everybody = policy.voters.map(({ logId }) => logId);
  const votersOf = (group: Quorum): readonly LogId[] =>
    group.voters ?? ((group.groups ?? []).length === 0 ? everybody : []);
  const holds = (operator: string, group: Quorum, opinion: string): boolean =>
    isHonest(operator) &&
    votersOf(group).some(
      (logId) => voterOf(policy, logId) !== undefined && operatorOf(logId) === operator && opinionOf(logId) === opinion,
    );
  const accepts = (group: Quorum, opinion: string): boolean => {
    let weight = 0;
    for (const operator of new Set(votersOf(group).map(operatorOf))) {
      const weights = votersOf(group)
        .filter((logId) => operatorOf(logId) === operator)
        .map((logId) => group.weights?.[logId] ?? 1);
      if (holds(operator, group, opinion)) weight += Math.max(...weights);
    }
    for (const inner of group.groups ?? []) if (accepts(inner, opinion)) weight += inner.weight ?? 1;
    return weight >= group.threshold;
  };
  const groupsOf = (group: Quorum): Quorum[] => [group, ...(group.groups ?? []).flatMap(groupsOf)];
  const all = new Set(everybody.map(opinionOf).filter((opinion) => opinion !== undefined));
  const accepted = [...all].filter((opinion) => accepts(rule, opinion));
  if (accepted.length !== 1) return accepted.length === 0 ? "-" : "conflict";
  const operators = [...new Set(groupsOf(rule).flatMap(votersOf).map(operatorOf))];
  const agreeing = operators.filter((one) => groupsOf(rule).some((group) => holds(one, group, accepted[0]!)));
  return `${accepted[0]} ${Math.floor((agreeing.length * 100) / operators.length)}`;
}

function voterOf(policy: Policy, logId: LogId): Voter | undefined {
  return policy.voters.find((voter) => voter.logId === logId);
}
